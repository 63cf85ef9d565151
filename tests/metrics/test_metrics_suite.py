from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from minigan import __version__, data
from minigan.metrics import features, references, suite
from minigan.metrics.references import Reference
from minigan.metrics.score import Score
from minigan.metrics.statistics import Statistics

N = 1100


@pytest.fixture(scope="module")
def exhibit() -> suite.Exhibit:
    """Real digits against other real digits."""
    extractor, x = features.get("lenet-mnist-v1"), data.load("mnist-10k").images
    x = np.random.default_rng(0).permutation(x)  # neighbours in MNIST are of one writer
    real = x[N : 2 * N]
    return suite.Exhibit(extractor, x[:N], Reference(references.measure(extractor, "mine", real), real), seed=3)


@cache
def measured(exhibit: suite.Exhibit, metric: str) -> list[Score]:
    """Two tests look at the same scores, and some take a second."""
    return suite.measure(exhibit, metric)


def values(exhibit: suite.Exhibit, metric: str) -> dict[str, float]:
    return {score.protocol.metric: score.value for score in measured(exhibit, metric)}


def test_real_digits_score_as_a_perfect_generator_on_every_metric(exhibit: suite.Exhibit) -> None:
    fid = measured(exhibit, "fid")[0]
    assert fid.value == pytest.approx(fid.details["perfect"], rel=0.3)
    assert abs(values(exhibit, "kid")["kid"]) < 0.02
    assert values(exhibit, "is")["inception_score"] > 9
    near = values(exhibit, "pr")
    assert near["density"] == pytest.approx(1, abs=0.1)  # the expectations for equal distributions
    assert near["coverage"] == pytest.approx(0.97, abs=0.03)
    assert min(near["precision"], near["recall"]) > 0.7
    assert values(exhibit, "modes")["classes_captured"] == 10
    assert 0 < values(exhibit, "ms-ssim")["ms_ssim"] < 1


def test_the_curve_of_equal_distributions_is_high_at_both_ends(exhibit: suite.Exhibit) -> None:
    few = suite.Exhibit(
        exhibit.extractor, exhibit.images[:300], replace(exhibit.reference, images=exhibit.reference.images[:300])
    )
    found = values(few, "prd")
    assert min(found["prd_f8"], found["prd_f1/8"]) > 0.9


def test_every_metric_of_the_suite_reports_the_whole_protocol(exhibit: suite.Exhibit) -> None:
    for metric in ("fid", "kid", "is", "modes", "fid-infinity"):
        for score in measured(exhibit, metric):
            reported = score.protocol
            assert (reported.extractor, reported.variant) == (exhibit.extractor.id, exhibit.extractor.variant)
            assert (reported.version, reported.quantised) == (__version__, True)
            assert reported.n_generated == N
            assert reported.reference in ("", exhibit.reference.statistics.origin.reference)


def test_rare_classes_are_named() -> None:
    extractor, digits = features.get("lenet-mnist-v1"), data.load("mnist-10k")
    sevens = digits.images[digits.labels == 7][:200]
    one = digits.images[digits.labels == 4][:1]
    x = suite.Exhibit(extractor, np.concatenate([sevens, one]), Reference(Statistics(128), None))
    captured = suite.measure(x, "modes")[0]
    assert captured.value >= 2
    assert captured.details["rare"] == ["0", "1", "2", "3", "4", "5", "6", "8", "9"]


def test_stacks_of_three_digits_are_counted_by_their_channels() -> None:
    extractor, digits = features.get("lenet-mnist-v1"), data.load("mnist-10k")
    order = np.random.default_rng(0).integers(0, 10_000, (500, 3))
    stacks = np.moveaxis(digits.images[order, :, :, 0], 1, -1)
    triples = len(set(map(tuple, digits.labels[order])))
    captured, kl = suite.measure(suite.Exhibit(extractor, stacks, Reference(Statistics(128), None)), "stacked")
    assert captured.value == pytest.approx(triples, abs=10)  # the classifier is wrong at times
    assert captured.details["expected"] == pytest.approx(1000 * (1 - 0.999**500))
    assert kl.value > 0.3  # 500 stacks cannot be even over 1,000 modes
    with pytest.raises(ValueError, match="three digits in the three channels"):
        suite.measure(suite.Exhibit(extractor, stacks[..., :1], Reference(Statistics(128), None)), "stacked")


def test_images_are_looked_at_once(monkeypatch: pytest.MonkeyPatch, exhibit: suite.Exhibit) -> None:
    x = suite.Exhibit(exhibit.extractor, exhibit.images[:300], exhibit.reference)
    for metric in ("fid", "is", "modes"):
        suite.measure(x, metric)
    seen = x.seen
    assert x.seen is seen


def test_a_metric_draws_the_same_numbers_whatever_was_measured_before(exhibit: suite.Exhibit) -> None:
    first = values(exhibit, "is")
    values(exhibit, "ms-ssim")
    assert values(exhibit, "is") == first


def test_metrics_that_need_images_report_it_where_there_are_only_statistics(exhibit: suite.Exhibit) -> None:
    x = suite.Exhibit(exhibit.extractor, exhibit.images[:300], replace(exhibit.reference, images=None))
    for metric in ("kid", "pr", "prd", "parzen"):
        with pytest.raises(ValueError, match="it needs the images of mine, and only their statistics are here"):
            suite.measure(x, metric)


def test_the_parzen_likelihood_is_of_pixels_between_0_and_1(exhibit: suite.Exhibit) -> None:
    x = suite.Exhibit(exhibit.extractor, exhibit.images[:500], exhibit.reference)
    found = suite.measure(x, "parzen")[0]
    assert 0 < found.value < 300  # 500 training images as the model; 10,000 give 244 nats
    assert found.details["sigma"] == pytest.approx(0.2, abs=0.1)


def test_an_unknown_metric_is_refused(exhibit: suite.Exhibit) -> None:
    with pytest.raises(ValueError, match="unknown metric 'beauty': expected one of fid, "):
        suite.measure(exhibit, "beauty")
