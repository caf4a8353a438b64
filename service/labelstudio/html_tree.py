"""HTML as a tree of nodes, parsed by html5lib's algorithm at a cost that grows with the HTML's length alone.

html5lib does what the HTML standard says, but some inputs cost it the square of their length: elements and formatting
that stay open are looked through at each tag, and a long name, comment or attribute is copied at each of its pieces. So
the nodes here move, join and drop children in constant time, and the tokenizer counts what is looked through and
copied. HTML that needs more of it than any page does is refused, with what is wrong with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from html5lib._tokenizer import HTMLTokenizer  # type: ignore[import-untyped]
from html5lib.constants import headingElements, tokenTypes  # type: ignore[import-untyped]
from html5lib.html5parser import HTMLParser  # type: ignore[import-untyped]
from html5lib.treebuilders import base  # type: ignore[import-untyped]

MAX_NESTING = 500
"""A page nests a few dozen elements; every level lengthens all paths below it."""
MAX_FORMATTING = 100
"""Formatting elements that stay open, or are opened again in each paragraph. A page has a dozen at most."""
MAX_ATTRIBUTES = 1_000
"""Attributes of one tag."""
MAX_ELEMENTS = 100_000
"""A megabyte of words in spans of their own has half as many."""
MAX_WORK = 20_000_000
"""Elements that are looked through. A megabyte of an ordinary page takes a tenth."""

SAMPLED_STEPS = 64
"""What is copied is counted once in so many steps of the tokenizer: what is shorter is not worth it."""
COPIED = 4
"""So many characters are copied SAMPLED_STEPS times while one element is looked at."""

ADOPTED = frozenset({"a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"})
"""Formatting elements. At their end tags the open elements are looked through several times ("adoption agency")."""
REOPENED = frozenset({"a", "nobr"})
"""Those of which one start tag ends the one before."""
LOOKS = {"adoption": 8, "heading": 12, "other": 2}
"""How often all open elements are looked through at a tag, at most."""

PARSE_ERROR, START, END = tokenTypes["ParseError"], tokenTypes["StartTag"], tokenTypes["EndTag"]


class TooCostly(ValueError):
    """HTML that no page has, and that would take too long to read. The message says what is wrong with it."""


class Element:
    """An element, with its children as a chain: each knows its neighbours, so nothing is ever searched for.

    A comment is an element without a name.
    """

    __slots__ = ("attributes", "first", "last", "name", "nameTuple", "namespace", "next", "parent", "previous")

    def __init__(self, name: str | None = None, namespace: str | None = None) -> None:
        self.name = name
        self.namespace = namespace
        self.nameTuple = (namespace or "http://www.w3.org/1999/xhtml", name)
        self.attributes: dict[Any, str] = {}
        self.parent: Element | None = None
        self.previous: Element | Text | None = None
        self.next: Element | Text | None = None
        self.first: Element | Text | None = None
        self.last: Element | Text | None = None

    def __iter__(self) -> Iterator[Element | Text]:
        child = self.first
        while child is not None:
            yield child
            child = child.next

    def __bool__(self) -> bool:
        return True

    def find(self, name: str) -> Element | None:
        """The first child element of a name."""
        return next((child for child in self if isinstance(child, Element) and child.name == name), None)

    # The rest is what html5lib calls.

    def appendChild(self, node: Element | Text) -> None:
        self.insertBefore(node, None)

    def insertBefore(self, node: Element | Text, refNode: Element | Text | None) -> None:
        if node.parent is not None:
            node.parent.removeChild(node)
        previous = self.last if refNode is None else refNode.previous
        node.parent, node.previous, node.next = self, previous, refNode
        if previous is None:
            self.first = node
        else:
            previous.next = node
        if refNode is None:
            self.last = node
        else:
            refNode.previous = node

    def removeChild(self, node: Element | Text) -> None:
        if node.previous is None:
            self.first = node.next
        else:
            node.previous.next = node.next
        if node.next is None:
            self.last = node.previous
        else:
            node.next.previous = node.previous
        node.parent = node.previous = node.next = None

    def insertText(self, data: str, insertBefore: Element | None = None) -> None:
        before = self.last if insertBefore is None else insertBefore.previous
        if isinstance(before, Text):
            before.pieces.append(data)
        else:
            self.insertBefore(Text(data), insertBefore)

    def reparentChildren(self, newParent: Element) -> None:
        while self.first is not None:
            newParent.appendChild(self.first)

    def cloneNode(self) -> Element:
        clone = Element(self.name, self.namespace)
        clone.attributes = self.attributes
        return clone

    def hasContent(self) -> bool:
        return self.first is not None


class Text:
    """A text, in the pieces in which the tokenizer gives it."""

    __slots__ = ("next", "parent", "pieces", "previous")

    def __init__(self, data: str) -> None:
        self.pieces = [data]
        self.parent: Element | None = None
        self.previous: Element | Text | None = None
        self.next: Element | Text | None = None


class _Builder(base.TreeBuilder):  # type: ignore[misc]
    """html5lib's tree builder over these nodes. It counts the elements that it makes."""

    documentClass = fragmentClass = Element

    def reset(self) -> None:
        self.made = 0
        super().reset()

    def elementClass(self, name: str, namespace: str | None) -> Element:
        self.made += 1
        return Element(name, namespace)

    def commentClass(self, data: str) -> Element:
        return Element()

    def insertDoctype(self, token: object) -> None:
        """Leave it out."""

    def reconstructActiveFormattingElements(self) -> None:
        """Open formatting elements again that a block has closed: the standard's algorithm, with one look at a list.

        https://html.spec.whatwg.org/multipage/parsing.html#reconstruct-the-active-formatting-elements
        """
        entries = self.activeFormattingElements
        if not entries or entries[-1] is base.Marker or entries[-1] is self.openElements[-1]:
            return
        opened = set(map(id, self.openElements))
        place = len(entries)
        while place and entries[place - 1] is not base.Marker and id(entries[place - 1]) not in opened:
            place -= 1
        for index in range(place, len(entries)):
            one = entries[index]
            token = {"type": START, "name": one.name, "namespace": one.namespace, "data": one.attributes}
            entries[index] = self.insertElement(token)

    def getDocument(self) -> Element:
        document: Element = self.document
        return document


