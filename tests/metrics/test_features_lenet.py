from __future__ import annotations

import hashlib
import json
import os
import shutil
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from support import strict

from minigan import data, gradcheck
from minigan.metrics import features, references
from minigan.metrics.features import LeNet, Seen
from minigan.metrics.features.cross_entropy import cross_entropy
from minigan.metrics.features.lenet import NAMES, digest, procedural
from minigan.metrics.score import NonFiniteSamples, ProtocolMismatch
from minigan.metrics.statistics import Statistics

KNOWN = {"lenet-mnist-v1": ("mnist", 0.990), "lenet-fashion-v1": ("fashion-mnist", 0.905)}


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def untrained() -> LeNet:
    return LeNet("untrained", "0123456789", rng=rng())


def images(n: int = 5, dtype: type = np.uint8) -> np.ndarray:
    pixels = rng().integers(0, 256, (n, 28, 28, 1), dtype=np.uint8)
    return pixels if dtype is np.uint8 else (pixels / 255).astype(dtype)


def shipped(name: str, folder: Path) -> tuple[Path, Path]:
    """A copy of the network's two files."""
    source = resources.files("minigan.data") / "extractors"
    for suffix in ("json", "npz"):
        with resources.as_file(source / f"{name}.{suffix}") as path:
            shutil.copy(path, folder)
    return folder / f"{name}.json", folder / f"{name}.npz"


def test_the_network_has_as_many_parameters_as_its_page_states() -> None:
    assert sum(array.size for array in untrained().arrays().values()) == 215_370


def test_features_and_logits_are_float64_and_of_the_sizes_that_the_network_states() -> None:
    network = untrained()
    seen = network(images(7))
    assert isinstance(seen, Seen)
    assert (seen.features.shape, seen.logits.shape) == ((7, network.d), (7, 10))
    assert (seen.features.dtype, seen.logits.dtype) == (np.float64, np.float64)
    assert seen.features.min() >= 0


