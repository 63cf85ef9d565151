"""Files of weights: there and back again, and refused whole where anything does not fit."""

from __future__ import annotations

import json
import os
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save, save_file
from support.strict import StrictArray

from minigan import models
from minigan.exchange import as_pytorch, read_safetensors, write_safetensors
from minigan.layers import BatchNorm, Flatten, Layer, Linear, Network, Tanh
from minigan.random import Streams

THIN: dict[str, dict[str, Any]] = {
    "mlp": {"sample_shape": (4, 2, 3)},
    "dcgan": {"width": 0.05, "sample_shape": (8, 4, 3)},
    "infogan": {"width": 0.05, "sample_shape": (8, 4, 3)},
    "dcgan64": {"width": 1 / 64},
    "gmmn": {"sample_shape": (4, 2, 3)},
    "points": {"hidden": 4},
}
CRITICS: list[dict[str, Any]] = [
    {},
    {"spectral_norm": True},
    {"output": "mean", "features": 5},
    {"output": "autoencoder", "features": 5},
]


def arrays(network: Layer) -> dict[str, np.ndarray]:
    return dict([*network.named_params(), *network.named_buffers()])


def shake(network: Layer, seed: int = 0) -> Layer:
    """Random weights and statistics in their place."""
    rng = np.random.default_rng(seed)
    for name, array in arrays(network).items():
        array[...] = rng.uniform(0.5, 1.5, array.shape) if name.endswith("var") else rng.normal(size=array.shape)
    return network


def copies(network: Layer) -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in arrays(network).items()}


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for name, array in found.items():
        np.testing.assert_array_equal(array, expected[name], strict=True)


def small() -> Network:
    return Network(Flatten(), Linear(12, 3, rng=np.random.default_rng(0)), BatchNorm(3), Tanh())


SHAPE = (2, 3, 2)


def test_every_model_has_a_thin_form_here() -> None:
    assert list(THIN) == models.names()


@pytest.mark.parametrize("critic", CRITICS, ids=lambda critic: "-".join(map(str, critic.values())) or "score")
@pytest.mark.parametrize("name", THIN)
def test_both_networks_of_every_model_go_there_and_come_back(name: str, critic: dict[str, Any], tmp_path: Path) -> None:
    model, other = (models.get(name, Streams(seed), critic=critic, **THIN[name]) for seed in (0, 1))
    shapes = ((model.z_dim,), model.sample_shape)
    for network, empty, shape in zip((model.G, model.D), (other.G, other.D), shapes, strict=True):
        path = tmp_path / "weights.safetensors"
        write_safetensors(path, shake(network), shape)
        read_safetensors(path, empty, shape)
        assert_same(arrays(empty), arrays(network))
        own = sum(array.size for array in arrays(network).values())
        theirs = (tensor for key, tensor in load_file(path).items() if not key.endswith("num_batches_tracked"))
        assert sum(tensor.size for tensor in theirs) == own
        assert as_pytorch(network, shape).startswith("nn.")


def test_a_file_states_that_it_is_for_pytorch_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    write_safetensors(path, small(), SHAPE)
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])
    assert header.pop("__metadata__") == {"format": "pt"}
    kinds = {name: (entry["dtype"], entry["shape"]) for name, entry in header.items()}
    assert kinds.pop("2.num_batches_tracked") == ("I64", [])
    assert kinds.pop("1.weight") == ("F32", [3, 12])
    assert set(map(str, kinds.values())) == {"('F32', [3])"}
    assert os.listdir(tmp_path) == ["weights.safetensors"]


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights.safetensors"
    write_safetensors(path, small(), SHAPE)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write_safetensors(path, shake(small()), SHAPE)
    assert path.read_bytes() == before and len(os.listdir(tmp_path)) == 1


def test_weights_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    network = small()
    network.layers[1].bias[1] = np.nan
    with pytest.raises(FloatingPointError, match=r"1\.bias hold NaN or infinite"):
        write_safetensors(tmp_path / "weights.safetensors", network, SHAPE)
    assert os.listdir(tmp_path) == []


def test_a_broken_network_can_be_read_into(tmp_path: Path) -> None:
    path, network = tmp_path / "weights.safetensors", small()
    write_safetensors(path, shake(small()), SHAPE)
    for array in arrays(network).values():
        array[...] = -np.inf
    read_safetensors(path, network, SHAPE)
    assert_same(arrays(network), arrays(shake(small())))


