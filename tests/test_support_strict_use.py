from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from support.strict import StrictArray, counted_syncs, no_sync, to_device, to_host

from minigan import device

HOST = np.linspace(-2, 2, 15, dtype=np.float32).reshape(3, 5)
Act = Callable[[Any], Any]


@pytest.fixture
def x() -> StrictArray:
    return to_device(HOST)


SYNCS: dict[str, Act] = {
    "float()": lambda x: float(x[0, 0]),
    "int()": lambda x: int(x.sum()),
    "bool()": lambda x: bool(x[0, 0] > 0),
    "complex()": lambda x: complex(x[0, 0]),
    "item()": lambda x: x[0, 0].item(),
    "get()": lambda x: x.get(),
    "tolist()": lambda x: x.tolist(),
    "repr()": lambda x: str(x),
    "format()": lambda x: f"{x.mean():.3f}",
    "boolean-mask indexing": lambda x: x[x > 0],
    "where()": lambda x: np.where(x > 0),
    "nonzero()": lambda x: np.nonzero(x),
    "unique()": lambda x: np.unique(x),
}


@pytest.mark.parametrize("what", SYNCS)
def test_under_no_sync_nothing_waits_for_the_gpu(what: str, x: StrictArray) -> None:
    with no_sync(), pytest.raises(RuntimeError) as caught:
        SYNCS[what](x)
    assert str(caught.value) == f"device-to-host synchronisation: {what}"


@pytest.mark.parametrize("what", SYNCS)
def test_outside_no_sync_waiting_is_allowed_and_counted(what: str, x: StrictArray) -> None:
    with counted_syncs() as seen:
        SYNCS[what](x)
    assert seen == [what]


def test_a_mask_from_the_host_waits_too(x: StrictArray) -> None:
    with no_sync(), pytest.raises(RuntimeError, match="boolean-mask"):
        x[HOST > 0] = 0


@pytest.mark.parametrize(
    "act", [lambda x: x or 1, lambda x: x in [x + 1], lambda x: max([x, x]), lambda x: round(float(x))]
)
def test_pythons_own_questions_wait_for_the_gpu(act: Act) -> None:
    with no_sync(), pytest.raises(RuntimeError, match="synchronisation"):
        act(to_device(np.array(2.5)))


def test_no_sync_ends_with_its_block_even_after_an_error(x: StrictArray) -> None:
    with pytest.raises(RuntimeError), no_sync():
        float(x[0, 0])
    assert float(x[0, 0]) == -2.0


def dense_step(x: Any, w: Any) -> Any:
    y = np.empty_like(x, shape=(len(x), w.shape[1]))
    np.matmul(x, w, out=y)
    y += 1.0
    np.maximum(y, 0, out=y)
    return y


def framed(x: Any, w: Any) -> Any:
    y = np.zeros_like(x, shape=(x.shape[0] + 2, x.shape[1]))
    y[1:-1] = x
    y[1:-1, ::2] += np.float32(0.5) * x[:, ::2]
    y[0, 0] = 7
    return y


