from __future__ import annotations

import json
import random
import shutil
import warnings

import pytest
import torch
from gliner.data_processing.tokenizer import TokenSplitterBase

from service.model.errors import ModelError, Unread
from service.model.model import Model
from service.model.prompts import Prompts
from service.model.reading import Reading
from service.model.spans import Span, best
from tests.support.networks import random_gliner

LABELS = ("person", "company", "city")
DROPPED = {"joiner": "‍", "rtl-mark": "‏", "zero-space": "​"}


def found(text: str, extraction) -> list[tuple[str, str]]:
    return [(text[s.start : s.end], s.label) for s in extraction.spans]


def extract(model: Model, text: str, labels=LABELS) -> list[tuple[str, str]]:
    return found(text, model.extract([text], labels, 0.5)[0])


def sentences(count: int, seed: int = 3) -> list[str]:
    from tests.support import tiny

    rng = random.Random(seed)
    return [" ".join(tiny.sentence(rng)[0]) for _ in range(count)]


def test_the_names_in_a_text_are_found_with_their_labels(shared_model):
    text = "😀 Alice works at Acme in New York."
    assert extract(shared_model, text) == [("Alice", "person"), ("Acme", "company"), ("New York", "city")]


@pytest.mark.parametrize("dropped", DROPPED.values(), ids=DROPPED.keys())
def test_words_that_the_tokenizer_drops_shift_no_entity(shared_model, dropped):
    plain = "then Alice met Bob near Acme in New York today"
    for text in (
        f"{dropped} {plain}",
        f"{dropped} {dropped} {dropped} {plain}",
        plain.replace("Bob", f"{dropped} Bob {dropped}"),
        f"👩{dropped}⚕ {plain}",
    ):
        assert extract(shared_model, text) == extract(shared_model, plain)


def test_gliner_itself_does_shift_them(shared_model):
    """The error that the test above guards against exists. When GLiNER fixes it, this test fails: remove STAND_IN."""
    text = "‍ ‍ ‍ then Alice met Bob"
    words = shared_model.gliner.inference([text], list(LABELS), threshold=0.5)[0]
    assert [word["text"] for word in words] != ["Alice", "Bob"]


def test_combining_accents_and_right_to_left_text_around_an_entity_leave_it_whole(shared_model):
    text = "José שלום ‏ said Alice met 👨‍👩‍👧 Bob"
    assert [name for name, _ in extract(shared_model, text)][-2:] == ["Alice", "Bob"]


