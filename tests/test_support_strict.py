from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.strict import StrictArray, to_device

HOST = np.linspace(-2, 2, 15, dtype=np.float32).reshape(3, 5)


@pytest.fixture
def x() -> StrictArray:
    return to_device(HOST)


Act = Callable[[Any], Any]


def refused(act: Act, x: StrictArray, error: type[Exception], words: str) -> None:
    act(HOST.copy())  # NumPy itself has nothing against it
    with pytest.raises(error, match=words):
        act(x)


@pytest.mark.parametrize(
    "act", [np.asarray, np.array, np.ascontiguousarray, lambda x: np.sum([x, x]), lambda x: HOST.astype(int)[x]]
)
def test_a_silent_way_to_the_host_is_refused(act: Act, x: StrictArray) -> None:
    with pytest.raises(TypeError, match="Implicit conversion"):
        act(x)


def iadd_host(x: Any) -> None:
    x += HOST


def iadd_to_host(x: Any) -> None:
    host = HOST.copy()
    host += x


@pytest.mark.parametrize(
    "act",
    [
        lambda x: x + HOST,
        lambda x: HOST + x,
        lambda x: x > HOST,
        lambda x: x @ HOST.T,
        lambda x: HOST.T @ x,
        iadd_host,
        iadd_to_host,
        lambda x: x + np.array(1, dtype=np.float32),
        lambda x: np.maximum(x, HOST),
        lambda x: np.matmul(x, HOST.T),
        lambda x: np.einsum("ij,ij->i", x, HOST),
        lambda x: np.concatenate([x, HOST]),
        lambda x: np.stack((HOST, x)),
        lambda x: np.where(x > 0, x, HOST),
        lambda x: np.add(x, x, out=np.empty_like(HOST)),
        lambda x: np.add(HOST, HOST, out=x),
        lambda x: np.sum(x, axis=0, out=np.empty(5, dtype=np.float32)),
        lambda x: x.sum(axis=0, out=np.empty(5, dtype=np.float32)),
        lambda x: x.dot(HOST.T),
        lambda x: x.__setitem__(..., HOST),
        lambda x: x.__setitem__(0, [1.0, 2.0, 3.0, 4.0, 5.0]),
    ],
)
def test_a_host_array_beside_a_device_array_is_refused(act: Act, x: StrictArray) -> None:
    refused(act, x, TypeError, "Unsupported type")


@pytest.mark.parametrize(
    "act",
    [lambda x: x * [1.0, 2.0, 3.0, 4.0, 5.0], lambda x: np.add(x, (1.0,) * 5), lambda x: np.stack([x[0, 0], 1.0])],
)
def test_a_list_among_the_operands_is_refused(act: Act, x: StrictArray) -> None:
    refused(act, x, TypeError, "Unsupported type")


@pytest.mark.parametrize(
    "act",
    [
        lambda x: np.insert(x, 0, 1),
        lambda x: np.spacing(x),
        lambda x: np.linalg.svdvals(x),
        lambda x: np.vecdot(x, x),
    ],
)
def test_a_function_that_cupy_lacks_is_refused(act: Act, x: StrictArray) -> None:
    refused(act, x, TypeError, "cupy.* has no")


@pytest.mark.parametrize("act", [lambda x: np.add.reduce(x), lambda x: np.multiply.outer(x, x)])
def test_methods_of_ufuncs_are_refused(act: Act, x: StrictArray) -> None:
    refused(act, x, TypeError, "few ufuncs only")


@pytest.mark.parametrize(
    "act",
    [
        lambda x: x.setflags(write=True),
        lambda x: x.ctypes,
        lambda x: x.flags.writeable,
        lambda x: x.flat,
        lambda x: x.data,
        lambda x: x.device,
    ],
)
def test_an_attribute_that_cupy_lacks_or_means_otherwise_is_refused(act: Act, x: StrictArray) -> None:
    refused(act, x, AttributeError, "attribute|imitate")


@pytest.mark.parametrize(
    "act",
    [
        lambda x: np.maximum(x, 0, where=True),
        lambda x: np.sum(x, where=True),
        lambda x: x.mean(where=True),
        lambda x: np.max(x, initial=0),
        lambda x: x.sum(initial=0),
        lambda x: np.add(x, x, order="C"),
        lambda x: np.clip(x, min=0, max=1),
        lambda x: np.reshape(x, shape=(-1,)),
        lambda x: np.take(x, 0, mode="clip"),
        lambda x: np.einsum("ij->i", x, out=x[:, 0]),
    ],
)
def test_a_keyword_that_cupy_lacks_is_refused(act: Act, x: StrictArray) -> None:
    refused(act, x, TypeError, "has no keyword")


@pytest.mark.parametrize("dtype", [object, np.longdouble, "U3", "V4"])
def test_a_data_type_that_no_gpu_has_is_refused(dtype: Any, x: StrictArray) -> None:
    refused(lambda x: x.astype(dtype), x, TypeError, "Unsupported dtype")


def test_to_device_takes_host_arrays_only(x: StrictArray) -> None:
    with pytest.raises(TypeError, match="to copy to the device"):
        to_device(x)  # type: ignore[arg-type]


def test_an_in_place_matrix_product_is_refused(x: StrictArray) -> None:
    with pytest.raises(TypeError, match="@="):
        x @= x


def test_two_outputs_are_refused(x: StrictArray) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        np.modf(x, out=(x, x))  # type: ignore[arg-type]


def test_a_device_array_is_neither_an_index_nor_a_key(x: StrictArray) -> None:
    with pytest.raises(TypeError):
        range(x.astype(np.int64)[0, 0])
    with pytest.raises(TypeError, match="unhashable"):
        hash(x)


@pytest.mark.parametrize(
    ("host", "error", "words"),
    [
        (HOST.astype(np.float64), TypeError, "float64 array cannot be set to float32"),
        (HOST[:2], ValueError, r"Old shape: \(3, 5\), new shape: \(2, 5\)"),
        ([1.0], TypeError, "Only numpy.ndarray"),
        (to_device(HOST), TypeError, "Only numpy.ndarray"),
    ],
)
def test_set_refuses_what_does_not_fit(host: Any, error: type[Exception], words: str, x: StrictArray) -> None:
    with pytest.raises(error, match=words):
        x.set(host)


def test_set_refuses_an_array_with_gaps(x: StrictArray) -> None:
    with pytest.raises(RuntimeError, match="non-contiguous"):
        x[:, :2].set(HOST[:, :2])
