"""Random numbers as a function of where they stand: the formulas that the kernels on a GPU follow bit for bit.

Philox4x32-10 makes four words out of a key of two words and a counter of four. Number i of a draw is word i % 4 of
the counter (i // 4, part, step low, step high): nothing has a history, any number can be computed alone, and a step
that is recorded once draws anew whenever the step count in memory has moved on. All words are kept in uint64, the
type that holds their products.

Source: Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from minigan.device import Array

WORD = 0xFFFFFFFF
ROUNDS = 8  # of the Feistel network that shuffles


def philox(counter: Sequence[Any], key: tuple[int, int]) -> list[Any]:
    """Four random words of 32 bits, from a counter of four (arrays or integers) and a key of two."""
    a, b, c, d = counter
    k, l = key
    for _ in range(10):
        p, q = a * 0xD2511F53, c * 0xCD9E8D57
        a, b, c, d = (q >> 32) ^ b ^ k, q & WORD, (p >> 32) ^ d ^ l, p & WORD
        k, l = (k + 0x9E3779B9) & WORD, (l + 0xBB67AE85) & WORD
    return [a, b, c, d]


def folded(key: Sequence[int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """A key (seed, stream) of two 64-bit numbers as two keys of Philox: for numbers, and for permutations.

    They are the four words that Philox itself makes of the counter (seed low, seed high, stream low, stream high).
    """
    return _folded(*map(int, key))


@cache
def _folded(seed: int, stream: int) -> tuple[tuple[int, int], tuple[int, int]]:
    a, b, c, d = philox((seed & WORD, seed >> 32, stream & WORD, stream >> 32), (0, 0))
    return (a, b), (c, d)


def draw_uniform(out: Array, key: Sequence[int], step: Array, part: int) -> None:
    out[...] = ((_words(out, key, step, part) >> 8).astype(out.dtype) * 2.0**-24).reshape(out.shape)


def draw_normal(out: Array, key: Sequence[int], step: Array, part: int) -> None:
    words = _words(out, key, step, part, whole=True)
    u = ((words >> 9) + 0.5) * 2.0**-23  # 23 bits, never 0 and never 1
    radius, angle = np.sqrt(-2 * np.log(u[0::2])), 2 * np.pi * u[1::2]
    pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    out[...] = pairs.reshape(-1)[: out.size].astype(out.dtype).reshape(out.shape)


def draw_rows(rows: Array, n: int, key: Sequence[int], seen: Array) -> None:
    place = seen * rows.size + _count(rows, rows.size)
    epoch, place = place // n, place % n
    place = _shuffled(place, epoch, n, key)
    while bool((place >= n).any()):
        inside = (place < n).astype(place.dtype)
        place = inside * place + (1 - inside) * _shuffled(place, epoch, n, key)
    rows[...] = place.astype(rows.dtype).reshape(rows.shape)


def take(images: Array, rows: Array) -> Array:
    picked = np.take(images, rows, axis=0)
    return picked.astype(np.float32) / np.float32(127.5) - 1 if images.dtype == np.uint8 else picked


def tick(step: Array) -> None:
    np.add(step, 1, out=step)


def feistel_bits(n: int) -> tuple[int, int]:
    """Bits of the two halves of the smallest numbers that can count to n."""
    bits = (n - 1).bit_length()
    return bits // 2, bits - bits // 2


def _count(x: Array, n: int) -> Array:
    """0, 1, ..., n - 1 where x lives."""
    return np.cumsum(np.ones_like(x, shape=(n,), dtype=np.uint64)) - 1


def _words(out: Array, key: Sequence[int], step: Array, part: int, whole: bool = False) -> Array:
    """One word for every number of `out`, with `whole` for the last four as well where some of them are not asked."""
    counter = (_count(out, -(-out.size // 4)), part, step & WORD, step >> 32)
    words = np.stack(philox(counter, folded(key)[0]), axis=-1).reshape(-1)
    return words if whole else words[: out.size]


def _shuffled(place: Array, epoch: Array, n: int, key: Sequence[int]) -> Array:
    """A permutation of the numbers that have as many bits as n - 1: halves, of which each in turn mixes the other."""
    low_bits, high_bits = feistel_bits(n)
    low, high = place & ((1 << low_bits) - 1), place >> low_bits
    for i in range(0, ROUNDS, 2):
        low = low ^ _mixed(high, i, epoch, key) & ((1 << low_bits) - 1)
        high = high ^ _mixed(low, i + 1, epoch, key) & ((1 << high_bits) - 1)
    return high << low_bits | low


def _mixed(half: Array, i: int, epoch: Array, key: Sequence[int]) -> Array:
    return philox((half, i, epoch & WORD, epoch >> 32), folded(key)[1])[0]
