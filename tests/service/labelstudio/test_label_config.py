from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.labelstudio.controls import fingerprint
from service.labelstudio.label_config import LabelConfigError, notes, parse
from service.model.graphemes import is_blank

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Co", "Cn")), min_size=1, max_size=12)
XML_NAMES = NAMES.map(lambda name: "x" if all(map(is_blank, name)) else name.strip())


def config(inside: str, text: str = '<Text name="text" value="$text"/>') -> str:
    return f'<View><Labels name="label" toName="text">{inside}</Labels>{text}</View>'


@st.composite
def random_configs(draw):
    """A config with some span controls between others, and what they should be read as."""
    body, wanted = [], []
    for number in range(draw(st.integers(1, 4))):
        tag = draw(st.sampled_from(["Labels", "HyperTextLabels", "labels"]))
        target = draw(st.sampled_from(["Text", "HyperText"]))
        labels = draw(st.lists(XML_NAMES, min_size=1, max_size=5, unique_by=lambda n: " ".join(n.split())))
        inside = "".join(f"<Label value={quoteattr(label)}/>" for label in labels)
        if draw(st.booleans()):
            inside = f"<View>{inside}</View>"
        key = draw(st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True))
        body.append(f'<{target} name="object{number}" value="${key}"/>')
        body.append(f'<{tag} name="control{number}" toName="object{number}">{inside}</{tag}>')
        body.append(f'<Choices name="choice{number}" toName="object{number}"><Choice value="yes"/></Choices>')
        wanted.append((f"control{number}", f"object{number}", tag.lower(), f"${key}", labels))
    return f"<View>{''.join(body)}</View>", wanted


@given(random_configs())
def test_every_span_control_is_read_with_its_own_names_key_and_labels(given_config):
    text, wanted = given_config
    found = [(c.name, c.to_name, c.kind, c.shown.value, [value for value, _ in c.labels]) for c in parse(text)]
    assert found == wanted


@given(st.text(max_size=200))
def test_no_text_at_all_makes_the_parser_fail_otherwise_than_with_its_own_error(text):
    try:
        assert parse(text)
    except LabelConfigError as error:
        assert str(error)


def test_an_alias_goes_into_regions_and_the_value_is_asked():
    (control,) = parse(config('<Label value="Adverse event" alias="AE"/><Label value="Drug"/>'))
    assert control.labels == (("AE", "Adverse event"), ("Drug", "Drug"))
    assert control.value_of == {"Adverse event": "AE", "Drug": "Drug"}


def test_the_labels_are_asked_in_one_order_however_they_are_written():
    one = parse(config('<Label value="a"/><Label value="b"/>'))
    other = parse(config('<Label value="b"/><Label value="a"/>'))
    assert one[0].wordings == other[0].wordings


def test_several_controls_come_in_document_order_with_their_own_text():
    first, second = parse(
        '<View><HyperTextLabels name="html" toName="page"><Label value="Link"/></HyperTextLabels>'
        '<HyperText name="page" value="$html"/>'
        '<Labels name="ner" toName="t"><Label value="Person"/></Labels><Text name="t" value="$body"/></View>'
    )
    assert (first.name, first.to_name, first.kind, first.shown.value) == ("html", "page", "hypertextlabels", "$html")
    assert first.shown.tag == "hypertext"
    assert (second.name, second.to_name, second.kind, second.shown.value) == ("ner", "t", "labels", "$body")


