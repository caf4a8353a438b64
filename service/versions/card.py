"""The model card of a version: the README of its Bento, in Markdown."""

from __future__ import annotations

import re
from html import escape

from service.versions.lineage import Lineage, Score

MARKUP = re.compile(r"[\\`*_\[\]|~]")
"""What begins markup in a line of Markdown, beside what HTML escapes."""
_CALLED = {"new": "this version", "champion": "the live version then", "base": "the base model"}


def card(lineage: Lineage, folder: str) -> str:
    """What a version is, how it scored, what the verdict on it was, and how to load its weights without Spanloop.

    `folder` is the directory of the weights in BentoML's store.
    """
    scored = "\n".join(
        _row(words, lineage.scores[model]) for model, words in _CALLED.items() if model in lineage.scores
    )
    new = lineage.scores["new"]
    labels = "\n".join(
        f"| {_plain(label)} | {new.support.get(label, 0)} | {f1:.3f} |" for label, f1 in sorted(new.per_label.items())
    )
    report = "`report.html` beside the weights has the details.\n" if lineage.report else ""
    return f"""# Spanloop {lineage.version}

A GLiNER model, fine-tuned by Spanloop from {_plain(lineage.base)} on
{len(lineage.annotations)} annotations. The licence of the base model holds for these weights too.

## Verdict: {lineage.decision}

{_plain(lineage.reason)}

{report}
## Scores

Strict scores: a span is right if its start, its end and its label are right.

| model | texts | precision | recall | F1 |
| --- | --- | --- | --- | --- |
{scored}

| label | annotated spans | F1 of this version |
| --- | --- | --- |
{labels}

## Use

`bentoml serve spanloop:{lineage.version}` serves it as Label Studio's ML backend. GLiNER alone loads the weights, in
the directory that holds `bentos/` and `models/` (`$BENTOML_HOME`, by default `~/bentoml`):

```python
{_snippet(lineage, folder)}```

GLiNER alone answers with the network's scores. What Spanloop adds is not in it: the calibration of the scores and the
thresholds, windows over long texts, and the base model's answers for labels that were not annotated.
"""


def _snippet(lineage: Lineage, folder: str) -> str:
    """Python code that finds the version's labels in a text with GLiNER alone."""
    labels = sorted(lineage.scores["new"].per_label)
    return f"""from gliner import GLiNER

model = GLiNER.from_pretrained({folder!r})
labels = {labels!r}
for span in model.predict_entities("Put your text here.", labels, threshold=0.5):
    print(span["start"], span["end"], span["label"], span["score"])
"""


def _row(called: str, score: Score) -> str:
    return f"| {called} | {score.texts or '–'} | {score.precision:.3f} | {score.recall:.3f} | {score.f1:.3f} |"


def _plain(text: str) -> str:
    """A text as it is read, also in a cell of a table: nothing in it is markup, so no link and no image of a label."""
    return MARKUP.sub(r"\\\g<0>", escape(" ".join(text.split()), quote=False))
