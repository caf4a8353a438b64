"""No input costs more than it should: twice as much of anything takes twice as long, or is refused."""

from __future__ import annotations

from contextlib import suppress

import pytest

from service.labelstudio.controls import fingerprint
from service.labelstudio.html_tree import TooCostly
from service.labelstudio.hypertext import render
from service.labelstudio.label_config import LabelConfigError, _read, notes, parse
from service.labelstudio.paragraphs import dialogue
from tests.support.effort import lines

KEYS = ("author", "text", False)
SIZE = 4_000
MOST = 2.5
"""So many times the lines run for twice the input."""
DEEP = "<div>" * 400
BOLD = "".join(f"<b a={number}>" for number in range(60))

HTML = {
    name: (before, unit)
    for name, before, unit in [
        ("bold that stays open", "", "<b>"),
        ("bold of many kinds that stays open", "", "<b a={}></x>"),
        ("paragraphs of many kinds of bold", "", "<p><b a={}>"),
        ("links that stay open", "", "<a>x"),
        ("nobr", "", "<nobr>x"),
        ("list items in definitions", "", "<dd><li>"),
        ("list items", "", "<li>x"),
        ("list items in a span", "<span>", "<li>x"),
        ("divisions", "", "<div>"),
        ("paragraphs", "", "<p>x"),
        ("paragraphs deep down", DEEP, "<p>x"),
        ("line breaks deep down", DEEP, "x<br>"),
        ("ends of nothing", "", "</x>"),
        ("ends of nothing deep down", DEEP, "</x>"),
        ("ends of headings deep down", DEEP, "</h1>"),
        ("ends of paragraphs", "", "</p>"),
        ("formatting that each paragraph opens again", f"<p>{BOLD}", "<p>x"),
        ("formatting that is opened again deep down", f"{DEEP}<p>{BOLD}</p>", "<p>x</p>"),
        ("bold that ends within a division", "", "<b><div></b></div>"),
        ("bold and italics that end within a division", BOLD, "<b><i><div></b></i></div>"),
        ("links within links", "", "<a><div><a></div>"),
        ("texts in a table outside of its cells", "<table>", "x<b></b>"),
        ("breaks in a table outside of its cells", "<table>", "<br>"),
        ("cells", "<table>", "<tr><td>x"),
        ("tables within tables", "", "<table><td>"),
        ("options", "<select>", "<option>x"),
        ("selects", "", "<select>"),
        ("buttons", "", "<button>"),
        ("ruby", "<ruby>", "<rt>x"),
        ("drawings", "<svg>", "<g></g>"),
        ("drawings within drawings", "", "<svg><p>"),
        ("formulas", "<math>" * 60, "<mi>x</mi>"),
        ("entities", "", "&amp;"),
        ("what looks like entities", "", "&a"),
        ("attributes of one tag", "<p ", " a{}"),
        ("entities in an attribute", '<p a="', "&amp;"),
        ("a comment", "<!--", "-a"),
        ("comments", "", "<!---->"),
        ("a long name", "<a", "a"),
        ("the end of a text field that does not come", "<textarea></", "a"),
        ("a script that does not end", "<script>", "</s"),
    ]
}

TEXT = '<Text name="t" value="$text"/>'
OPENED = '<Labels name="l" toName="t">'
LABEL = '<Label value="x"/>'
CONFIGS = {
    name: (before, unit, after)
    for name, before, unit, after in [
        ("labels", OPENED, '<Label value="x{}"/>', f"</Labels>{TEXT}"),
        (
            "labels that read alike",
            '<Labels name="l" toName="t">',
            '<Label value="A b" alias="{}"/>',
            f"</Labels>{TEXT}",
        ),
        ("controls", "", f'<Labels name="l{{}}" toName="t">{LABEL}</Labels>', TEXT),
        ("controls that mark nothing", "", f'<Labels name="l{{}}" toName="u">{LABEL}</Labels>', TEXT),
        ("views", "", "<View/>", f'<Labels name="l" toName="t">{LABEL}</Labels>{TEXT}'),
        ("attributes", '<Labels name="l" toName="t"', " a{}=''", f">{LABEL}</Labels>{TEXT}"),
        ("content", f'<Labels name="l" toName="t">{LABEL}</Labels><HyperText name="t">', "<b>x</b>", "</HyperText>"),
        ("variables", f'<Labels name="l" toName="t">{LABEL}</Labels><Text name="t" value="', "$a", '"/>'),
        ("a hint", '<Labels name="l" toName="t"><Label value="x" hint="', "é", f'"/></Labels>{TEXT}'),
    ]
}


def tried(read, *refusals):
    """What reads, and is content where it is refused."""
    with suppress(*refusals):
        read()