def test_arrays_on_a_device_are_exchanged(tmp_path: Path) -> None:
    path, there, here = tmp_path / "weights.safetensors", shake(small()), small()
    there.convert(StrictArray)
    write_safetensors(path, there, SHAPE)
    read_safetensors(path, here, SHAPE)
    assert_same(arrays(here), arrays(shake(small())))
    write_safetensors(path, shake(small(), seed=1), SHAPE)
    read_safetensors(path, there, SHAPE)
    assert_same({name: array.get() for name, array in arrays(there).items()}, arrays(shake(small(), seed=1)))


def test_names_may_differ_by_module_by_tensor_and_by_what_stands_before_all(tmp_path: Path) -> None:
    path, names = tmp_path / "weights.safetensors", {"": "net", "1": "fc", "2.running_var": "spread"}
    write_safetensors(path, shake(small()), SHAPE, names)
    norm = ("net.2.weight", "net.2.bias", "net.2.running_mean", "spread", "net.2.num_batches_tracked")
    assert load_file(path).keys() == {"fc.weight", "fc.bias", *norm}
    network = small()
    read_safetensors(path, network, SHAPE, names)
    assert_same(arrays(network), arrays(shake(small())))


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ({"3": "x", "1.w": "y"}, r"no tensor is called '3', '1\.w'; there are 1\.weight, "),
        ({"1": "2"}, r"given more than once are 2\.bias, 2\.weight"),
        ({"1.weight": ""}, "must differ"),
    ],
)
def test_names_that_fit_nothing_or_meet_are_refused(names: dict[str, str], reason: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=reason):
        write_safetensors(tmp_path / "weights.safetensors", small(), SHAPE, names)
    assert os.listdir(tmp_path) == []


def test_all_that_does_not_fit_is_listed_at_once_and_nothing_changes(tmp_path: Path) -> None:
    path, network = tmp_path / "weights.safetensors", shake(small())
    write_safetensors(path, shake(small(), seed=1), SHAPE)
    tensors = load_file(path)
    del tensors["1.bias"]
    tensors["1.weight"] = tensors["1.weight"][:2].copy()
    tensors["2.weight"] = tensors["2.weight"].astype(np.int64)
    tensors["2.bias"] = np.array([0, np.inf, 0], np.float32)
    tensors["2.running_mean"] = np.ones(3, np.uint8)
    tensors["2.running_var"] = tensors["2.running_var"].astype(np.float64)
    tensors["2.num_batches_tracked"] = np.zeros(1, np.int64)
    tensors["what\nelse"] = tensors["2.bias"]
    save_file(tensors, path)
    before = copies(network)
    with pytest.raises(ValueError) as caught:
        read_safetensors(path, network, SHAPE)
    assert str(caught.value) == (
        f"{path}: does not fit this network: 'what\\nelse' is unknown; 1.bias is missing; "
        "1.weight is float32 (2, 12), expected float32 (3, 12); 2.bias holds NaN or infinite values; "
        "2.num_batches_tracked is int64 (1,), expected int64 (); 2.running_mean is U8 (3,), expected float32 (3,); "
        "2.running_var is float64 (3,), expected float32 (3,); "
        "2.weight is int64 (3,), expected float32 (3,)"
    )
    assert_same(arrays(network), before)


def test_a_file_may_lack_the_count_of_batches_but_nothing_else(tmp_path: Path) -> None:
    path, network = tmp_path / "weights.safetensors", small()
    write_safetensors(path, shake(small()), SHAPE)
    tensors = load_file(path)
    del tensors["2.num_batches_tracked"]
    save_file(tensors, path)
    read_safetensors(path, network, SHAPE)
    assert_same(arrays(network), arrays(shake(small())))


def test_a_long_list_of_differences_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({f"{'x' * 1000}{i}": np.zeros(1, np.float32) for i in range(1000)}, path)
    with pytest.raises(ValueError, match=r"; and 966 more$") as caught:
        read_safetensors(path, small(), SHAPE)
    assert len(str(caught.value)) < 10_000


