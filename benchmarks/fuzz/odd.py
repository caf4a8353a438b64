"""Odd values, and values of which a part was made odd."""

from __future__ import annotations

import copy
import random
from typing import Any

from benchmarks.fuzz.examples import HTML, HTML_CONFIG, PARAGRAPHS, PARAGRAPHS_CONFIG
from tests.support.studio import LABEL_CONFIG

STRINGS = [
    *("", " ", "\0", "\ud800", "\U0001f468‍\U0001f469", "é", "؜‮Alice‬", "الس", "ไทย" * 50, "漢字" * 99),
    *(
        "$text",
        "{{text}}",
        "${jndi:ldap://127.0.0.1:1/a}",
        "../../../../etc/passwd",
        "http://127.0.0.1:1/x",
        "file:///",
    ),
    *(
        "<",
        "&#0;",
        "&amp;amp;",
        "<p>" * 300,
        "</p>" * 300,
        "<!DOCTYPE x [<!ENTITY e 'e'>]>",
        "<script>alert(1)</script>",
    ),
    *("a" * 100_000, "Alice " * 20_000, "\n" * 5_000, "'\"; DROP TABLE x; --", "%s%n%x", "None", "true", "1e999"),
    *(HTML, HTML * 50, "<table>" * 200, "<a b='c' " * 500, "<![CDATA[x]]>", "\r\n\r\nHTTP/1.1 200 OK"),
]
NUMBERS: list[Any] = [0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 10**30, 0.1, -0.0, 1e308, 5e-324, True, False]
TEXTUAL = ["1e999", "-1e999", "NaN", "Infinity", "-Infinity", "1" * 5_000, "0.0000000000000000001", "-0", "1E+400"]
"""Numbers that JSON's text can hold and a double cannot, or that JSON does not have."""
CONFIG_PARTS = [
    *(
        "<View>",
        "</View>",
        '<Label value="person"/>',
        '<Label value=""/>',
        "<Label/>",
        '<Label value="person" hint="x"/>',
    ),
    *(
        '<Labels name="label" toName="text"/>',
        '<Text name="text" value="$text"/>',
        '<Text name="text"/>',
        "&lt;",
        "&x;",
    ),
    *('<Text name="text" value="$a.b[0].c"/>', '<HyperText name="text" valueType="url" value="$text"/>', "<!-- -->"),
    *('<Choices name="c" toName="text"/>', '<Repeater on="$x" indexFlag="{{i}}"/>', 'toName="label"', 'value="$"'),
    *("<Style>b{}</Style>", '<Labels name="l" toName="text" value="$labels"/>', 'granularity="word"', "\0", "<"),
]
CONFIGS = [LABEL_CONFIG, HTML_CONFIG, PARAGRAPHS_CONFIG]


def value(rng: random.Random, depth: int = 0) -> Any:
    """Any value of JSON, an odd one more often than not."""
    kind = rng.randrange(7 if depth < 4 else 4)
    if kind < 2:
        return rng.choice(STRINGS)
    if kind < 4:
        return rng.choice([*NUMBERS, None])
    if kind == 4:
        return [value(rng, depth + 1) for _ in range(rng.randint(0, 4))]
    if kind == 5:
        return {rng.choice(["id", "data", "text", "value", rng.choice(STRINGS)[:50]]): value(rng, depth + 1)}
    nested = [PARAGRAPHS, [PARAGRAPHS] * 3, [{"text": value(rng, depth + 1), "author": None}], {}, [[[]]]]
    return copy.deepcopy(rng.choice(nested))


def mutated(example: Any, rng: random.Random) -> Any:
    """A copy of a value of which one to four parts were made odd."""
    root = [copy.deepcopy(example)]
    for _ in range(rng.randint(1, 4)):
        _change(*rng.choice(list(_places(root))), rng)
    return root[0]


def config(rng: random.Random) -> str:
    """A label config of which some parts were moved, doubled, cut out or added."""
    text = rng.choice(CONFIGS)
    for _ in range(rng.randint(1, 6)):
        begin, end = sorted(rng.randrange(len(text) + 1) for _ in range(2))
        kept = rng.choice(["", text[begin:end], text[begin : begin + 20] * 20, rng.choice(CONFIG_PARTS)])
        text = (text[:begin] + kept + text[rng.choice([begin, end]) :])[:50_000]
    return text


def many(rng: random.Random) -> Any:
    """A prediction with very many tasks, labels, controls or words."""
    count = rng.choice([1_000, 3_000, 10_001])
    labels = "".join(f'<Label value="label {number}"/>' for number in range(count // 10))
    shown = "".join(f'<Text name="t{number}" value="$text"/>' for number in range(count // 50))
    large = LABEL_CONFIG.replace("</Labels>", f"{labels}</Labels>").replace("</View>", f"{shown}</View>")
    few, text = [{"id": 1, "data": {"text": "Alice met Bob"}}], "Alice met Bob in Paris . " * (count // 4)
    return rng.choice(
        [
            {"tasks": [{"id": number, "data": {"text": 3}} for number in range(count)], "label_config": LABEL_CONFIG},
            {"tasks": few, "label_config": large},
            {"tasks": [{"id": 1, "data": {"text": text}}], "label_config": LABEL_CONFIG},
            {"tasks": few * 50, "label_config": LABEL_CONFIG, "params": {"context": {"result": [{}] * count}}},
        ]
    )


def _places(inside: Any) -> Any:
    """Every place of a value: what holds it, and its key or index."""
    keys = list(inside) if isinstance(inside, dict) else range(len(inside)) if isinstance(inside, list) else ()
    for key in keys:
        yield inside, key
        yield from _places(inside[key])


def _change(holder: Any, key: Any, rng: random.Random) -> None:
    """Make what is at a place odd."""
    kind = rng.randrange(6)
    if kind == 0 and isinstance(holder, dict):
        del holder[key]
    elif kind == 1 and isinstance(holder, list):
        holder += [holder[key]] * rng.choice([1, 5, 60])
    elif kind == 2 and isinstance(holder[key], str) and "<" in holder[key]:
        holder[key] = config(rng)
    elif kind == 3 and isinstance(holder, dict):
        holder[rng.choice(STRINGS)[:80]] = value(rng)
    else:
        holder[key] = value(rng)
