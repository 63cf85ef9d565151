"""minigan: the GAN library you can read.

Every layer with its forward pass, its backward pass and its second derivative, by hand, in plain NumPy.
"""

from minigan import data, exchange, gradcheck, init, layers, models, objectives, optim
from minigan.layers import Layer, Network
from minigan.models import Model
from minigan.objectives import Objective
from minigan.optim import SGD, Adam, Average, RMSProp
from minigan.penalties import gradient_penalty
from minigan.random import Streams
from minigan.training.config import Config
from minigan.training.steps import discriminator_step, generator_step
from minigan.training.trainer import Trainer
from minigan.version import __version__

__all__ = [
    "SGD",
    "Adam",
    "Average",
    "Config",
    "Layer",
    "Model",
    "Network",
    "Objective",
    "RMSProp",
    "Streams",
    "Trainer",
    "__version__",
    "data",
    "discriminator_step",
    "exchange",
    "generator_step",
    "gradcheck",
    "gradient_penalty",
    "init",
    "layers",
    "models",
    "objectives",
    "optim",
]
