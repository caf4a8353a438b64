"""Tokens in forms."""

from __future__ import annotations

import pytest

from service.settings import BasicAuthSettings
from service.web.form_token import VALID_SECONDS, FormTokens
from service.web.routes import RequestRefused

PURPOSE = "/rollback\nv1"


def credentials(password="secret", username="anna"):
    return BasicAuthSettings(basic_auth_username=username, basic_auth_password=password)


def is_taken(tokens, token, purpose=PURPOSE):
    try:
        tokens.require(token, purpose)
    except RequestRefused as refusal:
        assert refusal.status == 403
        assert "Nothing was changed" in refusal.reason
        return False
    return True


def test_each_replica_takes_the_tokens_of_the_others_for_an_hour():
    one, later = FormTokens(credentials(), lambda: 5000.0), FormTokens(credentials(), lambda: 5001.0 + VALID_SECONDS)
    token = one.make(PURPOSE)
    assert is_taken(FormTokens(credentials(), lambda: 5100.0), token)
    assert not is_taken(later, token)


def test_a_token_is_for_one_purpose_and_one_password():
    token = FormTokens(credentials()).make(PURPOSE)
    assert not is_taken(FormTokens(credentials()), token, "/rollback\nv2")
    assert not is_taken(FormTokens(credentials("other")), token)
    assert not is_taken(FormTokens(credentials(username="bob")), token)


def test_without_a_password_a_token_is_of_one_process():
    one, other = FormTokens(credentials("", "")), FormTokens(credentials("", ""))
    assert is_taken(one, one.make(PURPOSE))
    assert not is_taken(other, one.make(PURPOSE))


@pytest.mark.parametrize("token", ["", ".", "1.", "x.y", "9999999999.", "é.é", "1e3.0", "-1.0"])
def test_what_is_no_token_is_refused(token):
    assert not is_taken(FormTokens(credentials()), token)


def test_the_time_of_a_token_cannot_be_changed():
    tokens = FormTokens(credentials(), lambda: 5000.0)
    made, _, signature = tokens.make(PURPOSE).partition(".")
    assert not is_taken(tokens, f"{int(made) + 1}.{signature}")
