"""Seeds that the command line accepts are all different seeds."""

from __future__ import annotations

import pytest

from minigan.random import Streams

SEEDS = (0, 2**53, 2**53 + 1, 2**63, 2**64 - 2, 2**64 - 1)


@pytest.mark.parametrize("name", ["init", "noise", "order", "dropout", "penalty", "sample"])
def test_large_seeds_are_as_different_as_small_ones(name: str) -> None:
    drawn = {Streams(seed).at(name, 0).bytes(16) for seed in SEEDS}
    assert len(drawn) == len(SEEDS)


def test_large_positions_are_as_different_as_small_ones() -> None:
    drawn = {Streams(0).at("more samples", step).bytes(16) for step in SEEDS}
    assert len(drawn) == len(SEEDS)
