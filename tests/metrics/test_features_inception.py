"""Inception of the FID: its table, its wiring, its numbers, and the file that they come from."""

from __future__ import annotations

import hashlib
import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from support import strict, torchwriter

from minigan.kernels import Pair
from minigan.layers import AvgPool2d, BatchNorm, Branches, Conv2d, Layer, MaxPool2d, Network, ReLU
from minigan.metrics.features.extractor import Seen
from minigan.metrics.features.inception import Inception, tensors, weights
from minigan.metrics.features.inception.network import inception_v3
from minigan.metrics.features.inception.table import CONVOLUTIONS, Table
from minigan.metrics.features.torchfile import read

OUTPUTS = [
    *((149, 32), (147, 32), (147, 64), (73, 64), (73, 80), (71, 192), (35, 192)),
    *((35, 256), (35, 288), (35, 288), (17, 768), (17, 768), (17, 768), (17, 768), (17, 768)),
    *((8, 1280), (8, 2048), (8, 2048)),
]  # pixels along the side and channels of the layers' outputs
AVERAGED = ["Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e", "Mixed_7b"]
BLOCKS = ["Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", *AVERAGED[3:7], "Mixed_7a", "Mixed_7b", "Mixed_7c"]
FEWER = 16  # the small network has so many times fewer channels


