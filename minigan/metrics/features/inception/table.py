"""The convolutions of Inception v3, as the network of the FID has them.

Source      Szegedy et al. 2016; numbers and names of the network that TensorFlow published on 2015-12-05.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

CLASSES = 1008  # logits of this network; ImageNet has 1000 classes


class Convolution(NamedTuple):
    """One row: channels in and out, kernel (height, width), stride, padding (height, width)."""

    inputs: int
    outputs: int
    kernel: tuple[int, int]
    stride: int
    padding: tuple[int, int]


Table: TypeAlias = Mapping[str, Convolution]  # by name, in the order of the network

CONVOLUTIONS: Table = MappingProxyType(
    {
        "Conv2d_1a_3x3": Convolution(3, 32, (3, 3), 2, (0, 0)),
        "Conv2d_2a_3x3": Convolution(32, 32, (3, 3), 1, (0, 0)),
        "Conv2d_2b_3x3": Convolution(32, 64, (3, 3), 1, (1, 1)),
        "Conv2d_3b_1x1": Convolution(64, 80, (1, 1), 1, (0, 0)),
        "Conv2d_4a_3x3": Convolution(80, 192, (3, 3), 1, (0, 0)),
        "Mixed_5b.branch1x1": Convolution(192, 64, (1, 1), 1, (0, 0)),
        "Mixed_5b.branch5x5_1": Convolution(192, 48, (1, 1), 1, (0, 0)),
        "Mixed_5b.branch5x5_2": Convolution(48, 64, (5, 5), 1, (2, 2)),
        "Mixed_5b.branch3x3dbl_1": Convolution(192, 64, (1, 1), 1, (0, 0)),
        "Mixed_5b.branch3x3dbl_2": Convolution(64, 96, (3, 3), 1, (1, 1)),
        "Mixed_5b.branch3x3dbl_3": Convolution(96, 96, (3, 3), 1, (1, 1)),
        "Mixed_5b.branch_pool": Convolution(192, 32, (1, 1), 1, (0, 0)),
        "Mixed_5c.branch1x1": Convolution(256, 64, (1, 1), 1, (0, 0)),
        "Mixed_5c.branch5x5_1": Convolution(256, 48, (1, 1), 1, (0, 0)),
        "Mixed_5c.branch5x5_2": Convolution(48, 64, (5, 5), 1, (2, 2)),
        "Mixed_5c.branch3x3dbl_1": Convolution(256, 64, (1, 1), 1, (0, 0)),
        "Mixed_5c.branch3x3dbl_2": Convolution(64, 96, (3, 3), 1, (1, 1)),
        "Mixed_5c.branch3x3dbl_3": Convolution(96, 96, (3, 3), 1, (1, 1)),
        "Mixed_5c.branch_pool": Convolution(256, 64, (1, 1), 1, (0, 0)),
        "Mixed_5d.branch1x1": Convolution(288, 64, (1, 1), 1, (0, 0)),
        "Mixed_5d.branch5x5_1": Convolution(288, 48, (1, 1), 1, (0, 0)),
        "Mixed_5d.branch5x5_2": Convolution(48, 64, (5, 5), 1, (2, 2)),
        "Mixed_5d.branch3x3dbl_1": Convolution(288, 64, (1, 1), 1, (0, 0)),
        "Mixed_5d.branch3x3dbl_2": Convolution(64, 96, (3, 3), 1, (1, 1)),
        "Mixed_5d.branch3x3dbl_3": Convolution(96, 96, (3, 3), 1, (1, 1)),
        "Mixed_5d.branch_pool": Convolution(288, 64, (1, 1), 1, (0, 0)),
        "Mixed_6a.branch3x3": Convolution(288, 384, (3, 3), 2, (0, 0)),
        "Mixed_6a.branch3x3dbl_1": Convolution(288, 64, (1, 1), 1, (0, 0)),
        "Mixed_6a.branch3x3dbl_2": Convolution(64, 96, (3, 3), 1, (1, 1)),
        "Mixed_6a.branch3x3dbl_3": Convolution(96, 96, (3, 3), 2, (0, 0)),
        "Mixed_6b.branch1x1": Convolution(768, 192, (1, 1), 1, (0, 0)),
        "Mixed_6b.branch7x7_1": Convolution(768, 128, (1, 1), 1, (0, 0)),
        "Mixed_6b.branch7x7_2": Convolution(128, 128, (1, 7), 1, (0, 3)),
        "Mixed_6b.branch7x7_3": Convolution(128, 192, (7, 1), 1, (3, 0)),
        "Mixed_6b.branch7x7dbl_1": Convolution(768, 128, (1, 1), 1, (0, 0)),
        "Mixed_6b.branch7x7dbl_2": Convolution(128, 128, (7, 1), 1, (3, 0)),
        "Mixed_6b.branch7x7dbl_3": Convolution(128, 128, (1, 7), 1, (0, 3)),
        "Mixed_6b.branch7x7dbl_4": Convolution(128, 128, (7, 1), 1, (3, 0)),
        "Mixed_6b.branch7x7dbl_5": Convolution(128, 192, (1, 7), 1, (0, 3)),
        "Mixed_6b.branch_pool": Convolution(768, 192, (1, 1), 1, (0, 0)),
        "Mixed_6c.branch1x1": Convolution(768, 192, (1, 1), 1, (0, 0)),
        "Mixed_6c.branch7x7_1": Convolution(768, 160, (1, 1), 1, (0, 0)),
        "Mixed_6c.branch7x7_2": Convolution(160, 160, (1, 7), 1, (0, 3)),
        "Mixed_6c.branch7x7_3": Convolution(160, 192, (7, 1), 1, (3, 0)),
        "Mixed_6c.branch7x7dbl_1": Convolution(768, 160, (1, 1), 1, (0, 0)),
        "Mixed_6c.branch7x7dbl_2": Convolution(160, 160, (7, 1), 1, (3, 0)),
        "Mixed_6c.branch7x7dbl_3": Convolution(160, 160, (1, 7), 1, (0, 3)),
        "Mixed_6c.branch7x7dbl_4": Convolution(160, 160, (7, 1), 1, (3, 0)),
        "Mixed_6c.branch7x7dbl_5": Convolution(160, 192, (1, 7), 1, (0, 3)),
        "Mixed_6c.branch_pool": Convolution(768, 192, (1, 1), 1, (0, 0)),
        "Mixed_6d.branch1x1": Convolution(768, 192, (1, 1), 1, (0, 0)),
        "Mixed_6d.branch7x7_1": Convolution(768, 160, (1, 1), 1, (0, 0)),
        "Mixed_6d.branch7x7_2": Convolution(160, 160, (1, 7), 1, (0, 3)),
        "Mixed_6d.branch7x7_3": Convolution(160, 192, (7, 1), 1, (3, 0)),
        "Mixed_6d.branch7x7dbl_1": Convolution(768, 160, (1, 1), 1, (0, 0)),
        "Mixed_6d.branch7x7dbl_2": Convolution(160, 160, (7, 1), 1, (3, 0)),
        "Mixed_6d.branch7x7dbl_3": Convolution(160, 160, (1, 7), 1, (0, 3)),
        "Mixed_6d.branch7x7dbl_4": Convolution(160, 160, (7, 1), 1, (3, 0)),
        "Mixed_6d.branch7x7dbl_5": Convolution(160, 192, (1, 7), 1, (0, 3)),
        "Mixed_6d.branch_pool": Convolution(768, 192, (1, 1), 1, (0, 0)),
        "Mixed_6e.branch1x1": Convolution(768, 192, (1, 1), 1, (0, 0)),
        "Mixed_6e.branch7x7_1": Convolution(768, 192, (1, 1), 1, (0, 0)),
        "Mixed_6e.branch7x7_2": Convolution(192, 192, (1, 7), 1, (0, 3)),
        "Mixed_6e.branch7x7_3": Convolution(192, 192, (7, 1), 1, (3, 0)),
        "Mixed_6e.branch7x7dbl_1": Convolution(768, 192, (1, 1), 1, (0, 0)),
        "Mixed_6e.branch7x7dbl_2": Convolution(192, 192, (7, 1), 1, (3, 0)),
        "Mixed_6e.branch7x7dbl_3": Convolution(192, 192, (1, 7), 1, (0, 3)),
        "Mixed_6e.branch7x7dbl_4": Convolution(192, 192, (7, 1), 1, (3, 0)),
        "Mixed_6e.branch7x7dbl_5": Convolution(192, 192, (1, 7), 1, (0, 3)),
        "Mixed_6e.branch_pool": Convolution(768, 192, (1, 1), 1, (0, 0)),
        "Mixed_7a.branch3x3_1": Convolution(768, 192, (1, 1), 1, (0, 0)),
        "Mixed_7a.branch3x3_2": Convolution(192, 320, (3, 3), 2, (0, 0)),
        "Mixed_7a.branch7x7x3_1": Convolution(768, 192, (1, 1), 1, (0, 0)),
        "Mixed_7a.branch7x7x3_2": Convolution(192, 192, (1, 7), 1, (0, 3)),
        "Mixed_7a.branch7x7x3_3": Convolution(192, 192, (7, 1), 1, (3, 0)),
        "Mixed_7a.branch7x7x3_4": Convolution(192, 192, (3, 3), 2, (0, 0)),
        "Mixed_7b.branch1x1": Convolution(1280, 320, (1, 1), 1, (0, 0)),
        "Mixed_7b.branch3x3_1": Convolution(1280, 384, (1, 1), 1, (0, 0)),
        "Mixed_7b.branch3x3_2a": Convolution(384, 384, (1, 3), 1, (0, 1)),
        "Mixed_7b.branch3x3_2b": Convolution(384, 384, (3, 1), 1, (1, 0)),
        "Mixed_7b.branch3x3dbl_1": Convolution(1280, 448, (1, 1), 1, (0, 0)),
        "Mixed_7b.branch3x3dbl_2": Convolution(448, 384, (3, 3), 1, (1, 1)),
        "Mixed_7b.branch3x3dbl_3a": Convolution(384, 384, (1, 3), 1, (0, 1)),
        "Mixed_7b.branch3x3dbl_3b": Convolution(384, 384, (3, 1), 1, (1, 0)),
        "Mixed_7b.branch_pool": Convolution(1280, 192, (1, 1), 1, (0, 0)),
        "Mixed_7c.branch1x1": Convolution(2048, 320, (1, 1), 1, (0, 0)),
        "Mixed_7c.branch3x3_1": Convolution(2048, 384, (1, 1), 1, (0, 0)),
        "Mixed_7c.branch3x3_2a": Convolution(384, 384, (1, 3), 1, (0, 1)),
        "Mixed_7c.branch3x3_2b": Convolution(384, 384, (3, 1), 1, (1, 0)),
        "Mixed_7c.branch3x3dbl_1": Convolution(2048, 448, (1, 1), 1, (0, 0)),
        "Mixed_7c.branch3x3dbl_2": Convolution(448, 384, (3, 3), 1, (1, 1)),
        "Mixed_7c.branch3x3dbl_3a": Convolution(384, 384, (1, 3), 1, (0, 1)),
        "Mixed_7c.branch3x3dbl_3b": Convolution(384, 384, (3, 1), 1, (1, 0)),
        "Mixed_7c.branch_pool": Convolution(2048, 192, (1, 1), 1, (0, 0)),
    }
)
