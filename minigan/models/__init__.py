"""Networks by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from minigan.models.critic import Critic
from minigan.models.dcgan import dcgan, dcgan64, infogan
from minigan.models.mlp import gmmn, mlp, points
from minigan.models.model import Model, count
from minigan.random import Streams

__all__ = [
    "Critic",
    "Model",
    "count",
    "dcgan",
    "dcgan64",
    "get",
    "gmmn",
    "infogan",
    "mlp",
    "names",
    "options",
    "points",
]

_BUILDERS: tuple[Callable[..., Model], ...] = (mlp, dcgan, infogan, dcgan64, gmmn, points)


def names() -> list[str]:
    """The names that `get` accepts."""
    return [build.__name__ for build in _BUILDERS]


def _find(name: str) -> Callable[..., Model]:
    for build in _BUILDERS:
        if build.__name__ == name:
            return build
    raise ValueError(f"unknown model {name!r}; known are {', '.join(names())}")


def options(name: str) -> list[str]:
    """The choices of the model called `name`: the keyword arguments of `get`."""
    return [option for option in inspect.signature(_find(name)).parameters if option != "streams"]


def get(name: str, streams: Streams, **choices: Any) -> Model:
    """The model called `name`, with weights and dropout drawn from `streams`; ValueError for what it does not know.

    `critic` names what D returns: a Critic, or its choices as a dict, such as an objective's `critic()`.
    """
    if not isinstance(streams, Streams):
        raise TypeError(f"streams must be minigan.random.Streams(seed), got {streams!r} ({type(streams).__name__})")
    unknown = choices.keys() - set(options(name))
    if unknown:
        raise ValueError(f"model {name!r} has no {sorted(unknown)}; it has {', '.join(options(name))}")
    if isinstance(choices.get("critic"), Mapping):
        choices["critic"] = Critic(**choices["critic"])
    return _find(name)(streams, **choices)
