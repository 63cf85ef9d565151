"""The layers: each a page with its forward pass, its backward pass, and its backward pass's backward pass."""

from minigan.layers.activations import ELU, LeakyReLU, ReLU, Sigmoid, Softplus, Tanh
from minigan.layers.augment import Augment
from minigan.layers.autoencoder import Autoencoder
from minigan.layers.batchnorm import BatchNorm
from minigan.layers.branches import Branches
from minigan.layers.conditional import Conditional, Conditioned, Join
from minigan.layers.conditionalbatchnorm import ConditionalBatchNorm
from minigan.layers.conv import Conv2d, ConvTranspose2d
from minigan.layers.covariance import Covariance
from minigan.layers.dropout import Dropout
from minigan.layers.embedding import Embedding
from minigan.layers.layer import Layer, accumulate, taken
from minigan.layers.layernorm import InstanceNorm, LayerNorm
from minigan.layers.linear import Linear
from minigan.layers.maskedmax import MaskedMax
from minigan.layers.network import Network
from minigan.layers.patches import Patches
from minigan.layers.pool import AvgPool2d, MaxPool2d
from minigan.layers.prelu import PReLU
from minigan.layers.projection import Projection
from minigan.layers.residual import Residual
from minigan.layers.resize import PixelShuffle, ReflectionPad2d, UpsampleNearest2d
from minigan.layers.shape import Flatten, Reshape
from minigan.layers.spectralnorm import SpectralNorm

__all__ = [
    "ELU",
    "Augment",
    "Autoencoder",
    "AvgPool2d",
    "BatchNorm",
    "Branches",
    "Conditional",
    "ConditionalBatchNorm",
    "Conditioned",
    "Conv2d",
    "ConvTranspose2d",
    "Covariance",
    "Dropout",
    "Embedding",
    "Flatten",
    "InstanceNorm",
    "Join",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "MaskedMax",
    "MaxPool2d",
    "Network",
    "PReLU",
    "Patches",
    "PixelShuffle",
    "Projection",
    "ReLU",
    "ReflectionPad2d",
    "Reshape",
    "Residual",
    "Sigmoid",
    "Softplus",
    "SpectralNorm",
    "Tanh",
    "UpsampleNearest2d",
    "accumulate",
    "taken",
]
