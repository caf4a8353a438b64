"""With all rewrites and in batches, the starter finds the same spans as GLiNER's own loop text by text."""

from __future__ import annotations

import json

import pytest
import torch

from service.model.gliner import GLiNER
from service.model.model import Model
from service.model.reading import Reading
from service.settings import ROOT, STARTER

LABELS = ["chemical", "company", "disease", "location", "person"]
THRESHOLD = 0.5


def texts(model: Model) -> list[str]:
    """500 texts, except those that GLiNER itself cuts, cuts inside a character or has a dropped word in."""
    lines = [
        *(ROOT / "examples" / "medical.jsonl").read_text(encoding="utf-8").splitlines(),
        *(ROOT / "training" / "replay.jsonl").read_text(encoding="utf-8").splitlines(),
    ]
    candidates = [json.loads(line)["text"] for line in lines]
    return [text for text in candidates if _is_whole(text, model)][:500]


def _is_whole(text: str, model: Model) -> bool:
    placed = list(model.splitter(text))
    words = [word for word, _, _ in placed]
    as_gliner = placed == list(model.gliner.data_processor.words_splitter(text))
    return as_gliner and len(words) <= model.max_words and all(model.subtokens.of(words)[1])


@pytest.mark.parametrize("serving", [False, True], ids=["padded", "packed"])
def test_the_same_entities_on_500_texts(serving):
    fast = Model.load(str(STARTER), "cpu").with_reading(Reading())  # GLiNER itself does not cut these texts
    if serving:
        fast.use("fp32")
    asked = texts(fast)
    assert len(asked) == 500
    own = GLiNER.from_pretrained(str(STARTER), local_files_only=True, dtype="fp32").eval()
    with torch.inference_mode():
        wanted = [own.predict_entities(text, LABELS, threshold=THRESHOLD) for text in asked]
    found = fast.extract(asked, LABELS, THRESHOLD)
    assert sum(len(entities) for entities in wanted) > 300
    for text, entities, extraction in zip(asked, wanted, found, strict=True):
        assert [(e["start"], e["end"], e["label"]) for e in entities] == [
            (s.start, s.end, s.label) for s in extraction.spans
        ], text
