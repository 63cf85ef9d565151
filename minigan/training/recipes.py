"""Recipes: numbers with which each objective works within minutes on two CPU cores.

The papers' numbers (`Config.paper`) are made for hours on a GPU. These are the ones that a run takes unless it is told
otherwise: one table for points in the plane (examples/compare_objectives.py measures them on the ring of Gaussians),
one for small images. What an objective does not name is the base's.
"""

from __future__ import annotations

from typing import Any

Choices = dict[str, Any]

_POINTS_BASE: Choices = {
    "model": "points",
    "epochs": 8.0,  # of 100,000 points: 3,125 steps
    "batch_size": 256,
    "d_lr": 2e-3,
    "g_lr": 2e-3,
    "betas": (0.5, 0.999),
    "decay": 0.5,  # a constant rate keeps the points dancing around their Gaussians
}
_POINTS: dict[str, Choices] = {}

_IMAGES_BASE: Choices = {
    "model": "infogan",
    "width": 0.25,  # a quarter of the channels: three times the steps in the same time
    "epochs": 14.0,
    "batch_size": 64,
    "d_lr": 1e-3,
    "g_lr": 1e-3,
    "betas": (0.5, 0.999),
    "decay": 0.5,
}
_IMAGES: dict[str, Choices] = {}


def choices(objective: str, points: bool) -> Choices:
    """The choices of a Config for `objective`, on points of the plane or on small images."""
    base, own = (_POINTS_BASE, _POINTS) if points else (_IMAGES_BASE, _IMAGES)
    return {**base, **own.get(objective, {})}
