"""`spanloop`: its list of commands, the help, completion, and what it says of what there is not."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from docs.commands import PAGE, page
from service import __version__
from service.settings import ROOT
from spanloop.__main__ import app
from spanloop.commands import PLACES, outlines

HEAVY = "torch gliner transformers bentoml matplotlib kubernetes numpy httpx"


def call(*arguments):
    found = CliRunner().invoke(app, arguments)
    return found.exit_code, re.sub(r"[\s│]+", " ", found.output)


def started(*arguments, **environment):
    """The program, as a shell starts it."""
    return subprocess.run(
        [sys.executable, "-m", "spanloop", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_help_lists_every_command_in_its_group_with_one_line():
    status, output = call("--help")
    assert status == 0
    for place in PLACES:
        assert f"─ {place.panel} ─" in output
        assert f" {place.name} {outlines()[place.name].help}" in output


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_each_command_explains_itself_by_an_example_that_it_understands(place):
    status, output = call(place.name, "--help")
    assert status == 0
    assert f"Usage: spanloop {place.name} " in output.replace("Usage: root", "Usage: spanloop")
    assert f"Example: {place.example}" in output
    program, name, *words = place.example.split()
    assert (program, name) == ("spanloop", place.name)
    outlines()[name].load().make_context(name, words)  # refuses what it does not understand


@pytest.mark.parametrize("asked", [["--help"], ["serve", "--help"], ["demo", "--help"], ["doctor", "--help"]])
def test_a_help_loads_neither_a_model_nor_a_client(asked):
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom spanloop.__main__ import app\n"
        f"assert CliRunner().invoke(app, {asked!r}).exit_code == 0\n"
        f"print(sorted(set({HEAVY.split()!r}) & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_it_says_its_version():
    assert started("--version").stdout == f"spanloop {__version__}\n"


def test_a_mistyped_command_is_an_error_that_names_the_one_that_was_meant():
    status, output = call("versons")
    assert status == 2
    assert "Did you mean 'versions'?" in output


def test_an_error_of_a_command_is_its_exit_status(tmp_path):
    done = started("promote", "v9", SPANLOOP_HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert "There is no version 'v9'" in done.stderr


def test_the_shell_completes_commands_and_their_options():
    script = started("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1").stdout
    assert "complete -o default -F _spanloop_completion spanloop" in script
    for typed, expected in (("spanloop pro", {"projects", "problems", "promote"}), ("spanloop show --j", {"--json"})):
        words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
        found = started(_SPANLOOP_COMPLETE="complete_bash", **words).stdout
        assert {*found.split()} == expected


def test_a_demonstration_that_is_not_installed_is_said_to_be_in_the_projects_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("service.settings.ROOT", tmp_path)
    status, output = call("demo")
    assert status == 1
    assert "not part of this installation" in output
    assert "make demo" in output


def test_a_demonstration_without_label_studio_says_who_installs_it(tmp_path):
    missing = str(tmp_path / "label-studio")
    status, output = call("demo", "--program", missing)
    assert status == 1
    assert f"There is no program {missing}" in output.replace("\n", "")
    assert "Run `make demo`" in output


def test_the_reference_is_what_the_commands_say():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m docs.commands"
