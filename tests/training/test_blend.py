"""How far a version's weights move from the base model's to the tuned ones."""

from __future__ import annotations

import pytest
import torch

from service.versions.lineage import Blend, Tried
from training.blend import MARGIN, SHARES, between, blend, choose


def tried(*pairs):
    return [
        Tried(share=share, f1=f1, forgotten=forgotten) for share, (f1, forgotten) in zip(SHARES, pairs, strict=False)
    ]


@pytest.mark.parametrize(
    ("pairs", "share"),
    [
        (((0.50, 0.0), (0.45, 0.0), (0.40, 0.0), (0.3, 0.0)), SHARES[0]),
        (((0.50, 0.1), (0.45, 0.02), (0.40, 0.01), (0.3, 0.0)), SHARES[2]),
        (((0.50, 0.4), (0.45, 0.3), (0.40, 0.2), (0.3, 0.1)), SHARES[3]),
        (((0.40, 0.0), (0.45, 0.0), (0.40, 0.0), (0.3, 0.0)), SHARES[1]),
        (((0.45 - MARGIN / 2, 0.0), (0.45, 0.0), (0.40, 0.0), (0.3, 0.0)), SHARES[0]),
        (((None, 0.1), (None, 0.01), (None, 0.0), (None, 0.0)), SHARES[1]),
    ],
    ids=["all learnt", "as far as is not forgotten", "all forget", "less is better", "not by chance", "no validation"],
)
def test_the_best_share_of_those_that_forget_little_is_chosen(pairs, share):
    assert choose(tried(*pairs), limit=0.015) == share


def test_the_network_is_left_with_the_chosen_share():
    network, base = torch.nn.Linear(2, 1), {"weight": torch.zeros(1, 2), "bias": torch.zeros(1)}
    tuned = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    forgotten = iter([0.5, 0.01, 0.01, 0.01, 0.01])
    chosen = blend(network, base, lambda share: float(network.weight.abs().sum()), lambda: next(forgotten), limit=0.015)
    assert chosen.share == SHARES[1]
    assert torch.equal(network.weight, between(base, tuned, SHARES[1])["weight"])
    assert "85%" in chosen.told()


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        (
            ((0.5, 0.0), (0.4, 0.0), (0.3, 0.0), (0.2, 0.0)),
            "the best, on texts that it has not learnt from, of what forgets at most 0.05",
        ),
        (((None, 0.1), (None, 0.01), (None, 0.0), (None, 0.0)), "the farthest that forgets at most 0.05 F1"),
        (((0.5, 0.4), (0.4, 0.3), (0.3, 0.2), (0.2, 0.1)), "where it forgets least: each share that was tried forgets"),
    ],
)
def test_the_choice_is_told_with_its_true_reason(pairs, says):
    found = tried(*pairs)
    assert says in Blend(share=choose(found, 0.05), limit=0.05, tried=tuple(found)).told()


def test_without_validation_texts_no_share_is_tried_below_the_first_that_forgets_little():
    network, base = torch.nn.Linear(2, 1), {"weight": torch.zeros(1, 2), "bias": torch.zeros(1)}
    forgotten = iter([0.5, 0.01])
    chosen = blend(network, base, None, lambda: next(forgotten), limit=0.015)
    assert (chosen.share, len(chosen.tried)) == (SHARES[1], 2)


def test_between_is_the_base_at_none_and_the_tuned_at_all():
    base, tuned = {"weight": torch.tensor([1.0, 2.0])}, {"weight": torch.tensor([3.0, 6.0])}
    assert torch.equal(between(base, tuned, 0.0)["weight"], base["weight"])
    assert torch.equal(between(base, tuned, 1.0)["weight"], tuned["weight"])
    assert torch.equal(between(base, tuned, 0.5)["weight"], torch.tensor([2.0, 4.0]))
