"""The windows of convolutions and pools, as the kernels of conv.cu and pool.cu get them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from minigan.kernels.cuda.launch import launch
from minigan.kernels.geometry import Pair, conv_size

WARP = 32


@dataclass(frozen=True)
class Windows:
    """The windows on images of `size` with C channels, one per output pixel."""

    size: Pair
    C: int
    kernel: Pair
    stride: Pair
    padding: Pair

    @cached_property
    def out(self) -> Pair:
        """Output height and width."""
        return conv_size(self.size, self.kernel, self.stride, self.padding)

    @property
    def rows(self) -> int:
        """Windows per image."""
        return self.out[0] * self.out[1]

    @property
    def places(self) -> int:
        """Pixels per window."""
        return self.kernel[0] * self.kernel[1]

    @property
    def width(self) -> int:
        """Numbers per window."""
        return self.places * self.C

    def expect(self, out: Pair) -> None:
        """ValueError where an array has another height and width than the output: a kernel would read beside it."""
        if out != self.out:
            raise ValueError(
                f"windows of {self.kernel} on images of {self.size} with stride {self.stride} and padding "
                f"{self.padding} give an output of {self.out}, got {out}"
            )

    def launch(self, name: str, lines: int, numbers: int, *arrays: Any) -> None:
        """Run a kernel with one block per line of pixels, a thread per number of a line, 256 at most."""
        threads = min(256, -(-numbers // WARP) * WARP)
        pairs = (self.kernel, self.out, self.stride, self.padding)
        sizes = (*self.size, self.C, *(n for pair in pairs for n in pair))
        if lines and numbers:
            launch(name, lines, threads, *arrays, *map(np.int32, sizes))