class _Tokenizer(HTMLTokenizer):  # type: ignore[misc]
    """html5lib's tokenizer, which counts what the HTML costs. Raises TooCostly."""

    def __init__(self, stream: str, parser: HTMLParser, check: Callable[[], None]) -> None:
        super().__init__(stream, parser=parser)
        self._check = check
        self._work = 0
        self.temporaryBuffer = ""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self.tokenQueue: deque[dict[str, Any]] = deque()
        steps = 0
        while self.state():
            steps += 1
            if not steps % SAMPLED_STEPS:
                self._check()
                self._count_copied()
            self.stream.errors.clear()
            while self.tokenQueue:
                token = self.tokenQueue.popleft()
                if token["type"] != PARSE_ERROR:
                    yield token
                    self._count(token)

    def consumeNumberEntity(self, isHex: bool) -> str:
        try:
            character: str = super().consumeNumberEntity(isHex)
        except ValueError:  # Python reads no number of so many digits
            raise TooCostly("the HTML has a character reference with thousands of digits") from None
        return character

    def _count(self, token: dict[str, Any]) -> None:
        """Count what the tree builder looked through at a token."""
        tree = self.parser.tree
        nested, formatting = len(tree.openElements), len(tree.activeFormattingElements)
        if nested > MAX_NESTING:
            raise TooCostly(f"the HTML nests over {MAX_NESTING} elements: are there tags that nothing closes?")
        if formatting > MAX_FORMATTING and formatting - tree.activeFormattingElements.count(None) > MAX_FORMATTING:
            names = "such as b, font or a"
            raise TooCostly(f"the HTML has over {MAX_FORMATTING} formatting tags, {names}, that nothing closes")
        if tree.made > MAX_ELEMENTS:
            raise TooCostly(f"the HTML has over {MAX_ELEMENTS} elements: split the task")
        self._add((nested + formatting) * LOOKS[_kind(token)])

    def _count_copied(self) -> None:
        """Count what the tokenizer copied since the last time."""
        token, size = self.currentToken, len(self.temporaryBuffer)
        if token is not None:
            data = token.get("data") or ""
            size += len(data) if isinstance(data, str) else 0
            size += len(token.get("name") or "") + len(token.get("publicId") or "") + len(token.get("systemId") or "")
            if isinstance(data, list):
                if len(data) > MAX_ATTRIBUTES:
                    raise TooCostly(
                        f"the HTML has a tag with over {MAX_ATTRIBUTES} attributes: is a > or a quote missing?"
                    )
                size += sum(map(len, data[-1])) + len(data) * SAMPLED_STEPS
        self._add(size // COPIED)

    def _add(self, work: int) -> None:
        self._work += work
        if self._work > MAX_WORK:
            raise TooCostly("the HTML has too many tags that nothing closes, or too long ones, to be read: repair it")


def _kind(token: dict[str, Any]) -> str:
    name = token.get("name")
    if name in ADOPTED and (token["type"] == END or name in REOPENED):
        return "adoption"
    return "heading" if token["type"] == END and name in headingElements else "other"


class _Parser(HTMLParser):  # type: ignore[misc]
    def __init__(self, check: Callable[[], None]) -> None:
        super().__init__(_Builder, namespaceHTMLElements=False)
        self._check = check

    def _parse(self, stream: str, innerHTML: bool = False, container: str = "div", scripting: bool = False) -> None:
        self.innerHTMLMode, self.container, self.scripting = innerHTML, container, scripting
        self.tokenizer = _Tokenizer(stream, self, self._check)
        self.reset()
        self.mainLoop()

    def parseError(self, *error: object) -> None:
        """Keep no errors: a browser shows none."""


def document(html: str, check: Callable[[], None]) -> Element | None:
    """The body of HTML that is parsed as a document with scripts enabled; None where it has none.

    `check` is called now and then, and may raise. Raises TooCostly.
    """
    tree: Element = _Parser(check).parse(html, scripting=True)
    root = tree.find("html")
    return root.find("body") if root is not None else None


def fragment(html: str, check: Callable[[], None]) -> Element:
    """What HTML is inside a `div`. `check` is called now and then, and may raise. Raises TooCostly."""
    found: Element = _Parser(check).parseFragment(html, container="div", scripting=True)
    return found
