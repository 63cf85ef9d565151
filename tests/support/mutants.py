"""Damage for tests of readers: bytes and JSON values that differ from good ones, drawn by Hypothesis."""

from __future__ import annotations

import json
import os
import resource
import signal
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Draw = Callable[..., Any]
SHORT, LONG = 100, 5000  # cases

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from([0, -1, 2**63, 10**400, 1e308, float("nan"), float("inf"), "", "\0", "\ud800", "step", "wgan"])
    | st.floats()
    | st.integers()
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def mutated(draw: Draw, content: bytes) -> bytes:
    """The content with up to four places overwritten, enlarged or shortened, and perhaps cut off."""
    found = bytearray(content)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(found) - 1, 0)))
        found[at : at + draw(st.integers(0, 5))] = draw(st.binary(max_size=5))
    return bytes(found[: draw(st.none() | st.integers(0, len(found)))])


def altered(draw: Draw, value: Any) -> Any:
    """The JSON value with something in it replaced, added or removed."""
    inside = isinstance(value, dict | list) and len(value) > 0 and draw(st.integers(0, 9)) > 0
    if not inside:
        return draw(JSON)
    keys = sorted(value) if isinstance(value, dict) else range(len(value))
    key = draw(st.sampled_from(keys))
    copy = value.copy()
    if draw(st.integers(0, 5)) == 0:
        del copy[key]
    else:
        copy[key] = altered(draw, value[key])
    return copy


def json_bytes(draw: Draw, value: Any) -> bytes:
    """The JSON of an altered value, the damaged JSON of the value itself, or lists within lists."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return b"[" * draw(st.integers(1, 20_000))
    return mutated(draw, json.dumps(value).encode()) if kind < 4 else json.dumps(altered(draw, value)).encode()


def repaired_png(content: bytes) -> bytes:
    """A PNG with right checksums, so that damage reaches what comes after them."""
    found, at = bytearray(content), 8
    while at + 12 <= len(found):
        size = int.from_bytes(found[at : at + 4], "big")
        if at + 12 + size > len(found):
            break
        found[at + 8 + size : at + 12 + size] = zlib.crc32(found[at + 4 : at + 8 + size]).to_bytes(4, "big")
        at += 12 + size
    return bytes(found)


def tried(property_: Callable[[Any], None], cases: int) -> int:
    """Run a property of Hypothesis's `data` on so many cases, each within a minute; how many there were."""
    count = 0

    @settings(max_examples=cases, deadline=None, derandomize=True, database=None, suppress_health_check=HealthCheck)
    @given(st.data())
    def run(data: Any) -> None:
        nonlocal count
        count += 1
        with within(60):
            property_(data)

    run()
    return count


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Fail where the block hangs."""

    def late(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"no end after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def limit_memory(more: int) -> None:
    """Let this process have so many bytes more of address space than it has now, and no more."""
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (now + more, now + more))
