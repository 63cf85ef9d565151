"""Inception v3 put together from its convolutions.

    299 x 299 x 3
    1a 3x3 /2, 2a 3x3, 2b 3x3            147 x 147 x 64
    max pool 3 /2, 3b 1x1, 4a 3x3         71 x 71 x 192
    max pool 3 /2                         35 x 35 x 192
    5b, 5c, 5d       (block a)            35 x 35 x 256, 288, 288
    6a               (block b)            17 x 17 x 768
    6b, 6c, 6d, 6e   (block c)            17 x 17 x 768
    7a               (block d)             8 x 8 x 1280
    7b, 7c           (block e)             8 x 8 x 2048
    mean over the pixels                  2048: the features

It differs from the network that is usually called Inception v3 in the pools of its blocks: average pools do not count
the padding, and 7c has a max pool where 7b has an average pool. Both are as the FID has always been measured.

Source      Szegedy et al. 2016, figures 5 to 7, and the network of 2015-12-05 that TensorFlow published.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from minigan.layers import AvgPool2d, Branches, Layer, MaxPool2d, Network

Unit: TypeAlias = Callable[[str], Layer]  # the convolution of this name, with all that belongs to it


def inception_v3(unit: Unit) -> Network:
    """Images (N, 299, 299, 3) to maps (N, 8, 8, 2048), made of what `unit` gives for every name of the table."""
    return Network(
        unit("Conv2d_1a_3x3"),
        unit("Conv2d_2a_3x3"),
        unit("Conv2d_2b_3x3"),
        MaxPool2d(3, 2),
        unit("Conv2d_3b_1x1"),
        unit("Conv2d_4a_3x3"),
        MaxPool2d(3, 2),
        *(block_a(inside(unit, name)) for name in ("Mixed_5b", "Mixed_5c", "Mixed_5d")),
        block_b(inside(unit, "Mixed_6a")),
        *(block_c(inside(unit, name)) for name in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e")),
        block_d(inside(unit, "Mixed_7a")),
        block_e(inside(unit, "Mixed_7b"), average()),
        block_e(inside(unit, "Mixed_7c"), MaxPool2d(3, 1, 1)),
    )


def block_a(unit: Unit) -> Branches:
    """Windows of 1, 5 and twice 3 side by side."""
    return Branches(
        unit("branch1x1"),
        row(unit, "branch5x5_1", "branch5x5_2"),
        row(unit, "branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"),
        Network(average(), unit("branch_pool")),
    )


def block_b(unit: Unit) -> Branches:
    """From 35 x 35 to 17 x 17."""
    return Branches(
        unit("branch3x3"),
        row(unit, "branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"),
        MaxPool2d(3, 2),
    )


def block_c(unit: Unit) -> Branches:
    """Windows of 7 x 7, made of rows and columns."""
    return Branches(
        unit("branch1x1"),
        row(unit, "branch7x7_1", "branch7x7_2", "branch7x7_3"),
        row(unit, "branch7x7dbl_1", "branch7x7dbl_2", "branch7x7dbl_3", "branch7x7dbl_4", "branch7x7dbl_5"),
        Network(average(), unit("branch_pool")),
    )


def block_d(unit: Unit) -> Branches:
    """From 17 x 17 to 8 x 8."""
    return Branches(
        row(unit, "branch3x3_1", "branch3x3_2"),
        row(unit, "branch7x7x3_1", "branch7x7x3_2", "branch7x7x3_3", "branch7x7x3_4"),
        MaxPool2d(3, 2),
    )


def block_e(unit: Unit, pool: Layer) -> Branches:
    """Rows and columns side by side instead of one after the other."""
    return Branches(
        unit("branch1x1"),
        Network(unit("branch3x3_1"), Branches(unit("branch3x3_2a"), unit("branch3x3_2b"))),
        Network(
            row(unit, "branch3x3dbl_1", "branch3x3dbl_2"),
            Branches(unit("branch3x3dbl_3a"), unit("branch3x3dbl_3b")),
        ),
        Network(pool, unit("branch_pool")),
    )


def row(unit: Unit, *names: str) -> Network:
    """The convolutions of these names, one after the other."""
    return Network(*map(unit, names))


def inside(unit: Unit, block: str) -> Unit:
    """The units of one block, by their names inside it."""
    return lambda name: unit(f"{block}.{name}")


def average() -> AvgPool2d:
    """The mean of the pixels around, of those that are there."""
    return AvgPool2d(3, 1, 1, count_include_pad=False)
