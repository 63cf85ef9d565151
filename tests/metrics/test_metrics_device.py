"""Metrics whose features are on a GPU: the strict stand-in takes its place, and the numbers stay."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from support import gpu_machine, strict

from minigan.device import CPU, Device
from minigan.metrics import features, suite
from minigan.metrics.features import Extractor
from minigan.metrics.frechet import fid_infinity, frechet_distance
from minigan.metrics.inception_score import inception_score, softmax
from minigan.metrics.kid import kid
from minigan.metrics.modes import class_modes, stacked_modes
from minigan.metrics.msssim import diversity
from minigan.metrics.nearest import nearest_images
from minigan.metrics.neighbours import prdc
from minigan.metrics.parzen import parzen
from minigan.metrics.prd import prd
from minigan.metrics.references import Reference
from minigan.metrics.statistics import Statistics
from minigan.metrics.swd import swd

RNG = np.random.default_rng(0)
REAL, FAKE = RNG.normal(size=(60, 4)), RNG.normal(size=(50, 4)) + 0.3
IMAGES = RNG.integers(0, 256, (6, 32, 32, 1), dtype=np.uint8)
STACKS = RNG.normal(size=(40, 3, 10))
GPU = Device("cuda")


def values(found: Any) -> list[float]:
    """The scores in whatever a metric returns."""
    if isinstance(found, list):
        return [number for score in found for number in (score.value, score.details["real"])]
    parts = vars(found).values() if hasattr(found, "__dataclass_fields__") and not hasattr(found, "value") else [found]
    return [part.value for part in parts if hasattr(part, "value")]


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


METRICS: dict[str, Callable[[Callable[[np.ndarray], Any]], Any]] = {
    "fid": lambda put: frechet_distance(Statistics.of(put(REAL)), Statistics.of(put(FAKE))),
    "fid-infinity": lambda put: fid_infinity(Statistics.of(put(REAL)), put(FAKE), rng=rng(), smallest=20, points=3),
    "kid": lambda put: kid(put(REAL), put(FAKE), rng=rng(), subsets=3, subset_size=20),
    "is": lambda put: inception_score(softmax(put(FAKE)), rng=rng(), splits=2),
    "pr": lambda put: prdc(put(REAL), put(FAKE)),
    "prd": lambda put: prd(put(REAL[:50]), put(FAKE), rng=rng(), clusters=4, clusterings=2),
    "modes": lambda put: class_modes(softmax(put(FAKE))),
    "stacked": lambda put: stacked_modes(put(np.exp(STACKS) / np.exp(STACKS).sum(axis=2, keepdims=True))),
    "ms-ssim": lambda put: diversity(put(IMAGES), rng=rng(), pairs=10),
    "parzen": lambda put: parzen(put(FAKE), put(REAL[:10]), put(REAL[10:])),
    "swd": lambda put: swd(put(IMAGES), put(IMAGES[::-1]), rng=rng(), directions=8),
    "nearest": lambda put: nearest_images(put(IMAGES), put(IMAGES[:3] // 2), rng=rng()),
}


def test_every_metric_is_here() -> None:
    assert METRICS.keys() == suite.METRICS.keys()


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_of_arrays_on_a_gpu_is_that_of_arrays_on_the_cpu(name: str) -> None:
    there, here = (values(METRICS[name](put)) for put in (strict.to_device, np.asarray))
    assert len(here) >= 1
    assert there == pytest.approx(here, rel=1e-9)


def test_the_root_of_a_frechet_distance_is_taken_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu_machine.install(monkeypatch)
    statistics = Statistics.of(REAL), Statistics.of(FAKE)
    here, there = (frechet_distance(*statistics, on=device) for device in (CPU, GPU))
    assert there.value == pytest.approx(here.value, rel=1e-9)
    assert there.details["iterations"] > 25 > here.details["iterations"]  # products alone take more of them


@pytest.fixture
def lenet(monkeypatch: pytest.MonkeyPatch) -> Extractor:
    gpu_machine.install(monkeypatch)
    return features.get("lenet-mnist-v1").to_device(GPU)


def test_an_extractor_moves_and_sees_the_same(lenet: Extractor) -> None:
    assert all(isinstance(p, strict.StrictArray) for net in lenet.networks() for _, p in net.named_params())
    home = features.get("lenet-mnist-v1")
    images = RNG.integers(0, 256, (7, 28, 28, 1), dtype=np.uint8)
    for there, here in zip(lenet(images), home(images), strict=True):
        assert type(there) is np.ndarray and there.dtype == np.float64
        np.testing.assert_allclose(there, here, rtol=1e-4, atol=1e-4)
    assert (lenet.device, home.device, lenet.id) == (GPU, CPU, home.id)
    assert lenet.to_device(CPU) is lenet and lenet(images).features.dtype == np.float64


def test_a_gpu_looks_at_one_batch_after_the_other(lenet: Extractor, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    each = suite_each()

    def watched(job: Any, items: Any, threads: int) -> Any:
        seen.append((len(items), threads))
        return each(job, items, threads)

    monkeypatch.setattr("minigan.metrics.features.extractor.parallel.each", watched)
    lenet.batch, lenet.threads = 2, 3
    images = np.zeros((5, 28, 28, 1), np.uint8)
    lenet(images)
    lenet.to_device(CPU)(images)
    assert seen == [(3, 1), (3, 3)]


def suite_each() -> Callable[..., Any]:
    from minigan import parallel

    return parallel.each


@pytest.mark.parametrize("metric", ["fid", "fid-infinity", "kid"])
def test_an_exhibit_computes_where_its_extractor_looks(metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu_machine.install(monkeypatch)
    monkeypatch.setattr(suite, "kid", partial(suite.kid, subsets=5))
    images = RNG.integers(0, 256, (1100, 8, 8, 1), dtype=np.uint8)
    found = []
    for on in (CPU, GPU):
        extractor = Shallow().to_device(on)
        reference = Reference(Statistics.of(extractor(images[::-1]).features), images[::-1])
        found.append(suite.measure(suite.Exhibit(extractor, images, reference), metric)[0])
    assert found[1].value == pytest.approx(found[0].value, rel=1e-6, abs=1e-9)
    assert found[1].protocol == found[0].protocol


class Shallow(Extractor):
    """Two moments of an image are its features and its logits: no weights, nothing to wait for."""

    name, digest, variant, classes, d = "shallow", "0" * 64, "plain", ("dark", "bright"), 2

    def networks(self) -> tuple[()]:
        return ()

    def bring(self, images: np.ndarray) -> Any:
        return self.device.asarray(images)

    def look(self, x: Any) -> tuple[Any, Any]:
        y = np.stack([x.mean(axis=(1, 2, 3)), (x[:, :14] ** 2).mean(axis=(1, 2, 3)) / 100], axis=1)
        return y, y
