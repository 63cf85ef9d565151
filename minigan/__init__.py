"""minigan: the GAN library you can read.

Every layer with its forward pass, its backward pass and its second derivative, by hand, in plain NumPy.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from minigan import data, gradcheck, init, layers, models, objectives, optim
from minigan.layers import Layer, Network
from minigan.models import Model
from minigan.objectives import Objective
from minigan.optim import SGD, Adam, Average, RMSProp
from minigan.penalties import gradient_penalty
from minigan.random import Streams
from minigan.systems import GAN
from minigan.training.config import Config
from minigan.training.steps import Outcome, discriminator_step, generator_step
from minigan.training.system import Player, System, Turn
from minigan.training.trainer import Trainer
from minigan.version import __version__

if TYPE_CHECKING:
    from minigan import exchange as exchange
    from minigan import plots as plots

LATER = ("exchange", "plots")  # imported on first use: the first needs safetensors, the second draws with matplotlib

__all__ = [
    "GAN",
    "SGD",
    "Adam",
    "Average",
    "Config",
    "Layer",
    "Model",
    "Network",
    "Objective",
    "Outcome",
    "Player",
    "RMSProp",
    "Streams",
    "System",
    "Trainer",
    "Turn",
    "__version__",
    "data",
    "discriminator_step",
    "generator_step",
    "gradcheck",
    "gradient_penalty",
    "init",
    "layers",
    "models",
    "objectives",
    "optim",
]


def __getattr__(name: str) -> ModuleType:
    if name in LATER:
        return importlib.import_module(f"minigan.{name}")
    raise AttributeError(f"module 'minigan' has no attribute {name!r}")