def test_other_controls_and_labels_of_other_objects_are_left_alone():
    (control,) = parse(
        '<View><Audio name="sound" value="$audio"/><Labels name="speech" toName="sound"><Label value="Noise"/></Labels>'
        '<Choices name="c" toName="text"><Choice value="x"/></Choices><Relations/>'
        '<Labels name="label" toName="text"><Label value="Person"/></Labels><Text name="text" value="$text"/>'
        '<RectangleLabels name="box" toName="image"><Label value="Cat"/></RectangleLabels>'
        '<Image name="image" value="$image"/></View>'
    )
    assert control.name == "label"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<View/>",
        "nonsense",
        '<View><Choices name="c" toName="t"><Choice value="x"/></Choices><Text name="t" value="$text"/></View>',
        '<View><Labels name="l" toName="gone"><Label value="x"/></Labels><Text name="t" value="$text"/></View>',
        '<View><Labels name="l" toName="a"><Label value="x"/></Labels><Audio name="a" value="$audio"/></View>',
        '<View><Labels name="l" toName="t"/><Text name="t" value="$text"/></View>',
        "<View><Labels",
        "<View>&undefined;</View>",
        "\x00",
        "<View>" * 50_000,
        "<View>" * 50_000 + "</View>" * 50_000,
        "<View a='\ud800'/>",
    ],
    ids=lambda text: text[:40].encode("ascii", "replace").decode(),
)
def test_a_config_that_cannot_be_used_is_a_clear_error(text):
    with pytest.raises(LabelConfigError, match=r"label config .*\."):
        parse(text)


TEXT = '<Text name="t" value="$t"/>'


def labels(more="", inside='<Label value="x"/>'):
    return f'<Labels name="l" toName="t" {more}>{inside}</Labels>'


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('<Choices name="c" toName="t"><Choice value="x"/></Choices>' + TEXT, "only Choices"),
        (TEXT, "no Labels"),
        (labels(inside="") + TEXT, "no Label"),
        (labels().replace('"t"', '"gone"') + TEXT, "'gone'"),
        (labels('value="labels"') + TEXT, "value='labels'"),
        (labels('apiUrl="https://x"') + TEXT, "apiUrl"),
        ('<Taxonomy name="l" toName="t" labeling="true"/>' + TEXT, "Taxonomy"),
        (labels() + '<Audio name="t" value="$a"/>', "Audio"),
        (labels() + '<Paragraphs name="t" value="$p"/>', "ParagraphLabels"),
        (labels().replace("Labels", "ParagraphLabels") + TEXT, "cannot mark Text"),
        (labels() + TEXT.replace("/>", ' encoding="rot"/>'), "encoding"),
        (labels() + TEXT.replace("/>", ' resolver="csv"/>'), "resolver"),
        (f'<Repeater on="$u">{TEXT}</Repeater>{labels()}', "Repeater"),
        (f"<Repeater>{TEXT}{labels()}</Repeater>", "Repeater with on=''"),
        (f'<Repeater on="turns">{TEXT}{labels()}</Repeater>', "Repeater with on='turns'"),
    ],
)
def test_each_config_that_cannot_be_served_is_told_its_own_reason(body, says):
    with pytest.raises(LabelConfigError, match=says) as caught:
        parse(f"<View>{body}</View>")
    assert "label config" in str(caught.value)


def test_what_is_not_served_beside_what_is_stands_in_the_notes():
    served = '<Labels name="label" toName="text"><Label value="a"/></Labels><Text name="text" value="$text"/>'
    other = '<Taxonomy name="tax" toName="text" labeling="true"/>'
    assert notes(f"<View>{served}</View>") == ()
    assert [control.name for control in parse(f"<View>{served}{other}</View>")] == ["label"]
    (note,) = notes(f"<View>{served}{other}</View>")
    assert "Taxonomy 'tax'" in note


def test_a_value_without_a_variable_and_labels_that_read_alike_are_pointed_out():
    (note,) = notes(config('<Label value="a"/>', '<Text name="text" value="text"/>'))
    assert "a $ missing" in note
    (note,) = notes(config('<Label value="Person"/><Label value="person"/>'))
    assert "Person, person" in note
    assert notes(config('<Label value="FirstName"/><Label value="first_name"/>')) == ()


def test_names_of_tags_and_attributes_count_in_any_case():
    (control,) = parse(
        '<view><LABELS Name="label" toname="text"><label Value="a"/></LABELS>'
        '<TEXT name="text" Value="$text" VALUETYPE="URL"/></view>'
    )
    assert (control.to_name, control.shown.value, control.shown.is_url) == ("text", "$text", True)


