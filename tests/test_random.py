"""Streams: every random number is a function of (seed, step, part, name), and of nothing else."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from minigan.random import Streams

NAMES = ["init", "batches", "noise", "dropout", "penalty", "sample", "a", "b", ""]
SEEDS = [0, 1, 7, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 2, 2**64 - 1]


def draws(generator: np.random.Generator) -> tuple[float, ...]:
    return tuple(generator.random(4))


def test_the_same_four_give_the_same_numbers() -> None:
    for seed in SEEDS:
        assert draws(Streams(seed).at("noise", 3, 1)) == draws(Streams(seed).at("noise", 3, 1))


def test_each_of_the_four_changes_the_numbers() -> None:
    grid = itertools.product((0, 1, 2**32), NAMES, (0, 1, 1000), (0, 1, 2))
    seen = [draws(Streams(seed).at(name, step, part)) for seed, name, step, part in grid]
    assert len(set(seen)) == len(seen) == 3 * len(NAMES) * 9


@pytest.mark.parametrize("name", NAMES)
def test_no_two_seeds_share_a_stream(name: str) -> None:
    assert len({draws(Streams(seed).at(name, 0)) for seed in SEEDS}) == len(SEEDS)


def test_the_numbers_are_the_same_in_every_version_and_on_every_machine() -> None:
    # Philox with key (seed, digest of the name) and counter (0, 0, part, step): written down once, from its definition.
    digest = 3964110132002447589  # blake2b of b"noise", 8 bytes, little end first
    key, counter = np.array([7, digest], np.uint64), np.array([0, 0, 1, 3], np.uint64)
    expected = np.random.Generator(np.random.Philox(key=key, counter=counter))
    assert draws(Streams(7).at("noise", 3, 1)) == draws(expected)


def test_a_stream_is_given_out_once_and_continues() -> None:
    streams = Streams(0)
    noise = streams("noise")
    first = draws(noise)
    assert streams("noise") is noise
    assert draws(streams("noise")) != first


def test_seek_rewinds_every_generator_that_was_given_out() -> None:
    streams = Streams(0)
    noise, dropout = streams("noise"), streams("dropout")
    noise.standard_normal(7, dtype=np.float32)  # half a word left over
    noise.integers(0, 10, dtype=np.uint8)
    streams.seek(12, part=2)
    assert draws(noise) == draws(Streams(0).at("noise", 12, 2))
    assert draws(dropout) == draws(Streams(0).at("dropout", 12, 2))
    streams.seek(12, part=2)
    assert draws(noise) == draws(Streams(0).at("noise", 12, 2))


def test_seek_clears_what_is_left_of_a_split_number() -> None:
    streams, fresh = Streams(0), Streams(0).at("noise", 4)
    noise = streams("noise")
    noise.integers(0, 2**32, dtype=np.uint32)  # a 64-bit number is split, its other half kept
    streams.seek(4)
    assert (
        noise.integers(0, 2**32, 5, dtype=np.uint32).tolist() == fresh.integers(0, 2**32, 5, dtype=np.uint32).tolist()
    )


def test_a_generator_given_out_after_a_seek_starts_where_the_others_stand() -> None:
    streams = Streams(0)
    streams.seek(9, 1)
    assert draws(streams("late")) == draws(Streams(0).at("late", 9, 1))


def test_how_much_one_stream_draws_does_not_move_another() -> None:
    quiet, busy = Streams(0), Streams(0)
    busy("noise").random(1000)
    assert draws(quiet("dropout")) == draws(busy("dropout"))


def test_the_steps_of_a_stream_do_not_run_into_each_other() -> None:
    long = Streams(0).at("noise", 0).random(50_000)
    assert not np.isin(Streams(0).at("noise", 0, 1).random(100), long).any()
    assert not np.isin(Streams(0).at("noise", 1).random(100), long).any()


def test_streams_of_different_names_are_uncorrelated() -> None:
    n = 20_000
    drawn = np.stack([Streams(0).at(name, 0).standard_normal(n) for name in NAMES])
    off_diagonal = np.asarray(np.corrcoef(drawn)) - np.eye(len(NAMES))
    assert np.abs(off_diagonal).max() < 4.5 / np.sqrt(n)
    assert np.abs(drawn.mean(axis=1)).max() < 4.5 / np.sqrt(n)


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, float("nan")])
def test_what_is_not_a_seed_is_refused(seed: float) -> None:
    with pytest.raises(ValueError, match=r"seed must be an integer from 0 to 2\^64 - 1, got"):
        Streams(seed)  # type: ignore[arg-type]


@pytest.mark.parametrize(("step", "part"), [(-1, 0), (0, -1), (2**64, 0)])
def test_what_is_not_a_position_is_refused(step: int, part: int) -> None:
    with pytest.raises((ValueError, OverflowError)):
        Streams(0).at("noise", step, part)
