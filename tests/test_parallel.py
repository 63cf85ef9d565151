"""Independent pieces of work by several threads: in order, and not one more than wanted."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from minigan.metrics import features
from minigan.parallel import cores, each


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(threads: int) -> None:
    gate = threading.Event()

    def job(item: int) -> int:
        if item == 0 and threads > 1:
            gate.wait(10)  # the first is the last to be done
        if item == 3:
            gate.set()
        return item * item

    items = range(4) if threads == 1 or threads > 3 else [0, 3]
    assert list(each(job, items, threads)) == [item * item for item in items]


@pytest.mark.parametrize("threads", [1, 2])
def test_an_exception_reaches_the_caller_and_what_has_not_begun_is_dropped(threads: int) -> None:
    begun = []

    def job(item: int) -> int:
        begun.append(item)
        if item == 1:
            raise ArithmeticError("the second")
        return item

    def found() -> Iterator[int]:
        yield from each(job, range(10_000), threads)

    with pytest.raises(ArithmeticError, match="the second"):
        list(found())
    assert len(begun) < 10_000


def test_what_the_caller_has_silenced_is_silent_in_every_thread() -> None:
    with np.errstate(over="ignore"):
        assert np.isinf(list(each(lambda x: np.exp(np.float32(x)), [1000.0] * 8, 2))).all()


def test_there_is_a_core_and_never_more_than_four() -> None:
    assert 1 <= cores() <= 4


def test_a_network_sees_the_same_with_any_number_of_threads() -> None:
    extractor = features.get("lenet-mnist-v1")
    images = np.random.default_rng(0).integers(0, 256, (70, 28, 28, 1), dtype=np.uint8)
    extractor.batch, seen = 16, []
    for threads in (1, 3):
        extractor.threads = threads
        seen.append(extractor(images))
    np.testing.assert_array_equal(seen[1].logits, seen[0].logits)
    np.testing.assert_array_equal(seen[1].features, seen[0].features)
