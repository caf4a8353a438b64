"""HTML as a tree: the one that html5lib makes, and words for HTML that would cost too much."""

from __future__ import annotations

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.labelstudio.html_tree import Text, TooCostly, document, fragment

NAMES = """
a b i font nobr p div span li dd dt ul table tr td th tbody caption select option svg math title
style script textarea pre h1 h2 br hr form button iframe noscript em ruby rt body html head image
input marquee object center foreignObject desc annotation-xml mi colgroup col
"""
OFTEN = ["a", "b", "p", "table", "td", "i", "div", "tr", "font"]
NAMED = st.sampled_from(OFTEN) | st.sampled_from(NAMES.split())
PIECES = st.one_of(
    st.builds("<{}{}>".format, NAMED, st.sampled_from(["", "", " x=1", " x=2"])),
    st.builds("</{}>".format, NAMED),
    st.sampled_from(["x", "y ", "\n", " ", "&amp;", "zé", "&lt", "&#65;"]),
    st.sampled_from(["<!-- c -->", "<!x>", "</>", "<", "<a b=c/>", "<![CDATA[q]]>", "<!DOCTYPE html>"]),
)
PAGES = st.lists(PIECES, max_size=30).map("".join)


def tree(children):
    """Names and texts, of our nodes or of minidom's; texts beside one another are one."""
    found = []
    for name, content in children:
        if name is None and found and isinstance(found[-1], str):
            found[-1] += content
        else:
            found.append(content if name is None else (name, tree(content)))
    return found


def ours(node):
    for child in node or ():
        if isinstance(child, Text):
            yield None, "".join(child.pieces)
        else:
            yield child.name or "#comment", ours(child)


def theirs(node):
    for child in node.childNodes if node else ():
        if child.nodeType == child.TEXT_NODE:
            yield None, child.data
        else:
            yield "#comment" if child.nodeType == child.COMMENT_NODE else child.nodeName, theirs(child)


def parser():
    return html5lib.HTMLParser(html5lib.getTreeBuilder("dom"), namespaceHTMLElements=False)


@given(PAGES)
def test_a_document_is_the_tree_that_html5lib_makes(page):
    found = parser().parse("<!DOCTYPE html>" + page, scripting=True).getElementsByTagName("body")
    assert tree(ours(document("<!DOCTYPE html>" + page, lambda: None))) == tree(theirs(found[0] if found else None))


@given(PAGES)
def test_a_fragment_is_the_tree_that_html5lib_makes(page):
    found = parser().parseFragment(page, container="div", scripting=True)
    assert tree(ours(fragment(page, lambda: None))) == tree(theirs(found))


def test_what_stands_in_a_table_outside_of_its_cells_comes_before_the_table():
    (text, link, table) = tree(ours(fragment("<table>x<a>y</a><tr><td>z</table>", lambda: None)))
    assert (text, link, table[0]) == ("x", ("a", ["y"]), "table")


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ("<div>" * 600, "nests over 500 elements"),
        ("<dd><li>" * 600, "nests over 500 elements"),
        ("".join(f"<b a={number}></x>" for number in range(200)), "over 100 formatting tags"),
        ("<p " + " ".join(f"a{number}" for number in range(5_000)) + ">", "over 1000 attributes"),
        ("<br>" * 110_000, "over 100000 elements"),
        ("<div>" * 450 + "</h1>" * 10_000, "nothing closes"),
        ("<!--" + "-a" * 200_000, "too long"),
        ("<textarea></" + "a" * 400_000, "too long"),
        ("<" + "a" * 400_000, "too long"),
        ("&#" + "1" * 5_000, "thousands of digits"),
    ],
    ids=lambda value: value[:20],
)
def test_html_that_no_page_has_is_refused_in_words(page, says):
    with pytest.raises(TooCostly, match=says):
        document(page, lambda: None)


@pytest.mark.parametrize(
    "page",
    [
        "<p>" + "".join(f"<font size={number}>x" for number in range(60)) + "<p>x" * 300,
        "<div>" * 200 + "<p>Alice <b>took</b> <i>aspirin</i>.</p>" * 300 + "</div>" * 200,
        f'<img src="data:image/png;base64,{"iVBORw0KGgo" * 50_000}">x',
        "<!-- " + "once was here, and is no more - " * 3_000 + "-->x",
        "<style>" + "td.a-b { color: red; } " * 5_000 + "</style>x",
        "<p " + " ".join(f'data-{number}="x"' for number in range(400)) + ">x",
    ],
    ids=lambda value: value[:20],
)
def test_html_that_pages_have_is_read(page):
    assert tree(ours(document(page, lambda: None)))


def test_the_parser_asks_whether_to_go_on():
    class Enough(Exception):
        pass

    def check():
        raise Enough

    with pytest.raises(Enough):
        document("<p>x" * 1_000, check)