def test_images_are_seen_alike_in_any_batch_and_as_bytes_or_as_numbers() -> None:
    network, x = untrained(), images(9)
    whole = network(x)
    network.batch = 4
    np.testing.assert_allclose(network(x).features, whole.features, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(network(images(9, np.float32)).features, whole.features, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(network(images(9, np.float64)).logits, whole.logits, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (images().astype(np.int64), TypeError, "expected uint8, or floating point"),
        (images()[..., 0], ValueError, r"expected shape \(N, H, W, C\)"),
        (images()[:0], ValueError, r"got \(0, 28, 28, 1\)"),
        (images(dtype=np.float32) * 2 - 1, ValueError, r"map the output x of a tanh by \(x \+ 1\) / 2"),
        (images(dtype=np.float32) * np.nan, NonFiniteSamples, "NaN"),
        (np.zeros((2, 32, 32, 1), np.uint8), ValueError, "grey images of 28 x 28, got 32 x 32"),
        (np.zeros((2, 28, 28, 3), np.uint8), ValueError, "with 3 channel"),
    ],
)
def test_what_are_not_images_for_it_is_refused(wrong: np.ndarray, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        untrained()(wrong)


def test_the_network_looks_on_a_gpu_too() -> None:
    here, there = untrained(), untrained()
    for network in there.networks():
        network.convert(strict.to_device)
    x = here.bring(images().astype(np.float32))
    for ours, theirs in zip(here.look(x), there.look(strict.to_device(x)), strict=True):
        np.testing.assert_allclose(strict.to_host(theirs), ours, rtol=1e-5, atol=1e-6)
    assert digest(here.arrays()) == here.digest


@pytest.mark.parametrize("name", KNOWN)
def test_a_shipped_network_is_what_its_card_states(name: str) -> None:
    network = features.get(name)
    assert network.name == name
    assert network.id == f"{name}:{network.digest[:12]}"
    assert len(network.classes) == 10
    data_set, gate = KNOWN[name]
    card = json.loads((resources.files("minigan.data") / "extractors" / f"{name}.json").read_text())
    assert card["accuracy"]["test"] >= gate
    assert card["recipe"]["data"] == data_set
    assert list(card["golden"]) == list(procedural())


def test_the_digest_is_of_the_float32_bytes_in_the_order_of_the_names() -> None:
    arrays = untrained().arrays()
    joined = b"".join(arrays[name].astype("<f4").tobytes() for name in NAMES)
    assert digest(arrays) == hashlib.sha256(joined).hexdigest()


def test_one_changed_bit_of_the_weights_is_refused(tmp_path: Path) -> None:
    card, weights = shipped("lenet-mnist-v1", tmp_path)
    with np.load(weights) as file:
        arrays = {name: file[name] for name in NAMES}
    arrays["fc2.b"].view(np.uint32)[3] ^= 1
    np.savez(weights, **arrays)
    with pytest.raises(ValueError, match=r"damaged, its digest is .* expected"):
        LeNet.read(card, weights)


def test_weights_that_see_the_procedural_images_differently_are_refused(tmp_path: Path) -> None:
    card, weights = shipped("lenet-mnist-v1", tmp_path)
    reported = json.loads(card.read_text())
    reported["golden"]["ramp"][int(np.argmax(reported["golden"]["ramp"]))] *= 1.001
    card.write_text(json.dumps(reported))
    with pytest.raises(ValueError, match="features of the image 'ramp' are off by"):
        LeNet.read(card, weights)


def test_a_written_network_reads_back_with_its_card(tmp_path: Path) -> None:
    network = untrained()
    network.write(tmp_path, {"accuracy": {"test": 0.1}})
    again = LeNet.read(tmp_path / "untrained.json", tmp_path / "untrained.npz")
    assert again.id == network.id
    np.testing.assert_array_equal(again(images()).logits, network(images()).logits)
    assert json.loads((tmp_path / "untrained.json").read_text())["accuracy"] == {"test": 0.1}


def test_an_unknown_network_is_refused_with_the_names_of_the_known() -> None:
    with pytest.raises(ValueError, match="expected lenet-mnist-v1 or lenet-fashion-v1"):
        features.get("lenet-cifar-v1")


@pytest.mark.parametrize(
    ("name", "network"), [("mnist", "lenet-mnist-v1"), ("mnist-10k", "lenet-mnist-v1"), ("ring", None)]
)
def test_data_sets_know_their_network(name: str, network: str | None) -> None:
    assert features.for_data(name) == network


def test_the_embedded_digits_are_recognised() -> None:
    digits = data.load("mnist-10k")
    seen = features.get("lenet-mnist-v1")(digits.images[:1000])
    assert (seen.logits.argmax(axis=1) == digits.labels[:1000]).mean() > 0.99


def published(name: str, split: str) -> data.Dataset:
    if not os.environ.get("MINIGAN_DATA"):
        pytest.skip("the whole data set is needed: MINIGAN_DATA is not set")
    return data.load(name, split=split)


@pytest.mark.parametrize("name", KNOWN)
def test_the_accuracy_on_the_cards_is_that_on_the_test_images(name: str) -> None:
    test = published(KNOWN[name][0], "test")
    card = json.loads((resources.files("minigan.data") / "extractors" / f"{name}.json").read_text())
    right = (features.get(name)(test.images).logits.argmax(axis=1) == test.labels).mean()
    assert right == pytest.approx(card["accuracy"]["test"], abs=2e-4)  # BLAS differs: two images may change sides
    assert hashlib.sha256(test.images.tobytes()).hexdigest() == card["data_sha256"]["test"]


@pytest.mark.parametrize("name", KNOWN)
def test_the_kept_statistics_are_those_of_the_test_images(name: str) -> None:
    reference = f"{KNOWN[name][0]}/test"
    network, test = features.get(name), published(KNOWN[name][0], "test")
    made, kept = references.measure(network, reference, test.images), references.statistics(network, reference)
    assert (kept.n, kept.origin) == (10_000, made.origin)
    np.testing.assert_allclose(kept.mean, made.mean, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(kept.covariance, made.covariance, rtol=1e-6, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", KNOWN)
def test_the_unit_is_a_trace_of_100_over_the_training_images(name: str) -> None:
    train = published(KNOWN[name][0], "train")
    trace = Statistics.of(features.get(name)(train.images).features).covariance.trace()
    assert trace == pytest.approx(100, rel=1e-4)


def test_statistics_made_through_other_weights_are_refused() -> None:
    network = untrained()
    network.name = "lenet-mnist-v1"
    with pytest.raises(ProtocolMismatch, match=r"made through lenet-mnist-v1:.*, and this is lenet-mnist-v1:"):
        references.statistics(network, "mnist/test")


def test_a_reference_that_the_package_does_not_keep_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="no statistics of mnist/train through lenet-mnist-v1"):
        references.statistics(features.get("lenet-mnist-v1"), "mnist/train")


@pytest.mark.parametrize(
    ("short", "full"),
    [("mnist", "mnist/test"), ("fashion-mnist", "fashion-mnist/test"), ("mnist-10k", "mnist-10k"), ("a/b", "a/b")],
)
def test_a_data_set_is_short_for_its_test_images(short: str, full: str) -> None:
    assert references.full_name(short) == full


def test_the_gradient_of_cross_entropy_is_that_of_its_value() -> None:
    a, labels = rng().normal(size=(6, 4)) * 3, np.array([0, 1, 2, 3, 1, 1])
    _, da = cross_entropy(a, labels)
    assert gradcheck.derivative_error(lambda: cross_entropy(a, labels)[0], a, da, rng()) < 1e-7


def test_cross_entropy_of_even_logits_is_the_logarithm_of_the_classes() -> None:
    loss, da = cross_entropy(np.zeros((3, 5)), np.array([4, 0, 2]))
    assert loss == pytest.approx(np.log(5))
    np.testing.assert_allclose(da.sum(axis=1), 0, atol=1e-16)


def test_cross_entropy_stays_finite_and_float32_where_logits_are_large() -> None:
    loss, da = cross_entropy(np.array([[1e4, 0], [0, 1e4]], np.float32), np.array([0, 0]))
    assert loss == pytest.approx(5000)
    assert (da.dtype, loss.dtype) == (np.float32, np.float32)
    np.testing.assert_array_equal(da, [[0, 0], [-0.5, 0.5]])