@pytest.mark.parametrize("words", [350, 384, 385, 400, 1500])
def test_entities_anywhere_in_a_long_text_are_found(shared_model, words):
    parts = ["house"] * words
    for place in (0, words // 3, words // 2, words - 1):
        parts[place] = "Alice"
    text = " ".join(parts)
    assert extract(shared_model, text) == [("Alice", "person")] * 4


def test_a_text_past_512_sub_tokens_within_the_word_limit_is_read_to_its_end(shared_model):
    text = "Alice " + "xyzzyqwk " * 150 + "met Bob in " + "xyzzyqwk " * 150 + "near Acme"
    assert len(text.split()) < shared_model.max_words
    names = extract(shared_model, text)
    assert [pair for pair in names if pair[0] in ("Alice", "Bob", "Acme")] == [
        ("Alice", "person"),
        ("Bob", "person"),
        ("Acme", "company"),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alone = shared_model.gliner.inference([text], list(LABELS), threshold=0.5)[0]
    assert ("Acme", "company") not in [(span["text"], span["label"]) for span in alone]


def test_a_base64_blob_hides_nothing_behind_it(shared_model):
    text = f"Alice sent {'QUJDRA9f' * 400} to Bob"
    names = [pair for pair in extract(shared_model, text) if pair[0] in ("Alice", "Bob")]
    assert names == [("Alice", "person"), ("Bob", "person")]


def test_150_labels_do_not_crowd_the_text_out_of_the_window(shared_model):
    text = "Alice works at Acme in Paris."
    many = [f"zoo kind {number}" for number in range(150)]
    assert extract(shared_model, text, [*many, *LABELS]) == extract(shared_model, text)
    groups = shared_model.prompts.groups([*many, *LABELS])
    assert sorted(label for group in groups for label in group) == sorted([*many, *LABELS])
    assert max(map(len, groups)) <= shared_model.gliner.config.max_types


def test_long_wordings_leave_half_of_the_window_to_the_text(shared_model):
    labels = [f"{'a very long wording of ' * 6} {number}" for number in range(20)]
    for group in shared_model.prompts.groups(labels):
        assert shared_model.prompts.tokens(group) <= shared_model.max_tokens // 2


def test_a_wording_longer_than_the_window_is_an_error_that_names_it(shared_model):
    with pytest.raises(ModelError, match=r"'zoo zoo.*too long"):
        shared_model.prompts.groups(["person", "zoo " * 400])


def test_the_order_of_the_labels_changes_nothing(shared_model):
    many = [f"zoo kind {number}" for number in range(60)]
    assert shared_model.prompts.groups(many[::-1]) == shared_model.prompts.groups(many + many)
    texts = sentences(20)
    one = shared_model.extract(texts, LABELS, 0.5)
    assert shared_model.extract(texts, LABELS[::-1], 0.5) == one
    assert shared_model.extract(texts, [*LABELS, "person"], 0.5) == one


def test_seams_of_windows_give_no_duplicates_and_no_overlaps(shared_model):
    rng = random.Random(5)
    names = ["Alice", "New York", "Tyrell Corp"]
    filler = ["house", "the", "near"]
    parts = [part for _ in range(100) for part in (rng.choice(names), *rng.choices(filler, k=rng.randint(12, 15)))]
    text = " ".join(parts)
    spans = shared_model.extract([text], LABELS, 0.5)[0].spans
    assert len(shared_model.prepare(text, LABELS, 0.5)) > 2
    assert list(spans) == best(spans, "flat")
    wanted, at = [], 0
    for part in parts:
        if part in names:
            wanted.append((at, at + len(part)))
        at += len(part) + 1
    assert {(s.start, s.end) for s in spans} == set(wanted)


def test_a_window_costs_exactly_the_sub_tokens_that_are_counted_for_it(shared_model):
    texts = ["Alice met Bob", "a ‍ b", "xyzzyqwk " * 400, "", "word " * 1000]
    for labels in (LABELS, [f"zoo kind {n}" for n in range(60)]):
        for text in texts:
            for window in shared_model.prepare(text, labels, 0.5):
                entry = {"tokenized_text": window.words, "ner": None}
                collator = shared_model.gliner.create_collator()
                inputs = shared_model.gliner.collate_batch([entry], [list(window.group.labels)], collator)
                assert inputs["input_ids"].shape[1] == window.tokens <= shared_model.max_tokens


def test_a_batch_gives_what_each_text_alone_gives(shared_model):
    texts = [*sentences(30), "", "   ", "word " * 500 + "Alice", "‍"]
    together = shared_model.extract(texts, LABELS, 0.5)
    for text, extraction in zip(texts, together, strict=True):
        alone = shared_model.extract([text], LABELS, 0.5)[0]
        assert found(text, extraction) == found(text, alone)
        assert extraction.certainty == pytest.approx(alone.certainty, abs=1e-4)


def test_short_texts_and_few_labels_give_what_gliner_itself_gives(shared_model):
    texts = sentences(40)
    ours = shared_model.extract(texts, LABELS, 0.5)
    theirs = shared_model.gliner.inference(texts, sorted(LABELS), threshold=0.5)
    for text, one, other in zip(texts, ours, theirs, strict=True):
        assert [(s.start, s.end, s.label) for s in one.spans] == [(o["start"], o["end"], o["label"]) for o in other]
        assert [s.score for s in one.spans] == pytest.approx([o["score"] for o in other], abs=1e-5), text


@pytest.mark.parametrize("text", ["", " ", "\n\t", "‍"])
def test_a_text_without_words_has_no_spans_and_no_doubt(shared_model, text):
    extraction = shared_model.extract([text], LABELS, 0.5)[0]
    assert extraction.spans == ()
    assert extraction.certainty == 1


def test_no_texts_and_no_labels_are_fine(shared_model):
    assert shared_model.extract([], LABELS, 0.5) == []
    assert shared_model.extract(["Alice"], [], 0.5)[0].spans == ()


def test_a_lower_threshold_only_adds_spans(shared_model):
    texts = sentences(20, seed=11)
    for strict, lax in zip(
        shared_model.extract(texts, LABELS, 0.8), shared_model.extract(texts, LABELS, 0.05), strict=True
    ):
        assert {s[:3] for s in strict.spans} <= {s[:3] for s in lax.spans}


def test_spans_are_of_the_type_that_is_promised(shared_model):
    (span,) = shared_model.extract(["Alice"], LABELS, 0.5)[0].spans
    assert isinstance(span, Span)
    assert isinstance(span.score, float)
    assert 0 <= span.score <= 1


@pytest.mark.parametrize("damage", ["missing", "empty", "weights", "config"])
def test_a_model_that_cannot_be_loaded_says_where_and_what_to_do(model_folder, tmp_path, damage):
    folder = tmp_path / "broken"
    if damage == "empty":
        folder.mkdir()
    elif damage != "missing":
        shutil.copytree(model_folder, folder)
        name = {"weights": "model.safetensors", "config": "gliner_config.json"}[damage]
        (folder / name).write_bytes(b"damaged")
    with pytest.raises(ModelError, match=r"broken.*SPANLOOP_MODEL"):
        Model.load(str(folder))


def test_in_bf16_the_same_names_are_found_with_scores_of_full_precision(model_folder, shared_model):
    made = Model.load(str(model_folder), "cpu")
    made.use("bf16")
    texts = sentences(60)
    few, many = (one.extract(texts, LABELS, 0.5) for one in (made, shared_model))
    assert {parameter.dtype for parameter in made.gliner.model.parameters()} == {torch.bfloat16}
    assert [[s[:3] for s in one.spans] for one in few] == [[s[:3] for s in one.spans] for one in many]
    for one, other in zip(few, many, strict=True):
        assert [s.score for s in one.spans] == pytest.approx([s.score for s in other.spans], abs=0.03)
    assert len({s.score for one in few for s in one.spans}) > 20


@pytest.mark.parametrize("native", [True, False])
def test_precision_auto_is_bf16_where_that_is_native(model_folder, monkeypatch, native):
    monkeypatch.setattr("service.model.computing.bf16_is_native", lambda device: native)
    made = Model.load(str(model_folder), "cpu")
    made.use("auto")
    assert next(made.gliner.model.parameters()).dtype is (torch.bfloat16 if native else torch.float32)


def test_a_label_set_is_put_into_groups_once(shared_model, monkeypatch):
    labels = ("city", "planet", "river")
    first = shared_model.prepare("Alice lives in Paris", labels, 0.5)
    monkeypatch.setattr(Prompts, "groups", lambda prompts, labels: pytest.fail("asked again"))
    assert shared_model.prepare("Alice lives in Paris", labels, 0.5) == first


class Small:
    """A runner on a device that has memory for two windows at once."""

    def __init__(self, runner):
        self.runner = runner
        self.batch_tokens = runner.batch_tokens
        self.sizes = []

    def cost(self, tokens):
        return self.runner.cost(tokens)

    def __call__(self, windows, floor):
        self.sizes.append(len(windows))
        if len(windows) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.runner(windows, floor)


def test_a_batch_that_the_device_has_no_memory_for_is_run_in_halves(model_folder, shared_model):
    made = Model.load(str(model_folder), "cpu")
    made.runner = small = Small(made.runner)
    texts, before = sentences(7), made.batch_tokens
    assert made.extract(texts, LABELS, 0.5) == shared_model.extract(texts, LABELS, 0.5)
    assert max(small.sizes) == 7
    tokens = [window.tokens for text in texts for window in made.prepare(text, LABELS, 0.5)]
    assert 2 * min(tokens) <= made.batch_tokens <= made.cost(sorted(tokens)[-4:]) // 2 < before
    small.sizes.clear()
    made.batch_tokens = 1
    made.extract(texts, LABELS, 0.5)
    assert set(small.sizes) == {1}


def test_a_single_window_that_the_device_has_no_memory_for_fails(shared_model, monkeypatch):
    def full(windows, floor):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(shared_model, "runner", full)
    with pytest.raises(torch.OutOfMemoryError):
        shared_model.run(shared_model.prepare("Alice", LABELS, 0.5))


def test_in_int8_most_of_the_same_names_are_found(model_folder, shared_model):
    made = Model.load(str(model_folder), "cpu")
    made.use("int8")
    texts = sentences(60)
    few, many = (
        {(n, *s[:3]) for n, one in enumerate(m.extract(texts, LABELS, 0.5)) for s in one.spans}
        for m in (made, shared_model)
    )
    assert len(few & many) > 0.9 * len(many) > 50
    assert {parameter.dtype for parameter in made.gliner.model.parameters()} == {torch.float32}


def test_int8_is_refused_for_a_model_that_does_not_support_it(tmp_path):
    made = Model(random_gliner(tmp_path, "bert", span_mode="token_level"))
    with pytest.raises(ModelError, match="SPANLOOP_PRECISION"):
        made.use("int8")


def test_fp16_on_a_cpu_is_refused(model_folder):
    with pytest.raises(ModelError, match="needs a GPU"):
        Model.load(str(model_folder), "cpu").use("fp16")


def test_a_wording_of_more_than_half_of_the_window_is_refused_and_one_of_exactly_half_is_not(shared_model):
    half = shared_model.max_tokens // 2
    special = shared_model.prompts.tokens(["a"]) - 1
    assert shared_model.prompts.groups([" ".join("a" * (half - special))])
    for more in range(1, 6):
        with pytest.raises(ModelError, match="shorten"):
            shared_model.prompts.groups([" ".join("a" * (half - special + more))])


def test_a_text_of_a_script_that_the_tokenizer_does_not_know_is_not_read(shared_model):
    for text in ("马云在杭州创立了阿里巴巴。", "Москва слезам не верит", "ソウルで Alice 山田"):
        with pytest.raises(Unread, match="does not know most of its words"):
            shared_model.prepare(text, LABELS, 0.5)
        assert shared_model.extract([text], LABELS, 0.5) == [((), 1.0)]
    for text in ("Alice met 马云 today in Paris", "Alice", "😀 ?!", "2024"):
        shared_model.prepare(text, LABELS, 0.5)


def test_a_model_keeps_the_splitter_that_its_config_names(model_folder, tmp_path, monkeypatch):
    class Every(TokenSplitterBase):
        def __call__(self, text):
            return ((text[at], at, at + 1) for at in range(len(text)))

    shutil.copytree(model_folder, tmp_path / "model")
    config = tmp_path / "model" / "gliner_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"words_splitter_type": "spacy"}))
    with pytest.raises(ModelError, match=r"words_splitter_type.*spacy"):
        Model.load(str(tmp_path / "model"), "cpu")
    monkeypatch.setattr("gliner.data_processing.tokenizer.SpaCyTokenSplitter", Every)
    model = Model.load(str(tmp_path / "model"), "cpu")
    read = model.with_reading(Reading(rungs={"Latin": "words"}))
    assert [word for word, _, _ in read.splitter("a bc")] == ["a", " ", "b", "c"]