def test_text_within_an_object_tag_stands_for_its_value():
    (control,) = parse(config('<Label value="a"/>', '<Text name="text"> Note: $text </Text>'))
    assert control.shown.value == "Note: $text"
    (control,) = parse(config('<Label value="a"/>', '<HyperText name="text"><p>Note: <b>$text</b></p></HyperText>'))
    assert control.shown.value == "<p>Note: <b>$text</b></p>"


def test_the_error_for_a_config_without_a_span_control_says_what_to_add():
    with pytest.raises(LabelConfigError, match="<Labels name="):
        parse("<View/>")


def test_an_entity_bomb_is_refused_and_not_expanded():
    bomb = (
        '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">'
        + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 20)).replace("&a0;", "&a;")
        + "]>"
        + config('<Label value="&a19;"/>')
    )
    with pytest.raises(LabelConfigError, match="entities"):
        parse(bomb)


def test_even_a_harmless_entity_or_document_type_is_refused():
    for prolog in ('<!DOCTYPE v [<!ENTITY a "person">]>', "<!DOCTYPE v>", '<!DOCTYPE v SYSTEM "v.dtd">'):
        with pytest.raises(LabelConfigError, match="declares entities or a document type"):
            parse(prolog + config('<Label value="a"/>'))


def test_an_external_entity_is_refused_without_reading_its_file_or_fetching_it(tmp_path: Path, studio):
    secret = tmp_path / "secret.txt"
    secret.write_text("top secret")
    for address in (secret.as_uri(), f"{studio.url}/secret"):
        for prolog in (f'<!DOCTYPE v [<!ENTITY x SYSTEM "{address}">]>', f'<!DOCTYPE v SYSTEM "{address}">'):
            with pytest.raises(LabelConfigError) as caught:
                parse(prolog + config('<Label value="a"/>&x;'))
            assert "top secret" not in str(caught.value)
    assert studio.asked == []


def test_a_wording_without_end_is_refused_by_name():
    with pytest.raises(LabelConfigError, match=r"'Long'.*300"):
        parse(config(f'<Label value="Long" predicted_values="{"word " * 100}"/>'))


def test_the_fingerprint_changes_with_labels_wordings_and_keys_and_with_nothing_else():
    plain = fingerprint(parse(config('<Label value="a"/><Label value="b"/>')))
    assert fingerprint(parse(config('<Label value="a" background="red" hotkey="1"/><Label value="b"/>'))) == plain
    changed = [
        config('<Label value="a"/>'),
        config('<Label value="a"/><Label value="b" hint="other"/>'),
        config('<Label value="a" alias="x"/><Label value="b"/>'),
        config('<Label value="a"/><Label value="b"/>', '<Text name="text" value="$body"/>'),
        config('<Label value="a"/><Label value="b"/>', '<Text name="text" value="$text" encoding="base64"/>'),
        config('<Label value="a"/><Label value="b"/>', '<Text name="text" value="text"/>'),
        config('<Label value="a"/><Label value="b"/>').replace("<Labels ", '<Labels value="$own" '),
    ]
    assert len({plain, *(fingerprint(parse(one)) for one in changed)}) == len(changed) + 1


def test_a_label_that_shows_nothing_is_not_asked():
    (control,) = parse(config('<Label value=" "/><Label value="Person"/><Label value="&#x200b;"/>'))
    assert control.labels == (("Person", "Person"),)
    with pytest.raises(LabelConfigError, match="has no Label"):
        parse(config('<Label value=" "/>'))


def test_repeaters_nest_four_deep_and_no_deeper():
    def nested(depth):
        inside = config('<Label value="x"/>')
        return "<View>" + '<Repeater on="$a">' * depth + inside + "</Repeater>" * depth + "</View>"

    (control,) = parse(nested(4))
    assert len(control.repeats) == 4
    for depth in (5, 20_000):
        with pytest.raises(LabelConfigError, match="over 4 Repeaters within one another"):
            parse(nested(depth))


def test_a_label_that_is_a_field_of_a_task_is_pointed_out():
    (note,) = notes(config('<Label value="$who"/><Label value="Person"/>'))
    assert note == "Labels 'label' has labels that are fields of a task, and asks them as written: $who."
