"""HTML as Label Studio's HyperText shows it: the text that a model reads, and where each stretch of it lies.

Observed with Label Studio 1.23.2 in Chromium (tests/end_to_end/test_hypertext_in_the_browser.py asks again). A value of
a region is `{"start": "/p[1]/b[1]/text()[2]", "startOffset": 3, "end": …, "endOffset": …, "globalOffsets":
{"start": 40, "end": …}, "text": …, "hypertextlabels": […]}` (the last key is the control's: `labels` for Labels), where

- paths begin below `body`, every step has its number among siblings of its name, the last one is a text node;
- `startOffset` and `endOffset` count UTF-16 units of that text node, `globalOffsets` count code points;
- `globalOffsets` count every text node of `body` as it is in the source, line feeds, runs of spaces, texts of `style`
  and of `noscript` included; a `br` counts as one; nothing lies between blocks: in `<p>a</p><p>b</p>` b is 1..2;
- before the browser sees the HTML, `script`, `iframe` (but YouTube's) and comments are cut out with all they hold:
  texts to both sides become one node, and no path counts what was cut;
- what is left is parsed as a document in standards mode: a `style` or `title` before the first visible text moves to
  `head` and is not counted, tables get their `tbody`. With `inline="true"` it is parsed inside a `div` instead;
- of a stored region the paths decide, and `globalOffsets` only where a path leads nowhere.

Known to differ: the HTML within `noscript` is written anew by Label Studio's sanitizer, so if that changes its length
`globalOffsets` behind it are off here; the paths are not, and they decide.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from service.labelstudio.html_tree import MAX_NESTING, Element, Text, TooCostly, document, fragment
from service.labelstudio.utf16 import Places

CUT = frozenset({"script", "iframe"})
YOUTUBE = frozenset({"youtube.com", "www.youtube.com", "youtube-nocookie.com", "www.youtube-nocookie.com", "youtu.be"})

UNREAD = frozenset({"datalist", "iframe", "noscript", "select", "style", "template", "textarea", "title"})
"""Elements whose text is counted, but not shown or not to be marked: a model does not read it."""

BLOCKS = frozenset(
    {
        *("address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "dir"),
        *("div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6"),
        *("header", "hgroup", "hr", "legend", "li", "main", "menu", "nav", "ol", "p", "pre", "search", "section"),
        *("summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"),
    }
)
BREAK = "\n"

MAX_PATHS = 30_000_000
"""Characters of the paths of all texts of a page. A megabyte of an ordinary page has a tenth."""
NODE_BYTES = 300
"""What a node takes besides its path and its content."""


class Node(NamedTuple):
    """A text node, or a `br`, whose path is empty and whose content is a line feed."""

    path: str
    position: int
    """Where it begins in what globalOffsets count."""
    at: int
    """Where it begins in the text that is read; -1 where it is not read."""
    content: str


@dataclass(frozen=True)
class Rendered:
    """HTML as it is read. All offsets are code points of `text`.

    `text` holds what is shown, character by character, and a line feed wherever two blocks would otherwise run
    together ("DrugDose" out of two table cells). Such a line feed is in no text node; no region
    begins or ends with it.
    """

    text: str
    nodes: tuple[Node, ...] = field(repr=False)

    @property
    def size(self) -> int:
        """The bytes that the nodes take in memory, about."""
        return len(self.text) + sum(len(node.path) + len(node.content) + NODE_BYTES for node in self.nodes)

    def value(self, start: int, end: int) -> dict[str, Any]:
        """Where the stretch [start, end) lies, as in a region's value; the labels are left to the caller.

        Line breaks of blocks and of `br` at its ends are left off. Raises ValueError for a stretch with nothing else
        in it, or out of the text.
        """
        if not 0 <= start < end <= len(self.text):
            raise ValueError(f"There is no stretch {start}..{end} in a text of {len(self.text)} characters.")
        covered = self._read[bisect_right(self._ends, start) : bisect_left(self._starts, end)]
        texts = [node for node in covered if node.path]
        if not texts:
            raise ValueError(f"There is nothing but line breaks in the stretch {start}..{end}.")
        first, last = texts[0], texts[-1]
        begin, stop = max(start - first.at, 0), min(end - last.at, len(last.content))
        return {
            "start": first.path,
            "end": last.path,
            "startOffset": self._places(first).units(begin),
            "endOffset": self._places(last).units(stop),
            "globalOffsets": {"start": first.position + begin, "end": last.position + stop},
            "text": self.text[first.at + begin : last.at + stop],
        }

    def offsets(self, value: Mapping[str, Any]) -> tuple[int, int] | None:
        """The stretch that a stored region's value marks; None where it marks nothing that is read.

        Like the frontend: by its paths, else by its globalOffsets.
        """
        start = self._position(value.get("start"), value.get("startOffset"))
        end = self._position(value.get("end"), value.get("endOffset"))
        if start is None or end is None:
            stored = value.get("globalOffsets")
            stored = stored if isinstance(stored, Mapping) else {}
            start, end = _offset(stored.get("start")), _offset(stored.get("end"))
        if start is None or end is None:
            return None
        first, last = bisect_right(self._stops, start), bisect_left(self._positions, end) - 1
        if first >= len(self._read) or last < 0:
            return None
        begin = self._read[first].at + max(start - self._positions[first], 0)
        stop = self._read[last].at + min(end - self._positions[last], len(self._read[last].content))
        return (begin, stop) if begin < stop else None

    def __post_init__(self) -> None:
        read = tuple(node for node in self.nodes if node.at >= 0)
        object.__setattr__(self, "_read", read)
        object.__setattr__(self, "_starts", [node.at for node in read])
        object.__setattr__(self, "_ends", [node.at + len(node.content) for node in read])
        object.__setattr__(self, "_positions", [node.position for node in read])
        object.__setattr__(self, "_stops", [node.position + len(node.content) for node in read])
        object.__setattr__(self, "_known_places", {})
        object.__setattr__(self, "_by_path", {node.path: node for node in self.nodes if node.path})

    _read: tuple[Node, ...] = field(init=False, repr=False, compare=False)
    _starts: list[int] = field(init=False, repr=False, compare=False)
    _ends: list[int] = field(init=False, repr=False, compare=False)
    _positions: list[int] = field(init=False, repr=False, compare=False)
    _stops: list[int] = field(init=False, repr=False, compare=False)
    _known_places: dict[str, Places] = field(init=False, repr=False, compare=False)
    _by_path: dict[str, Node] = field(init=False, repr=False, compare=False)

    def _places(self, node: Node) -> Places:
        if node.path not in self._known_places:
            self._known_places[node.path] = Places(node.content)
        return self._known_places[node.path]

    def _position(self, path: object, offset: object) -> int | None:
        """A path and an offset in UTF-16 units as a position that globalOffsets would name."""
        node = self._by_path.get(path) if isinstance(path, str) else None
        units = _offset(offset)
        return None if node is None or units is None else node.position + self._places(node).code_points(units)


def render(html: str, inline: bool = False, check: Callable[[], None] = lambda: None) -> Rendered:
    """Read HTML as Label Studio shows it. `inline`: the HyperText tag has inline="true".

    `check` is called now and then, and ends the reading where it raises. Raises TooCostly.
    """
    # Label Studio drops the document type and shows the rest in standards mode.
    root = fragment(html, check) if inline else document("<!DOCTYPE html>" + html, check)
    reader = _Reader()
    if root is not None:
        reader.read(root)
    return Rendered("".join(reader.text), tuple(reader.nodes))


@dataclass
class _Level:
    """An element that is being read: what is left of its children, and how many of each name there were."""

    children: list[tuple[Element | None, str]]
    path: str
    is_read: bool
    is_block: bool
    counts: Counter[str] = field(default_factory=Counter)


class _Reader:
    """Collects the text nodes of a tree, without recursion: strangers nest as deep as they like."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.text: list[str] = []
        self._length = 0
        self._position = 0
        self._paths = 0
        self._breaks = False
        """Whether a block has begun or ended since the last text that is read."""

    def read(self, root: Element) -> None:
        levels = [_Level(_children(root), "", True, False)]
        while levels:
            level = levels[-1]
            if not level.children:
                self._breaks |= level.is_block
                levels.pop()
                continue
            child, text = level.children.pop()
            if child is None:
                level.counts["text()"] += 1
                self._add(f"{level.path}/text()[{level.counts['text()']}]", text, level.is_read)
                continue
            name = _name(child)
            level.counts[name] += 1
            if name == "br":
                self._add("", BREAK, level.is_read)
                continue
            self._breaks |= name in BLOCKS
            path = f"{level.path}/{name}[{level.counts[name]}]"
            if len(levels) > MAX_NESTING:
                raise TooCostly(f"the HTML nests over {MAX_NESTING} elements: are there tags that nothing closes?")
            inside = [] if name == "template" else _children(child)
            levels.append(_Level(inside, path, level.is_read and name not in UNREAD, name in BLOCKS))

    def _add(self, path: str, content: str, is_read: bool) -> None:
        at = -1
        if is_read:
            if self._breaks and self.text and not self.text[-1][-1].isspace() and not content[0].isspace():
                self.text.append(BREAK)
                self._length += len(BREAK)
            self._breaks = False
            at = self._length
            self.text.append(content)
            self._length += len(content)
        self._paths += len(path)
        if self._paths > MAX_PATHS:
            raise TooCostly("the HTML has too many texts within too many elements: are there tags that nothing closes?")
        self.nodes.append(Node(path, self._position, at, content))
        self._position += len(content)


def _children(element: Element) -> list[tuple[Element | None, str]]:
    """Child elements and text nodes, the last first. What is cut leaves no trace, not even between texts."""
    found: list[tuple[Element | None, str]] = []
    pieces: list[str] = []
    for child in element:
        if isinstance(child, Text):
            pieces += child.pieces
        elif child.name is not None and not _is_cut(child):
            if text := "".join(pieces):
                found.append((None, text))
            found.append((child, ""))
            pieces = []
    if text := "".join(pieces):
        found.append((None, text))
    found.reverse()
    return found


def _is_cut(element: Element) -> bool:
    name = _name(element)
    if name == "iframe":
        try:
            source = urlsplit(element.attributes.get("src", ""))
        except ValueError:
            return True
        return source.scheme != "https" or source.hostname not in YOUTUBE
    return name in CUT


def _name(element: Element) -> str:
    """The element's name as in a path: in lower case."""
    return (element.name or "").lower()


def _offset(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
