"""Each of many concatenated windows gets the scores that GLiNER gives it alone."""

from __future__ import annotations

import pytest
import torch

from service.model.model import Model
from service.model.packed import Packed
from service.model.packed.linear import PackedLinear
from service.model.packed.network import PackedNetwork
from service.model.packed.quantized import QuantizedLinear
from service.model.packed.sequences import Sequences
from service.model.padded import Padded
from tests.support.networks import random_gliner

LABELS = ["person", "company", "chemical substance", "city"]
TEXTS = [
    "Alice met Bob at Acme in Paris.",
    "No",
    "Naloxone reverses the antihypertensive effect of clonidine.",
    " ".join(f"word{number} of a long text about clonidine" for number in range(30)),
    "A marker of GLiNER's own, <<ENT>> or <<SEP>>, is text like any other.",
]
KNOWN = ["bert", "deberta", "deberta, positions of their own", "deberta, all distances"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model with random weights, before `use`."""
    return lambda encoder, **options: Model(random_gliner(tmp_path_factory.mktemp("model"), encoder, **options))


def windows_of(model, texts=TEXTS, labels=LABELS):
    return [window for text in texts for window in model.prepare(text, labels, 0.5)]


def own_logits(model, window):
    """GLiNER's own logits of one window alone."""
    entry = {"tokenized_text": window.words, "ner": None}
    inputs = model.gliner.collate_batch([entry], [list(window.group.labels)], model.gliner.create_collator())
    return model.gliner.run_batch(inputs).logits[0]


def inside(logits):
    """The spans that end within the text."""
    words, widths, _ = logits.shape
    return logits[torch.arange(words).unsqueeze(1) + torch.arange(widths) < words]


def assert_alike(model, windows):
    packed = PackedNetwork(model.gliner, PackedLinear, model.max_tokens)(Sequences.of(windows, model.subtokens.closing))
    for window, found in zip(windows, packed, strict=True):
        wanted = own_logits(model, window)
        assert found.shape == wanted.shape
        assert wanted.std() > 0.005
        assert torch.allclose(inside(found), inside(wanted), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("encoder", KNOWN)
@pytest.mark.parametrize("rnn", [0, 1], ids=["no rnn", "rnn"])
@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_each_window_gets_the_logits_it_gets_alone(made, encoder, rnn, pooling):
    model = made(encoder, num_rnn_layers=rnn, subtoken_pooling=pooling)
    windows = windows_of(model)[:-1]  # GLiNER itself takes its own markers in a text for labels
    assert max(window.tokens for window in windows) > 300
    assert_alike(model, windows)


@pytest.mark.parametrize("encoder", ["bert", "deberta"])
@pytest.mark.parametrize("rnn", [0, 1], ids=["no rnn", "rnn"])
def test_a_bi_encoders_windows_too(made, encoder, rnn):
    model = made(encoder, bi=True, num_rnn_layers=rnn)
    assert_alike(model, windows_of(model))


def test_windows_may_ask_for_labels_of_their_own(made):
    model = made("deberta")
    assert_alike(model, windows_of(model, TEXTS[:2]) + windows_of(model, TEXTS[:3], ["city", "gene"]))


def test_a_label_is_read_after_its_marker_if_the_models_config_says_so(made):
    model = made("bert", embed_ent_token=False)
    assert_alike(model, windows_of(model)[:-1])


def test_markers_in_a_text_do_not_count_as_labels(made):
    model = made("bert")
    model.use("fp32")
    logits = PackedNetwork(model.gliner, PackedLinear, model.max_tokens)(
        Sequences.of(windows_of(model, TEXTS[-1:]), model.subtokens.closing)
    )
    assert logits[0].shape[-1] == len(LABELS)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_serving_runner_finds_the_spans_that_gliners_own_forward_finds(model_folder, precision):
    model = Model.load(str(model_folder), "cpu")
    model.use(precision)
    windows = windows_of(model, ["Alice met Bob in Paris.", "Carol lives in Rome", "Nothing here."], ["city", "person"])
    if precision == "bf16" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("this CPU does not multiply bf16")
    assert isinstance(model.runner, Packed)
    padded, packed = Padded(model.gliner)(windows, 0.02), model.run(windows)
    assert sum(map(len, padded)) > 2
    for spans, others in zip(padded, packed, strict=True):
        expected, found = ([(s.start, s.end, s.label) for s in sorted(x) if s.score > 0.3] for x in (spans, others))
        assert found == expected


@pytest.mark.parametrize(
    ("encoder", "options"),
    [
        ("deberta, with a convolution", {}),
        ("deberta, one term", {}),
        ("bert", {"span_mode": "markerV1"}),
        ("bert", {"span_mode": "token_level"}),
        ("bert", {"subtoken_pooling": "max"}),
        ("bert", {"bi": True, "num_rnn_layers": 0, "post_fusion_schema": "l2l-l2t-t2t"}),
    ],
)
def test_gliner_runs_a_model_that_is_not_supported(made, encoder, options):
    model = made(encoder, **options)
    model.use("fp32")
    assert isinstance(model.runner, Padded)
    assert len(model.extract(TEXTS, LABELS, 0.5)) == len(TEXTS)


def test_gliner_runs_a_model_whose_prompt_has_other_sub_tokens(made, monkeypatch):
    """An unknown change that GLiNER's data processor makes to a prompt shows in the sub-tokens."""
    model = made("bert")
    monkeypatch.setattr(type(model.gliner.data_processor), "_extra_prompt_tokens", lambda *_: ["extra"])
    model.use("fp32")
    assert isinstance(model.runner, Padded)


def test_gliner_runs_a_network_that_gives_other_scores(made, monkeypatch):
    """An unknown part of a GLiNER network shows in the scores of one text."""
    model = made("bert", num_rnn_layers=1)
    monkeypatch.setattr(PackedNetwork, "_read", lambda network, words, texts: words)
    model.use("fp32")
    assert isinstance(model.runner, Padded)


def test_in_int8_rows_that_fill_up_a_batch_change_no_score(made, monkeypatch):
    """All rows of a batch are quantized by their common range."""
    model = made("bert")
    windows = windows_of(model, TEXTS[:1])
    network = PackedNetwork(model.gliner, QuantizedLinear, model.max_tokens)
    wanted = network(Sequences.of(windows, model.subtokens.closing))[0]
    monkeypatch.setattr(torch, "empty_like", lambda like, **_: torch.full_like(like, 1e4))
    found = network(Sequences.of(windows, model.subtokens.closing))[0]
    assert torch.equal(inside(found), inside(wanted))
