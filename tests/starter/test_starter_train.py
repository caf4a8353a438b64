"""The starter model as shipped, and the label sets that it was trained with."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
import torch

from service.model.model import Model
from service.model.spans import Span
from service.settings import STARTER
from starter import wordings
from starter.wordings import asked
from training import replay

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def starter() -> Model:
    return Model.load(str(STARTER))


def test_ships_small_without_pickles_and_without_a_path_of_the_machine_that_made_it() -> None:
    files = [path for path in STARTER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 15 * MEGABYTE
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".txt"}
    config = json.loads((STARTER / "gliner_config.json").read_text(encoding="utf-8"))
    assert not Path(config["model_name"]).is_absolute()
    for path in files:
        if path.name != "tokenizer.json" and path.suffix == ".json":
            text = path.read_text(encoding="utf-8")
            assert not any(folder in text for folder in ("/tmp", "/work", "/home", "site-packages"))


def test_loads_as_fp32_and_reads_any_latin_text(starter: Model) -> None:
    assert {parameter.dtype for parameter in starter.gliner.model.parameters()} == {torch.float32}
    tokenizer = starter.gliner.data_processor.transformer_tokenizer
    assert tokenizer.unk_token_id not in tokenizer("Zoë's naïve façade, 50 µg/ml of xylometazoline – ½ ß").input_ids


def test_finds_what_it_was_trained_on(starter: Model) -> None:
    text = "Naloxone reverses the antihypertensive effect of clonidine in patients with hypertension ."
    found = starter.extract([text], ["Chemical", "Disease"], 0.5)[0].spans
    assert {(text[span.start : span.end], span.label) for span in found} >= {
        ("Naloxone", "Chemical"),
        ("clonidine", "Chemical"),
        ("hypertension", "Disease"),
    }


@pytest.mark.parametrize("dataset", sorted(wordings.WORDINGS))
def test_label_sets_are_sorted_and_hold_every_label_of_the_spans(dataset: str) -> None:
    random = Random(0)
    spans = [Span(at, at + 1, name, 1.0) for at, name in enumerate(wordings.names(dataset))]
    for _ in range(300):
        labels, asked = wordings.draw(dataset, random.sample(spans, random.randint(0, len(spans))), random, 0.4)
        assert list(labels) == sorted(set(labels))
        assert labels
        assert {span.label for span in asked} <= set(labels)


def test_families_hold_labels_of_their_data_set() -> None:
    members = [member for family in wordings.FAMILIES.values() for member in family]
    assert sorted(members) == sorted(wordings.WORDINGS["multiconer_v2_en"])


def test_the_starter_says_which_labels_it_was_trained_with():
    assert replay.base_labels(str(STARTER)) == sorted({*replay.broad_labels(), *asked()})