def html_effort(shape, size):
    before, unit = shape
    page = before + "".join(unit.format(number) for number in range(size // len(unit)))
    return lines(lambda: tried(lambda: render(page), TooCostly)) - lines(
        lambda: tried(lambda: render(before), TooCostly)
    )


def config_effort(shape, size):
    before, unit, after = shape
    return reading(f"<View>{before}{''.join(unit.format(number) for number in range(size // len(unit)))}{after}</View>")


def reading(config):
    def read():
        _read.cache_clear()
        controls = parse.__wrapped__(config)
        notes.__wrapped__(config)
        fingerprint.__wrapped__(controls)

    return lines(lambda: tried(read, LabelConfigError))


def passages(size):
    """Texts of three kinds, with `size` places that can be marked in one text node, or in many."""
    turns = [{"author": "a", "text": "ab " * size}]
    many = [{"author": "a", "text": "ab"}] * size
    return [render("ab " * size), render("<b>ab</b> " * size), dialogue(turns, *KEYS), dialogue(many, *KEYS)]


def marking_effort(passage, size):
    """Store `size` regions and find them again."""

    def mark():
        for place in range(0, 3 * size, 3):
            assert passage.offsets(passage.value(place, place + 2)) == (place, place + 2)

    return lines(mark)


@pytest.mark.parametrize("kind", range(4), ids=["html", "html of many nodes", "a turn", "turns"])
def test_twice_the_regions_cost_twice_as_much_at_most(kind):
    once, twice = passages(100)[kind], passages(200)[kind]
    assert marking_effort(twice, 200) <= MOST * marking_effort(once, 100)


@pytest.mark.parametrize("shape", HTML.values(), ids=HTML)
def test_twice_the_html_costs_twice_as_much_at_most(shape):
    html_effort(shape, SIZE)  # what the first parsing makes and keeps
    assert html_effort(shape, 2 * SIZE) <= MOST * html_effort(shape, SIZE)


@pytest.mark.parametrize("shape", CONFIGS.values(), ids=CONFIGS)
def test_twice_the_config_costs_twice_as_much_at_most(shape):
    config_effort(shape, SIZE)
    assert config_effort(shape, 2 * SIZE) <= MOST * config_effort(shape, SIZE)


@pytest.mark.parametrize("depth", [2, 40, 200])
@pytest.mark.parametrize(
    ("opened", "closed"),
    [
        (f'<Labels name="l" toName="t">{LABEL}', "</Labels>"),
        (f'<View><Label value="y"/><Labels name="l" toName="h">{LABEL}</Labels>', "</View>"),
        ('<HyperText name="h" value="$text"/><HyperText name="h"><b>$text</b>', "</HyperText>"),
    ],
    ids=["controls", "views", "HyperText"],
)
def test_twice_as_deep_a_config_costs_twice_as_much_at_most(opened, closed, depth):
    marks = f'<Labels name="m" toName="h">{LABEL}</Labels>{TEXT}'
    once, twice = (f"<View>{opened * n}{closed * n}{marks}</View>" for n in (depth, 2 * depth))
    reading(once)
    assert reading(twice) <= MOST * reading(once)


@pytest.mark.parametrize(
    ("inside", "says"),
    [
        ("<View/>" * 60_000, "over 50000 elements"),
        ("<View>" * 200 + "</View>" * 200, "over 100 elements within one another"),
        ("<View " + " ".join(f"a{number}=''" for number in range(101)) + "/>", "over 100 attributes in one View"),
        (f'<Labels name="l" toName="t">{LABEL}</Labels>' * 501, "over 500 controls that mark spans"),
        (f'<Labels name="l" toName="t">{LABEL * 10_001}</Labels>', "over 10000 labels"),
        (
            '<Labels name="l" toName="t">' * 5 + LABEL + "</Labels>" * 5,
            "over 4 controls or HyperText within one another",
        ),
        (f'<View xmlns:a="{"u" * 201}"/>', "namespace .* over 200 characters"),
        (f'<View xmlns:{"a" * 201}="u"/>', "namespace .* over 200 characters"),
        (f'<Labels name="l" toName="t"><Label value="x" alias="{"a" * 301}"/></Labels>', "over 300 characters"),
        (
            f'<Labels name="l" toName="h">{LABEL}</Labels>' * 100 + f'<HyperText name="h">$a{"x" * 60_000}</HyperText>',
            "over 5000000 characters in all that its controls mark",
        ),
    ],
    ids=lambda value: value[:30],
)
def test_more_than_any_config_has_is_refused_with_how_much_is_allowed(inside, says):
    with pytest.raises(LabelConfigError, match=says):
        parse(f"<View>{inside}{TEXT}</View>")


def test_a_config_of_thousands_of_labels_is_read():
    labels = "".join(f'<Label value="Disease {number}"/>' for number in range(9_000))
    (control,) = parse(f'<View><Labels name="l" toName="t">{labels}</Labels>{TEXT}</View>')
    assert len(control.labels) == 9_000
    assert notes(f'<View><Labels name="l" toName="t">{labels}</Labels>{TEXT}</View>') == ()


def test_labels_belong_to_each_control_around_them():
    inner = '<Labels name="inner" toName="t"><Label value="b"/></Labels>'
    config = f'<View><Labels name="outer" toName="t"><Label value="a"/>{inner}</Labels>{TEXT}</View>'
    assert [(control.name, control.wordings) for control in parse(config)] == [("outer", ("a", "b")), ("inner", ("b",))]
