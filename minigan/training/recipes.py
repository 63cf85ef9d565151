"""Recipes: numbers with which each objective works within minutes on two CPU cores.

The papers' numbers (`Config(paper=True)`) are for hours on a GPU. These are the ones that a run takes by default: one
table for points in the plane (examples/compare_objectives.py measures them on the ring of Gaussians), one for small
images. What an objective does not name is the base's.
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
_CALM: Choices = {"betas": (0.0, 0.9)}  # no momentum: a critic that is bent hard in the plane overshoots with it
_POINTS: dict[str, Choices] = {
    "hinge": {"n_critic": 1},
    "ragan": {**_CALM, "epochs": 16.0},
    "dragan": {"hyper": {"weight": 0.1}},  # in the plane a critic has to be steeper than on images
    "r1": {"hyper": {"gamma": 0.1}},
    "rpgan": {"epochs": 16.0, "hyper": {"gamma": 0.1}},
    "wgan": {**_CALM, "n_critic": 3, "epochs": 20.0, "hyper": {"clip": 0.12, "warmup": False}},
    "wgan-gp": {**_CALM, "n_critic": 2, "epochs": 16.0, "hyper": {"weight": 0.1}},
    "rwgan": {**_CALM, "n_critic": 3, "epochs": 20.0, "hyper": {"scale": 0.12}},
    "mcgan-mean": {**_CALM, "n_critic": 3, "epochs": 20.0, "hyper": {"clip": 0.1, "warmup": False}},
    "mcgan-cov": {**_CALM, "n_critic": 3, "epochs": 20.0, "hyper": {"clip": 0.4, "rank": 8, "warmup": False}},
    "fisher": {"n_critic": 1, "hyper": {"rho": 1e-3}},
    "gmmn": {"hyper": {"weight": 1.0, "sigmas": [0.001, 0.01, 0.1, 1.0, 4.0]}},  # from a Gaussian's size to the ring's
    "mmd-gan": {
        **_CALM,
        "n_critic": 1,
        "epochs": 12.0,
        "batch_size": 128,
        # The one-sided term has no bottom where G's points, unlike pixels, can go anywhere.
        "hyper": {"clip": 0.2, "one_sided": 0.0, "warmup": False},
    },
    "mmd-gan-gp": {"n_critic": 1, "batch_size": 128, "hyper": {"weight": 0.1}},
    "cramer": {"n_critic": 1, "epochs": 12.0, "batch_size": 128, "hyper": {"weight": 0.1, "features": 64}},
    "ebgan": {**_CALM, "hyper": {"energy": "sse", "margin": 4.0, "pt": 0.5, "features": 16}},
    "began": {**_CALM, "d_lr": 1e-3, "g_lr": 1e-3, "hyper": {"gamma": 0.9, "rate": 0.1, "features": 1}},
    "magan": {**_CALM, "hyper": {"margin": 1.0, "features": 8}},  # prepared, D would redraw every point of the plane
    # Slopes of these divergences are exponentials or have no bound: D must not be steep.
    "fgan-kl": {**_CALM, "penalty": "r1", "penalty_weight": 0.1, "hyper": {"alternative": True}},
    "fgan-pearson": {**_CALM, "penalty": "r1", "penalty_weight": 0.1, "hyper": {"alternative": True}},
    "fgan-neyman": {**_CALM, "d_lr": 1.5e-3, "g_lr": 1.5e-3, "penalty": "r1", "penalty_weight": 0.5},
    "fgan-hellinger": {**_CALM, "g_lr": 1e-3},
}

_IMAGES_BASE: Choices = {
    "model": "infogan",
    "width": 0.25,  # a quarter of the channels: three times the steps in the same time
    "epochs": 8.0,
    "batch_size": 64,
    "d_lr": 1e-3,
    "g_lr": 1e-3,
    "betas": (0.5, 0.999),
    "decay": 0.5,
}
_RMSPROP: Choices = {"optimizer": "rmsprop", "d_lr": 5e-4, "g_lr": 5e-4, "n_critic": 2, "epochs": 14.0}
_LONGER: Choices = {"z_dim": 16, "average": 0.995}  # with more epochs; the average of G's weights removes their noise
_BOUNDED: Choices = {  # slopes that are exponentials: noise without a spectral norm, and few shapes at the base's rates
    **_LONGER,
    "epochs": 16.0,
    "spectral_norm": True,
    "d_lr": 2e-4,
    "g_lr": 5e-4,
    "betas": (0.5, 0.9),  # with 0.999, Adam's second moments keep one large gradient for the rest of the run
}
_IMAGES: dict[str, Choices] = {
    "nonsaturating": {"epochs": 28.0, "real_label": 0.9, "z_dim": 16, "average": 0.998},
    "hinge": {"n_critic": 1},
    "ragan": {"epochs": 16.0},
    "r1": {"hyper": {"gamma": 1.0}},
    "rpgan": {"epochs": 16.0, "hyper": {"gamma": 1.0}},
    "wgan": {**_RMSPROP, "hyper": {"warmup": False}},
    "wgan-gp": {"n_critic": 2, "epochs": 14.0},
    "rwgan": _RMSPROP,
    "mcgan-mean": {"n_critic": 1, "hyper": {"clip": 0.05, "warmup": False}},
    "mcgan-cov": {"n_critic": 1, "hyper": {"clip": 0.05, "warmup": False}},
    "fisher": {"n_critic": 1, "hyper": {"rho": 1e-3}},
    "gmmn": {
        "model": "gmmn",
        "width": None,
        "batch_size": 200,
        "epochs": 60.0,
        "hyper": {"space": "codes", "weight": 1.0, "passes": 10},
    },
    "mmd-gan": {"n_critic": 1, "epochs": 12.0, "hyper": {"clip": 0.1, "one_sided": 1.0, "warmup": False}},
    "mmd-gan-gp": {
        **_LONGER,
        "n_critic": 1,
        "epochs": 24.0,
        "betas": (0.5, 0.9),  # with 0.999, a fifth fewer digits
        "hyper": {"features": 4},  # as good as 16
    },
    # With gamma below 1 the best fakes are easier than data: small strokes and empty images.
    "began": {**_LONGER, "epochs": 14.0, "hyper": {"gamma": 1.0, "rate": 0.05, "features": 24}},
    "magan": {**_LONGER, "epochs": 12.0, "hyper": {"features": 32}},  # a code of 32 numbers suffices
    "cramer": {"n_critic": 1, "epochs": 12.0, "hyper": {"features": 64}},
    "fgan-kl": {"d_lr": 5e-4, "g_lr": 5e-4, "hyper": {"alternative": True}},
    "fgan-pearson": {"d_lr": 5e-4, "g_lr": 5e-4, "hyper": {"alternative": True}},
    "fgan-neyman": _BOUNDED,
    "fgan-hellinger": _BOUNDED,
}


def choices(objective: str, points: bool) -> Choices:
    """The choices of a Config for `objective`, on points of the plane or on small images."""
    base, specific = (_POINTS_BASE, _POINTS) if points else (_IMAGES_BASE, _IMAGES)
    return {**base, **specific.get(objective, {})}