def small_table() -> Table:
    """All numbers of channels are multiples of 16, but the three of an image."""
    rows = {}
    for name, row in CONVOLUTIONS.items():
        inputs = row.inputs if row.inputs == 3 else row.inputs // FEWER
        rows[name] = row._replace(inputs=inputs, outputs=row.outputs // FEWER)
    return rows


SMALL = small_table()
DRAWN = tensors.draw(np.random.default_rng(0), SMALL)
# Every tenth feature and every 126th logit of `by_formula` for an image of noise: PyTorch 2.13 in float64, the network
# written there layer by layer with its batch normalisations.
FEATURES = [
    8.88391,
    4.66667,
    3.68597,
    0,
    8.81069,
    0.19449,
    4.42622,
    0.05938,
    18.23457,
    1.84682,
    5.33987,
    3.98835,
    21.68717,
]
LOGITS = [16.98084, -29.18766, 12.51243, 16.69348, 0.79109, -19.97892, -0.35292, -6.85042]


def small(variant: str = "pt", seed: int = 0) -> Inception:
    return Inception.random(np.random.default_rng(seed), variant=variant, table=SMALL)


def images(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def walk(layer: Layer, size: Pair, sizes: dict[int, tuple[Pair, Pair]]) -> Pair:
    """Height and width after a layer; `sizes` learns them, before and after, of every layer inside by its id."""
    before = size
    if isinstance(layer, Branches):
        sizes_after = {walk(branch, size, sizes) for branch in layer.layers}
        (size,) = sizes_after
    elif isinstance(layer, Network):
        for inner in layer.layers:
            size = walk(inner, size, sizes)
    elif not isinstance(layer, ReLU):
        size = layer.output_size(size)
    sizes[id(layer)] = before, size
    return size


def pools(layer: Layer) -> list[Layer]:
    """The pools inside a layer."""
    if isinstance(layer, Network | Branches):
        return [pool for inner in layer.layers for pool in pools(inner)]
    return [layer] if isinstance(layer, MaxPool2d | AvgPool2d) else []


def blocks(net: Inception) -> dict[str, Branches]:
    """The blocks by their names."""
    return dict(zip(BLOCKS, (layer for layer in net.body.layers if isinstance(layer, Branches)), strict=True))


def test_the_table_adds_up_to_the_published_numbers() -> None:
    shapes = tensors.shapes(CONVOLUTIONS)
    sizes = {name: int(np.prod(shape)) for name, shape in shapes.items()}
    convolutions = [size for name, size in sizes.items() if name.endswith("conv.weight")]
    assert (len(CONVOLUTIONS), len(convolutions), sum(convolutions)) == (94, 94, 21_751_136)
    trained = sum(size for name, size in sizes.items() if "running" not in name)
    assert trained == 23_850_960
    assert (len(sizes), sum(sizes.values())) == (472, 23_885_392)
    assert tensors.width(CONVOLUTIONS) == 2048


def test_the_network_is_made_of_every_convolution_once() -> None:
    asked = []
    inception_v3(lambda name: asked.append(name) or Network(ReLU()))
    assert sorted(asked) == sorted(CONVOLUTIONS)


@pytest.fixture(scope="module")
def sizes() -> dict[str, tuple[Pair, Pair]]:
    """Height and width before and after every convolution."""
    units: dict[str, Layer] = {}
    net = inception_v3(lambda name: units.setdefault(name, tensors.unit(DRAWN, SMALL, name)))
    by_id: dict[int, tuple[Pair, Pair]] = {}
    assert walk(net, (299, 299), by_id) == (8, 8)
    return {name: by_id[id(unit)] for name, unit in units.items()}


def test_the_convolutions_see_maps_of_the_published_sizes(sizes: dict[str, tuple[Pair, Pair]]) -> None:
    stem = {"1a_3x3": (299, 149), "2a_3x3": (149, 147), "2b_3x3": (147, 147), "3b_1x1": (73, 73), "4a_3x3": (73, 71)}
    halving = {"6a.branch3x3": 17, "6a.branch3x3dbl_3": 17, "7a.branch3x3_2": 8, "7a.branch7x7x3_4": 8}
    for name, found in sizes.items():
        kind, _, place = name.partition("_")
        block = place.partition(".")[0]
        side = 35 if block in ("5b", "5c", "5d", "6a") else 17 if block in ("6b", "6c", "6d", "6e", "7a") else 8
        before, after = stem[place] if kind == "Conv2d" else (side, halving.get(place, side))
        assert found == ((before, before), (after, after)), name


def test_an_image_costs_5_7_billion_multiplications(sizes: dict[str, tuple[Pair, Pair]]) -> None:
    cost = 0
    for name, row in CONVOLUTIONS.items():
        height, width = sizes[name][1]
        cost += height * width * row.inputs * row.outputs * row.kernel[0] * row.kernel[1]
    assert round(cost / 1e9, 2) == 5.71


def noise(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers in [0, 1) that look random and come from a formula."""
    k = np.arange(math.prod(shape)).reshape(shape)
    return (np.sin(12.9898 * k + 78.233 * seed) * 43758.5453) % 1


def by_formula(table: Table) -> dict[str, np.ndarray]:
    """Tensors of noise, in sizes that let the numbers through."""
    found = {}
    for i, (name, shape) in enumerate(tensors.shapes(table).items()):
        u = noise(i, shape)
        if len(shape) > 1:
            u = (u - 0.5) * math.sqrt(24 / math.prod(shape[1:]))
        else:
            u = u + 0.5 if name.endswith(("bn.weight", "running_var")) else 0.2 * (u - 0.5)
        found[name] = u.astype(np.float32)
    return found


def test_features_and_logits_are_those_of_the_network_in_pytorch() -> None:
    net = Inception(by_formula(SMALL), name="formula", digest="", table=SMALL)
    x = 2 * noise(1000, (1, 139, 139, 3)) - 1
    features, logits = net.look(x.astype(np.float32))
    np.testing.assert_allclose(features[0, ::10], FEATURES, rtol=0, atol=1e-4)
    np.testing.assert_allclose(logits[0, ::126], LOGITS, rtol=0, atol=1e-4)


@pytest.mark.parametrize("variant", ["pt", "tf1", "clean"])
def test_a_small_network_sees_images_of_any_size_and_variant(variant: str) -> None:
    net = small(variant)
    for shape in ((3, 28, 28, 1), (1, 40, 7, 3)):
        seen = net(images(*shape))
        assert (seen.features.shape, seen.logits.shape) == ((shape[0], 2048 // FEWER), (shape[0], 1008))
        assert seen.features.std() > 0
        assert np.isfinite(seen.features).all()
        assert np.isfinite(seen.logits).all()


def test_the_layers_of_one_full_network_give_maps_of_the_published_sizes() -> None:
    net = Inception.random(np.random.default_rng(0))
    assert (net.name, net.d, net.variant, len(net.classes), net.classes[1]) == (
        "inception-random",
        2048,
        "pt",
        1008,
        "1",
    )
    assert sum(a.size for name, a in net.body.named_params() if name.endswith("weight")) == 21_751_136
    x, found = net.bring(images(1, 28, 28, 1).astype(np.float32)), []
    assert x.shape == (1, 299, 299, 3)
    before = x
    for layer in net.body.layers:
        x, _ = layer.forward(x, train=False)
        found.append((x.shape[1], x.shape[3]))
    assert found == OUTPUTS
    features, logits = net.look(before)
    np.testing.assert_array_equal(features, x.mean(axis=(1, 2)))
    np.testing.assert_allclose(logits, features @ net.head.weight, rtol=1e-5)
    assert (features.shape, logits.shape, features.dtype) == ((1, 2048), (1, 1008), np.float32)
    assert features.std() > 0.1


def test_blocks_average_over_real_pixels_only_and_the_last_takes_the_largest() -> None:
    for name, block in blocks(small()).items():
        (pool,) = pools(block)
        x = np.random.default_rng(0).uniform(1, 2, (1, 5, 5, 2)).astype(np.float32)
        y, _ = pool.forward(x, train=False)
        if name in AVERAGED:
            assert isinstance(pool, AvgPool2d)
            for i, j, count in ((0, 0, 4), (0, 2, 6), (4, 3, 6), (2, 2, 9), (4, 4, 4)):
                window = x[0, max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
                np.testing.assert_allclose(y[0, i, j], window.sum(axis=(0, 1)) / count, rtol=1e-6)
        else:
            assert isinstance(pool, MaxPool2d)
            same = name == "Mixed_7c"
            assert y.shape == ((1, 5, 5, 2) if same else (1, 2, 2, 2))
            first = x[0, :2, :2] if same else x[0, :3, :3]
            np.testing.assert_array_equal(y[0, 0, 0], first.max(axis=(0, 1)))


@pytest.mark.parametrize("name", AVERAGED)
def test_an_average_of_ones_is_one_up_to_the_border(name: str) -> None:
    block = blocks(small())[name]
    branch = block.layers[-1]
    y, _ = branch.layers[0].forward(np.ones((1, 8, 8, 3), np.float32), train=False)
    np.testing.assert_allclose(y, 1, rtol=1e-6)
    assert isinstance(branch.layers[1].layers[0], Conv2d)


def test_a_folded_convolution_is_the_one_with_its_batch_normalisation() -> None:
    drawn = tensors.draw(np.random.default_rng(3), CONVOLUTIONS)
    for name in ("Conv2d_1a_3x3", "Mixed_6b.branch7x7_2"):
        row = CONVOLUTIONS[name]
        rng = np.random.default_rng(0)
        x = rng.normal(size=(2, 11, 9, row.inputs)).astype(np.float32)
        conv = Conv2d(row.inputs, row.outputs, row.kernel, row.stride, row.padding, bias=False, rng=rng)
        conv.weight[...] = drawn[f"{name}.conv.weight"].transpose(2, 3, 1, 0)
        norm = BatchNorm(row.outputs, eps=0.001)
        for vector in ("weight", "bias", "running_mean", "running_var"):
            getattr(norm, vector)[...] = drawn[f"{name}.bn.{vector}"]
        unfolded, _ = Network(conv, norm, ReLU()).forward(x, train=False)
        folded, _ = tensors.unit(drawn, CONVOLUTIONS, name).forward(x, train=False)
        assert folded.shape == unfolded.shape
        np.testing.assert_allclose(folded, unfolded, rtol=0, atol=2e-5 * np.abs(unfolded).max())
        assert (folded == 0).any()


def test_folding_is_done_in_float64_and_uses_epsilon() -> None:
    given = {"a.conv.weight": np.full((1, 1, 1, 1), 3, np.float32)}
    given |= {f"a.bn.{name}": np.float32([value]) for name, value in (("weight", 2), ("bias", 5), ("running_mean", 7))}
    weight, bias = tensors.folded(given | {"a.bn.running_var": np.float32([0])}, "a")
    g = 2 / np.sqrt(0.001)
    assert (weight.dtype, bias.dtype) == (np.float32, np.float32)
    np.testing.assert_array_equal(weight, np.float32(3 * g))
    np.testing.assert_array_equal(bias, np.float32(5 - 7 * g))


def test_a_folded_weight_lies_as_the_kernels_want_it() -> None:
    net = small()
    assert [name for name, _ in net.head.named_params()] == ["weight"]
    for _, a in (*net.body.named_params(), *net.head.named_params()):
        assert a.flags.c_contiguous


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_constant_image_has_finite_features(level: int) -> None:
    seen = small()(np.full((1, 1, 1, 3), level, np.uint8))
    assert np.isfinite(seen.features).all()
    assert np.isfinite(seen.logits).all()


def same(a: Seen, b: Seen) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_one_seed_gives_one_network_and_its_digest() -> None:
    a, b, c = small(), small(), small(seed=1)
    assert a.digest == b.digest != c.digest
    assert same(a(images(2, 28, 28, 1)), b(images(2, 28, 28, 1)))
    assert not same(a(images(2, 28, 28, 1)), c(images(2, 28, 28, 1)))


def test_the_digest_of_random_weights_depends_on_every_tensor() -> None:
    assert tensors.digest({"a": DRAWN["fc.bias"]}) != tensors.digest({"b": DRAWN["fc.bias"]})
    for name in ("fc.bias", "Mixed_7c.branch_pool.bn.running_var"):
        changed = DRAWN | {name: np.nextafter(DRAWN[name], np.float32(9))}
        assert tensors.digest(changed) != tensors.digest(DRAWN)


def test_colours_float_images_and_grey_images_are_seen_alike() -> None:
    net, x = small(), images(2, 20, 20, 1)
    grey = net(x)
    for others in (np.repeat(x, 3, axis=3), (x / 255).astype(np.float64)):
        np.testing.assert_allclose(net(others).features, grey.features, rtol=1e-3, atol=1e-3)


def test_the_small_network_works_on_a_device() -> None:
    net = small()
    x = images(2, 28, 28, 1)
    on_host = net(x)
    for network in net.networks():
        network.convert(strict.to_device)
    on_device = net(x)
    np.testing.assert_allclose(on_device.features, on_host.features, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(on_device.logits, on_host.logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("container", [torchwriter.legacy, torchwriter.zipped])
def test_tensors_come_back_from_a_file(tmp_path: Path, container: object) -> None:
    counters = {f"{name}.bn.num_batches_tracked": np.array(3) for name in SMALL}
    path = tmp_path / "small.pth"
    path.write_bytes(container(torchwriter.state_dict(DRAWN | counters)))  # type: ignore[operator]
    net = Inception(read(path), name="small", digest="0" * 64, table=SMALL)
    assert net.id == "small:000000000000"
    assert same(net(images(1, 28, 28, 1)), small()(images(1, 28, 28, 1)))


def test_all_wrong_tensors_are_listed_at_once() -> None:
    given = dict(DRAWN)
    del given["fc.bias"], given["Mixed_5b.branch1x1.bn.weight"]
    given["extra"] = np.zeros(3, np.float32)
    given["fc.weight"] = given["fc.weight"].T
    given["Conv2d_1a_3x3.bn.bias"] = given["Conv2d_1a_3x3.bn.bias"].astype(np.int64)
    given["Conv2d_1a_3x3.bn.running_var"] = -given["Conv2d_1a_3x3.bn.running_var"]
    given["Conv2d_2a_3x3.conv.weight"] = given["Conv2d_2a_3x3.conv.weight"] * np.float32("nan")
    with pytest.raises(ValueError, match="not the tensors of Inception") as caught:
        Inception(given, name="wrong", digest="", table=SMALL)
    assert str(caught.value).partition(": ")[2].split("; ") == [
        "Mixed_5b.branch1x1.bn.weight is missing",
        "fc.bias is missing",
        "extra is unknown",
        "Conv2d_1a_3x3.bn.bias is int64 (2,), expected float32 (2,)",
        "Conv2d_1a_3x3.bn.running_var has a negative variance",
        "Conv2d_2a_3x3.conv.weight holds NaN or infinite values",
        "fc.weight is float32 (128, 1008), expected float32 (1008, 128)",
    ]


def test_an_unknown_variant_is_refused() -> None:
    for build in (small, partial(Inception.load, "none.pth")):
        with pytest.raises(ValueError, match="unknown variant 'tf2'"):
            build(variant="tf2")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty user's cache folder; no environment variable states where the weights are."""
    monkeypatch.delenv(weights.VARIABLE, raising=False)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda project: tmp_path / "cache" / project)
    folder = tmp_path / "cache" / "minigan"
    folder.mkdir(parents=True)
    return folder


def test_missing_weights_are_reported_as_missing_and_what_to_do(home: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        Inception.load()
    for words in (
        *(str(home / file) for file in weights.FILES),
        "pt_inception-2015-12-05-6726825d.pth (95,628,359 bytes",
        "SHA-256 6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        "release page of pytorch-fid",
        "MINIGAN_INCEPTION_WEIGHTS",
    ):
        assert words in str(caught.value)


def test_a_given_path_is_the_only_one_looked_at(home: Path) -> None:
    (home / weights.FILES[0]).touch()
    with pytest.raises(FileNotFoundError, match=r"were looked for:\n  .*elsewhere\.pth\nFetch"):
        Inception.load(home / "elsewhere.pth")


def test_weights_are_found_by_path_then_variable_then_in_the_cache(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third, fourth = (home / name for name in ("a.pth", "b.pth", *weights.FILES))
    for path in (first, second, third, fourth):
        path.touch()
    assert weights.find() == third
    third.unlink()
    assert weights.find() == fourth
    monkeypatch.setenv(weights.VARIABLE, str(second))
    assert weights.find() == second
    assert weights.find(first) == first
    second.unlink()
    with pytest.raises(FileNotFoundError, match=r"were looked for:\n  .*b\.pth\nFetch"):
        weights.find()


def test_another_file_than_the_published_one_is_refused_unread(home: Path) -> None:
    path = home / weights.FILES[0]
    path.write_bytes(b"not weights")
    digest = hashlib.sha256(b"not weights").hexdigest()
    with pytest.raises(ValueError, match=f"95,628,359 bytes with SHA-256 .*, got 11 bytes with {digest}") as caught:
        Inception.load()
    assert str(caught.value).startswith(f"{path}: must be the published weights")
    with pytest.raises(ValueError, match="begins neither as a zip") as caught:
        Inception.load(allow_unverified=True)
    assert str(caught.value).startswith(str(path))


def test_a_file_of_other_tensors_is_refused_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    path.write_bytes(torchwriter.legacy(torchwriter.state_dict({"fc.bias": np.zeros(10, np.float32)})))
    with pytest.raises(ValueError, match=r"fc\.bias is float32 \(10,\), expected float32 \(1008,\)") as caught:
        Inception.load(path, allow_unverified=True)
    assert str(caught.value).startswith(f"{path}: not the tensors of Inception: Conv2d_1a_3x3.conv.weight is missing")


def test_the_published_size_and_digest_make_the_published_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"published")
    digest = hashlib.sha256(b"published").hexdigest()
    monkeypatch.setattr(weights, "SHA256", digest)
    assert weights.examine(path, allow_unverified=True) == ("inception-unverified", digest)
    monkeypatch.setattr(weights, "SIZE", 9)
    assert weights.examine(path, allow_unverified=False) == ("inception-2015-12-05", digest)
    monkeypatch.setattr(weights, "SHA256", digest[::-1])
    with pytest.raises(ValueError, match="must be the published weights"):
        weights.examine(path, allow_unverified=False)


@pytest.mark.slow
@pytest.mark.parametrize("container", [torchwriter.legacy, torchwriter.zipped])
def test_a_file_of_full_size_makes_an_unverified_network(tmp_path: Path, container: object) -> None:
    drawn = tensors.draw(np.random.default_rng(0), CONVOLUTIONS)
    path = tmp_path / "full.pth"
    path.write_bytes(container(torchwriter.state_dict(drawn)))  # type: ignore[operator]
    net = Inception.load(path, variant="clean", allow_unverified=True)
    assert (net.name, net.variant) == ("inception-unverified", "clean")
    assert net.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    expected = Inception.random(np.random.default_rng(0), variant="clean")
    assert same(net(images(1, 28, 28, 1)), expected(images(1, 28, 28, 1)))


def test_the_published_weights_make_the_published_network() -> None:
    try:
        path = weights.find()
    except FileNotFoundError:
        pytest.skip(f"the weights of Inception are not here: {weights.FILES[0]}, see {weights.VARIABLE}")
    net = Inception.load(path)
    assert (net.name, net.digest, net.d) == ("inception-2015-12-05", weights.SHA256, 2048)
    seen = net(images(2, 64, 64, 3))
    assert np.isfinite(seen.features).all()
    assert (seen.features >= 0).all()
    assert (seen.features.std(axis=1) > 0).all()
