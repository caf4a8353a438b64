"""HyperText: the text that is read, and the stretches of it that regions mark."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.labelstudio.html_tree import TooCostly
from service.labelstudio.hypertext import Rendered, render

TEXTS = st.text(alphabet="ab  \n\t&é👩\u200d😀\u200f𝔘", min_size=1, max_size=8).map(
    lambda text: text.replace("&", "&amp;")
)
INLINE = ("b", "i", "span", "a")
BLOCK = ("div", "p", "td", "li", "h2", "section")


@st.composite
def pieces(draw: st.DrawFn, depth: int = 3) -> str:
    made = []
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["text", "text", "element", "br", "comment", "script", "style"]))
        if kind == "element" and depth:
            name = draw(st.sampled_from([*INLINE, *BLOCK]))
            made.append(f"<{name}>{draw(pieces(depth - 1))}</{name}>")
        elif kind == "text":
            made.append(draw(TEXTS))
        else:
            other = {
                "br": "<br>",
                "comment": "<!-- c -->",
                "script": "<script>s()</script>",
                "style": "<style>q</style>",
            }
            made.append(other.get(kind, ""))
    return "".join(made)


def counted(rendered: Rendered) -> str:
    """The text that globalOffsets count."""
    return "".join(node.content for node in rendered.nodes)


def test_text_is_read_as_it_is_in_the_source_and_blocks_do_not_run_together():
    html = "<p>Alice <b>took <i>aspirin</i></b> twice.<br>Then &amp; now</p><p>Glued</p>"
    assert render(html).text == "Alice took aspirin twice.\nThen & now\nGlued"


def test_words_in_inline_elements_stay_one_word():
    assert render("<b>O</b>slo<span>'s</span>").text == "Oslo's"


def test_cells_of_a_table_are_apart_and_its_paths_have_a_body():
    rendered = render("<table><tr><td>Drug<td>Dose</table>")
    assert rendered.text == "Drug\nDose"
    assert rendered.value(5, 9) == {
        "start": "/table[1]/tbody[1]/tr[1]/td[2]/text()[1]",
        "end": "/table[1]/tbody[1]/tr[1]/td[2]/text()[1]",
        "startOffset": 0,
        "endOffset": 4,
        "globalOffsets": {"start": 4, "end": 8},
        "text": "Dose",
    }


def test_offsets_in_a_node_count_utf16_units_and_global_offsets_code_points():
    value = render("<p>👩\u200d⚕️ 😀 Oslo</p>").value(7, 11)
    assert value["text"] == "Oslo"
    assert (value["startOffset"], value["endOffset"]) == (9, 13)
    assert value["globalOffsets"] == {"start": 7, "end": 11}


def test_scripts_frames_and_comments_leave_no_trace():
    rendered = render("<p>a<!-- c --><script>s()</script>b<iframe src='https://example.com'>f</iframe>c</p>")
    assert rendered.text == "abc"
    assert [node.path for node in rendered.nodes] == ["/p[1]/text()[1]"]


def test_a_youtube_frame_stays_between_texts():
    rendered = render("a<iframe src='https://www.youtube.com/embed/x'></iframe>b")
    assert [node.path for node in rendered.nodes] == ["/text()[1]", "/text()[2]"]


def test_styles_are_counted_but_not_read():
    rendered = render("<p>a</p><style>b{}</style><p>c</p>")
    assert rendered.text == "a\nc"
    assert rendered.value(2, 3)["globalOffsets"] == {"start": 4, "end": 5}


def test_what_stands_before_the_body_is_not_counted():
    rendered = render("<!DOCTYPE html>\n<title>t</title><style>s</style>\n<p>a</p>")
    assert rendered.value(0, 1)["globalOffsets"] == {"start": 0, "end": 1}


def test_inline_hypertext_is_parsed_in_place():
    rendered = render("<style>s</style><p>a</p>", inline=True)
    assert rendered.value(0, 1)["globalOffsets"] == {"start": 1, "end": 2}


def test_a_stretch_over_elements_and_line_breaks_keeps_both_ends():
    rendered = render("<p>a <b>b</b><br>c</p><p>d</p>")
    value = rendered.value(0, len(rendered.text))
    assert value["text"] == "a b\nc\nd"
    assert (value["start"], value["end"]) == ("/p[1]/text()[1]", "/p[2]/text()[1]")
    assert value["globalOffsets"] == {"start": 0, "end": 6}


def test_a_stretch_of_line_breaks_alone_is_no_region():
    with pytest.raises(ValueError, match="nothing but line breaks"):
        render("a<br>b").value(1, 2)


@pytest.mark.parametrize("stretch", [(-1, 1), (0, 0), (2, 1), (0, 3)])
def test_a_stretch_that_is_not_in_the_text_is_refused(stretch: tuple[int, int]):
    with pytest.raises(ValueError, match="There is no stretch"):
        render("ab").value(*stretch)


def test_paths_decide_over_global_offsets():
    value = {**render("<p>ab</p>").value(0, 1), "globalOffsets": {"start": 1, "end": 2}}
    assert render("<p>ab</p>").offsets(value) == (0, 1)


def test_global_offsets_decide_where_a_path_leads_nowhere():
    value = {**render("<p>ab</p>").value(1, 2), "start": "/div[7]/text()[1]"}
    assert render("<p>ab</p>").offsets(value) == (1, 2)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"start": 0, "end": 1},
        {"start": "/x[1]", "end": "/x[1]", "startOffset": 0, "endOffset": 1},
        {"globalOffsets": {"start": 5, "end": 9}},
        {"globalOffsets": {"start": 1, "end": 1}},
        {"globalOffsets": {"start": "0", "end": True}},
        {"globalOffsets": {"start": -1, "end": 1}},
        {"globalOffsets": 3},
    ],
)
def test_a_value_that_marks_nothing_has_no_stretch(value: dict):
    assert render("<p>ab</p>").offsets(value) is None
    assert render("").offsets(value) is None


@given(pieces())
def test_every_stretch_without_line_breaks_at_its_ends_round_trips(html: str):
    rendered = render(html)
    length = len(rendered.text)
    whole = counted(rendered)
    for start in range(length):
        for end in (start + 1, start + 3, length):
            if end > length or rendered.text[start].isspace() or rendered.text[end - 1].isspace():
                continue
            value = rendered.value(start, end)
            assert rendered.offsets(value) == (start, end)
            assert rendered.offsets({"globalOffsets": value["globalOffsets"]}) == (start, end)
            assert value["text"] == rendered.text[start:end]
            if "<style" not in html:
                covered = whole[value["globalOffsets"]["start"] : value["globalOffsets"]["end"]]
                assert covered.replace("\n", "") == value["text"].replace("\n", "")


@given(pieces())
def test_what_is_read_is_what_is_counted_but_for_styles_and_breaks_of_blocks(html: str):
    rendered = render(html)
    read = "".join(node.content for node in rendered.nodes if node.at >= 0)
    assert rendered.text.replace("\n", "") == read.replace("\n", "")
    for node in rendered.nodes:
        if node.at >= 0:
            assert rendered.text[node.at : node.at + len(node.content)] == node.content
        assert counted(rendered)[node.position : node.position + len(node.content)] == node.content


@given(st.text(alphabet="<>/pbrdiv!-&;#x\"'= \x00\r\ntable", max_size=60))
def test_any_text_can_be_rendered(html: str):
    rendered = render(html)
    for start, character in enumerate(rendered.text):
        if not character.isspace():
            assert rendered.offsets(rendered.value(start, start + 1)) == (start, start + 1)


def test_nesting_as_deep_as_no_page_has_is_refused():
    assert render("<b>" * 400 + "x").text == "x"
    with pytest.raises(TooCostly, match="500"):
        render("<b>" * 100_000 + "x")


def test_a_long_page_is_read_in_a_moment():
    began = time.monotonic()
    rendered = render("<p>Alice took <b>aspirin</b> in Oslo.</p>\n" * 3000)
    assert time.monotonic() - began < 20
    assert rendered.text.count("Alice") == 3000