def header(text: Any, length: int | None = None, data: bytes = b"") -> bytes:
    raw = text if isinstance(text, bytes) else json.dumps(text).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def entry(*shape: int, kind: str = "F32", offsets: tuple[int, int] = (0, 4)) -> dict[str, Any]:
    return {"a": {"dtype": kind, "shape": list(shape), "data_offsets": list(offsets)}}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 8,
        b"PK\x03\x04 a zip, which is what torch.save writes",
        header({}, length=2**63),
        header({}, length=2**20),
        header(b"[" * 100_000),
        header(b"\xff\xfe{}"),
        header(entry(2**40, 2**40)),
        header(entry(2**63), data=b"1234"),
        header(entry(-1), data=b"1234"),
        header(entry(1, offsets=(0, 2**40)), data=b"1234"),
        header(entry(1, offsets=(4, 0)), data=b"1234"),
        header(entry(1), data=b"123"),
        header(entry(1), data=b"12345"),
        header(entry(1, kind="F33"), data=b"1234"),
        header({"a": [1, 2]}),
    ],
)
def test_a_foreign_or_hostile_file_is_refused_with_its_path(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(data)
    with pytest.raises(ValueError, match="not a safetensors file, or a damaged one") as caught:
        read_safetensors(path, small(), SHAPE)
    assert str(caught.value).startswith(f"{path}: ") and len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull fetches that"),
        (b"\n <!DOCTYPE html><html>404</html>", "it is a web page"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "safetensors.torch.save_file"),
        (b"\x80\x04\x95", "safetensors.torch.save_file"),
        (b"PK\x03\x04" + bytes(26) + b"archive/data.pkl", "safetensors.torch.save_file"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    ],
)
def test_what_is_given_in_place_of_weights_is_named_with_the_way(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "G.pth"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=re.escape(words)):
        read_safetensors(path, small(), SHAPE)


def test_names_that_differ_in_their_beginning_alone_are_answered_with_the_renaming(tmp_path: Path) -> None:
    path, network = tmp_path / "weights.safetensors", shake(small())
    write_safetensors(path, network, SHAPE, {"": "module"})
    with pytest.raises(ValueError, match=r"begin with module\. there: add the renaming =module") as caught:
        read_safetensors(path, network, SHAPE)
    assert "missing" not in str(caught.value)
    write_safetensors(path, network, SHAPE)
    with pytest.raises(ValueError, match=r"no name begins with module\. there: leave the renaming =module out"):
        read_safetensors(path, network, SHAPE, {"": "module"})


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path, network = tmp_path / "weights.safetensors", shake(small())
    write_safetensors(path, network, SHAPE)
    data, before = path.read_bytes(), copies(network)
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match="not a safetensors file, or a damaged one"):
            read_safetensors(path, network, SHAPE)
    assert_same(arrays(network), before)


def test_a_file_far_larger_than_the_network_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    with open(path, "wb") as file:
        file.truncate(2**40)  # holes take no room on the disk
    with pytest.raises(ValueError, match="has 1,099,511,627,776 bytes, far more than"):
        read_safetensors(path, small(), SHAPE)


def test_what_is_not_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_safetensors(tmp_path / "nothing", small(), SHAPE)
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ValueError, match="not a file"):
            read_safetensors(path, small(), SHAPE)


WHOLE = save({"weight": np.arange(1, 7, dtype=np.float32).reshape(2, 3), "bias": np.ones(2, np.float32)})


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """WHOLE with one byte changed, or with some pieces cut out, replaced or put in."""
    place = st.integers(0, len(WHOLE))
    pieces = st.tuples(place, st.integers(0, 30), st.binary(max_size=30))
    one_byte = st.tuples(place, st.just(1), st.binary(min_size=1, max_size=1))
    data = WHOLE
    for start, length, new in draw(st.lists(pieces, min_size=1, max_size=5) | one_byte.map(lambda edit: [edit])):
        data = data[:start] + new + data[start + length :]
    return data


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=changed())
def test_a_changed_file_is_read_whole_or_refused_whole(data: bytes, tmp_path: Path) -> None:
    path, layer = tmp_path / "weights.safetensors", Linear(3, 2, rng=np.random.default_rng(0))
    path.write_bytes(data)
    before = copies(layer)
    try:
        read_safetensors(path, layer, (3,))
    except ValueError as error:
        assert str(error).startswith(f"{path}: ")
        assert_same(arrays(layer), before)
    else:
        assert np.isfinite(layer.weight).all() and not (layer.weight == before["weight"]).any()
