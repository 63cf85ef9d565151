"""The contents of pictures of captioned digits: measured on pictures whose facts are known."""

from __future__ import annotations

import numpy as np
import pytest

from minigan.data import Dataset, captioned, embedded
from minigan.metrics import features
from minigan.metrics.captions import caption_scores, measure, right, sharpness, variety, variety_score
from minigan.metrics.features import Extractor

N = 300


@pytest.fixture(scope="module")
def judge() -> Extractor:
    return features.get("lenet-mnist-v1")


def pictures(size: int = 28) -> Dataset:
    """The captioned digits of a thousand digits."""
    few = embedded.load()
    few = Dataset(few.name, few.images[:1000], few.labels[:1000], few.source)  # type: ignore[index]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(captioned.embedded, "load", lambda: few)
        patch.setattr(captioned, "_strokes_and_leans", captioned._strokes_and_leans.__wrapped__)  # not the cached ones
        return captioned.load(np.random.default_rng(0), size)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return pictures()


def texts_of(dataset: Dataset) -> list[str]:
    assert dataset.captions is not None
    return [texts[i % 4] for i, texts in enumerate(dataset.captions[:N])]


def test_real_pictures_show_what_their_captions_state(digits: Dataset, judge: Extractor) -> None:
    scores = {s.protocol.metric: s.value for s in caption_scores(texts_of(digits), digits.images[:N], judge, of="real")}
    assert scores.pop("caption_sharpness") > 0.5
    assert set(scores) == {
        f"caption_{name}" for name in ("class", "ink", "ground", "stroke", "lean", "stroke_bin", "lean_bin", "caption")
    }
    assert min(scores.values()) > 0.97


def test_a_picture_with_another_caption_is_wrong_where_the_two_differ(digits: Dataset, judge: Extractor) -> None:
    facts = [captioned.facts_of(text) for text in texts_of(digits)]
    seen = measure(digits.images[:N], judge)
    other = [own._replace(ink=own.ground, ground=own.ink) for own in facts]
    changed = right(other, seen)
    assert changed["ink"].mean() < 0.01 and changed["ground"].mean() == 0 and changed["class"].mean() > 0.97
    other = [own._replace(lean=3 - own.lean if own.lean else 0) for own in facts]
    assert np.nanmean(right(other, seen)["lean"]) < 0.01


def test_a_caption_is_right_where_everything_that_it_states_is(digits: Dataset, judge: Extractor) -> None:
    facts = [captioned.facts_of(text)._replace(digit=3) for text in texts_of(digits)]
    found = right(facts, measure(digits.images[:N], judge))
    assert found["caption"].mean() == pytest.approx(found["class"].mean(), abs=0.02)
    assert 0.03 < found["class"].mean() < 0.2


def test_empty_pictures_are_wrong_in_all_but_the_ground(judge: Extractor) -> None:
    text = "a thick red three leaning left on a blue ground"
    empty = np.full((2, 28, 28, 3), captioned.COLOURS["blue"], np.uint8)
    values = {s.protocol.metric: s.value for s in caption_scores([text] * 2, empty, judge, of="empty")}
    assert values["caption_ground"] == 1
    assert [values[f"caption_{name}"] for name in ("class", "ink", "stroke", "lean", "caption")] == [0] * 5


def test_large_pictures_are_measured_at_the_same_size_and_other_sizes_are_refused(judge: Extractor) -> None:
    large = pictures(56)
    assert large.captions is not None
    scores = caption_scores([texts[0] for texts in large.captions[:N]], large.images[:N], judge, of="real")
    assert min(score.value for score in scores) > 0.5
    with pytest.raises(ValueError, match="at 14, 28 or 56 pixels along a side, got 20"):
        measure(np.zeros((1, 20, 20, 3), np.uint8), judge)


def test_blurred_strokes_are_less_sharp_and_contrast_alone_is_not_blur() -> None:
    step = np.zeros((1, 8, 8))
    step[:, :, 4:] = 1
    ramp = np.broadcast_to(np.clip((np.arange(8) - 2) / 4, 0, 1), (1, 8, 8))
    assert sharpness(step) == pytest.approx(1)
    assert sharpness(np.asarray(ramp)) == pytest.approx(0.25)


def test_equal_pictures_have_no_variety() -> None:
    x = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 3)).astype(np.uint8)
    assert variety(np.repeat(x, 3, axis=0)) == 0
    assert variety(np.stack([np.zeros((2, 2, 3)), np.full((2, 2, 3), 9)])) == 9


def test_real_pictures_are_near_to_real_digits_of_their_class_and_other_captions_are_far(
    digits: Dataset, judge: Extractor
) -> None:
    all_digits, facts = embedded.load(), [captioned.facts_of(texts[0]) for texts in digits.captions or ()]
    rows = np.array([i for i, own in enumerate(facts) if own.digit in (0, 1)])[:450]
    texts = [captioned.captions_of(facts[i])[0] for i in rows]
    assert all_digits.labels is not None
    some = np.flatnonzero(all_digits.labels < 2)[::5]
    real = Dataset("zeros and ones", all_digits.images[some], all_digits.labels[some], all_digits.source)
    wrong = [captioned.captions_of(facts[i]._replace(digit=1 - facts[i].digit))[0] for i in rows]
    fids = []
    for captions in (texts, wrong):
        scores = caption_scores(captions, digits.images[rows], judge, of="real", real=real)
        fids += [score.value for score in scores if score.protocol.metric == "caption_fid"]
    assert len(fids) == 2 and fids[0] < 0.1 * fids[1]
    few = caption_scores(texts[:50], digits.images[rows[:50]], judge, of="real", real=real)
    assert "caption_fid" not in {score.protocol.metric for score in few}


def test_real_pictures_of_a_caption_vary_as_much_as_others_of_it_and_copies_not_at_all() -> None:
    facts = [captioned.Facts(3, 0, 2, 2, 1), captioned.Facts(8, 4, 1, 1, 0)]
    first, second = np.split(captioned.pictures_of(facts, 16, np.random.default_rng(0)), 2, axis=1)
    assert first.shape == (2, 8, 28, 28, 3)
    assert variety_score(first, second, of="real").value == pytest.approx(1, abs=0.15)
    assert variety_score(first[:, :1].repeat(8, axis=1), second, of="copies").value == 0
    small = first.reshape(2, 8, 14, 2, 14, 2, 3).mean(axis=(3, 5))
    assert variety_score(small, second, of="small").value == pytest.approx(1, abs=0.15)