WELL_BEHAVED: dict[str, Callable[[Any, Any], Any]] = {
    "a dense step": dense_step,
    "a framed array": framed,
    "an operator each": lambda x, w: -x + 2 * x - x / 4 + x**2 % 3 // 1,
    "a comparison": lambda x, w: (x > 0) & (x != 2) | ~(x <= -1),
    "tanh": lambda x, w: np.tanh(x),
    "matmul": lambda x, w: x @ w,
    "einsum": lambda x, w: np.einsum("ij,jk->k", x, w, optimize=True),
    "pad": lambda x, w: np.pad(x, ((0, 0), (1, 2)), mode="constant", constant_values=3),
    "concatenate": lambda x, w: np.concatenate([x, x[:1] * 2], axis=0),
    "stack": lambda x, w: np.stack([x, x], axis=-1),
    "transpose": lambda x, w: np.transpose(x[None], (2, 0, 1)).reshape(-1, 3),
    "a function's sum": lambda x, w: np.sum(x, axis=0, keepdims=True),
    "a method's sum": lambda x, w: x.sum(axis=(0, 1), dtype=np.float64),
    "a mean": lambda x, w: x.mean(0),
    "a maximum": lambda x, w: x.max(),
    "an argmax": lambda x, w: x.argmax(axis=1),
    "a norm": lambda x, w: np.linalg.norm(x, axis=1),
    "eigenvalues": lambda x, w: np.linalg.eigh(x @ x.T)[0],
    "a limit": lambda x, w: x.clip(-1, 1),
    "a double": lambda x, w: x * np.float64(2),
    "an integer type": lambda x, w: x.astype(np.int32) << 1,
    "a chosen row": lambda x, w: x[np.array([2, 0, 2])],
    "a view of windows": lambda x, w: sliding_window_view(x, 2, axis=1),
    "a view": lambda x, w: x.T[1:, ..., None],
    "one element": lambda x, w: x[1, 2],
    "an answer": lambda x, w: np.allclose(x, x),
    "a copy": lambda x, w: copy.deepcopy(x),
    "ones": lambda x, w: np.ones_like(w, dtype=np.float64),
}


@pytest.mark.parametrize("what", WELL_BEHAVED)
def test_well_behaved_code_gives_the_numbers_of_numpy_without_a_wait(what: str) -> None:
    w = np.sin(np.arange(20, dtype=np.float32)).reshape(5, 4)
    expected = np.asarray(WELL_BEHAVED[what](HOST.copy(), w))
    with no_sync():
        got = WELL_BEHAVED[what](to_device(HOST), to_device(w))
    assert isinstance(got, StrictArray)
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(to_host(got), expected)


def test_a_reduction_gives_a_0d_array_and_never_a_scalar(x: StrictArray) -> None:
    for total in (x.sum(), np.max(x), np.linalg.norm(x), x[0, 0] + x[0, 1], np.array_equal(x, x)):
        assert isinstance(total, StrictArray)
        assert total.shape == ()


def test_an_output_array_is_the_one_that_was_given(x: StrictArray) -> None:
    y: Any = np.empty_like(x)
    assert np.exp(x, out=y) is y
    assert np.sum(x, axis=0, out=y[0]).shape == (5,)
    before = y
    y *= 2
    assert y is before


def test_slices_and_single_elements_are_views(x: StrictArray) -> None:
    x[0, 1][...] = 10
    x[1:][...] = 20
    assert to_host(x)[0, 1] == 10
    assert (to_host(x)[1:] == 20).all()


def test_to_device_and_to_host_copy() -> None:
    host = HOST.copy()
    x = to_device(host)
    x *= 0
    home = to_host(x)
    home += 1
    np.testing.assert_array_equal(host, HOST)
    np.testing.assert_array_equal(to_host(x), 0 * HOST)


def test_memory_that_nobody_wrote_holds_no_number(x: StrictArray) -> None:
    fresh: Any = np.empty_like(x, shape=(2, 2))
    assert np.isnan(to_host(fresh)).all()


def test_shape_and_type_are_plain_python(x: StrictArray) -> None:
    assert (x.shape, x.ndim, x.size, len(x), x.nbytes) == ((3, 5), 2, 15, 3, 60)
    assert x.dtype is HOST.dtype
    assert np.shape(x) == x.shape
    assert [row.shape for row in x] == [(5,)] * 3
    assert (x.T.flags.c_contiguous, x.T.flags.f_contiguous) == (False, True)


def test_set_copies_from_the_host(x: StrictArray) -> None:
    x.set(HOST[::-1])
    np.testing.assert_array_equal(to_host(x), HOST[::-1])


def test_minigan_moves_arrays_to_the_stand_in_and_home_again(x: StrictArray) -> None:
    with no_sync():
        moved = device.like(np.arange(4.0), x)
    assert isinstance(moved, StrictArray)
    assert moved.dtype == np.float32
    np.testing.assert_array_equal(device.to_host(moved), [0, 1, 2, 3])
    assert type(device.CPU.asarray(moved)) is np.ndarray
