"""The FID and the modes of images in one call."""

from __future__ import annotations

import numpy as np
import pytest

from minigan import __version__, data
from minigan.metrics import Origin, Protocol, Statistics, frechet_distance, score_features, score_images, softmax
from minigan.metrics.features import Extractor, get
from minigan.metrics.modes import class_modes
from minigan.metrics.references import Reference, statistics
from minigan.metrics.suite import Exhibit, measure


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return get("lenet-mnist-v1")


@pytest.fixture(scope="module")
def reference(extractor: Extractor) -> Statistics:
    return statistics(extractor, "mnist/test")


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return data.load("mnist-10k").images[:400]


def test_images_score_as_their_parts_put_together_by_hand(
    extractor: Extractor, reference: Statistics, images: np.ndarray
) -> None:
    seen = extractor(images)
    origin = Origin(extractor.id, extractor.variant, quantised=True)
    by_hand = Protocol("fid", version=__version__)
    fid = frechet_distance(reference, Statistics.of(seen.features, origin), protocol=by_hand)
    modes = class_modes(softmax(seen.logits), protocol=fid.protocol)
    found = score_images(extractor, reference, images)
    assert found.fid == fid and found.fid.protocol.n_generated == 400
    assert found.fid.protocol.reference.startswith("mnist/test:")
    assert [found.modes.captured, found.modes.entropy, found.modes.kl] == [modes.captured, modes.entropy, modes.kl]
    np.testing.assert_array_equal(found.modes.counts, modes.counts)


def test_features_of_some_of_the_images_score_alone(
    extractor: Extractor, reference: Statistics, images: np.ndarray
) -> None:
    features = extractor(images).features
    assert score_features(extractor, reference, features) == score_images(extractor, reference, images).fid
    few = score_features(extractor, reference, features[:200])
    assert few == score_images(extractor, reference, images[:200]).fid and few.protocol.n_generated == 200


def test_the_suite_measures_the_same_scores(extractor: Extractor, reference: Statistics, images: np.ndarray) -> None:
    x, found = (
        Exhibit(extractor, images, Reference(reference, None), seed=3),
        score_images(extractor, reference, images),
    )
    (fid,), (captured, entropy, kl) = measure(x, "fid"), measure(x, "modes")
    assert (fid.value, fid.details, fid.protocol.seed) == (found.fid.value, found.fid.details, 3)
    assert (captured.value, entropy, kl) == (found.modes.captured.value, found.modes.entropy, found.modes.kl)


def test_images_that_are_not_of_8_bits_report_it(
    extractor: Extractor, reference: Statistics, images: np.ndarray
) -> None:
    found = score_images(extractor, reference, images / 255)
    assert found.fid.protocol.quantised is False and found.modes.captured.protocol.quantised is False
    assert score_images(extractor, reference, images).fid.protocol.quantised is True
