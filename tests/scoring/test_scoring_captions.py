"""Scores of a StackGAN on captioned digits."""

from __future__ import annotations

import numpy as np
import pytest

from minigan import device
from minigan.data import captioned
from minigan.scoring import captions as scoring
from minigan.scoring.captions import KINDS, scores_of, some_captions, table
from minigan.systems.stackgan import StackGAN
from minigan.systems.stackgan_build import ENTRY
from minigan.training.config import Config
from minigan.training.draw import Fixed


def untrained() -> StackGAN:
    captions = {"words": sorted(WORDS), "length": 13, "examples": ["a red one on a blue ground"]}
    about = {"real": {"shape": [28, 28, 3], "classes": 10, "captions": captions}}
    system = ENTRY.build(Config(system="stackgan", width=0.1), about, device.choose("cpu"))
    assert isinstance(system, StackGAN)
    return system


WORDS = {word for own in captioned.all_facts() for text in captioned.captions_of(own) for word in text.split()}


def test_asked_captions_are_of_combinations_that_are_in_the_data_or_in_none() -> None:
    for held_out in (False, True):
        texts = some_captions(200, held_out=held_out)
        assert {captioned.held_out(captioned.facts_of(text)) for text in texts} == {held_out}
        assert texts == some_captions(200, held_out=held_out) and len(set(texts)) > 150


def test_both_stages_are_scored_on_seen_and_held_out_captions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "VARIED", 4)
    system = untrained()
    draw = Fixed(np.random.default_rng(0), device.choose("cpu"))
    first = scores_of(system, draw, "captioned-mnist", n=40)
    assert {score.protocol.parameters["of"] for score in first} == {f"small, {kind}" for kind in KINDS}
    system.players["G2"].optimizer.t = 1
    both = scores_of(system, draw, "captioned-mnist", n=40)
    assert {score.protocol.parameters["of"] for score in both} == {
        f"{size}, {kind}" for size in ("small", "large") for kind in KINDS
    }
    lines = table(both).splitlines()
    values = {score.protocol.metric: score.value for score in both}
    assert 0 < values["caption_variety"] < 1
    assert len(lines) == 5 and "lean bin" in lines[0] and lines[1].startswith("small, captions seen in training")


def test_other_data_have_no_captions_that_could_be_checked() -> None:
    with pytest.raises(ValueError, match="only captions of captioned-mnist can be checked"):
        scores_of(untrained(), Fixed(np.random.default_rng(0), device.choose("cpu")), "flowers")
