"""How exactly a GPU multiplies matrices of float32 numbers. A run chooses once, and names it beside its results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

PRECISIONS = ("float32", "tf32")

precision: ContextVar[str] = ContextVar("precision", default="float32")
"""`float32`: every factor keeps its 24 bits. `tf32`: tensor cores may round factors to 11 bits; sums stay float32."""


def check(name: str) -> str:
    """`name` itself; ValueError where there is no such precision."""
    if name not in PRECISIONS:
        raise ValueError(f"unknown precision {name!r}: expected {' or '.join(PRECISIONS)}")
    return name


@contextmanager
def using(name: str) -> Iterator[None]:
    """Inside, this thread's products and convolutions on a GPU have precision `name`."""
    token = precision.set(check(name))
    try:
        yield
    finally:
        precision.reset(token)
