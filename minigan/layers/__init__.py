"""The layers: each a page with its forward, its backward and its second-order pass."""

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
from minigan.layers.equalized import Equalized
from minigan.layers.layer import Layer, accumulate, taken
from minigan.layers.layernorm import InstanceNorm, LayerNorm
from minigan.layers.linear import Linear
from minigan.layers.maskedmax import MaskedMax
from minigan.layers.minibatchstd import MinibatchStd
from minigan.layers.modulated import AdaIN, ModulatedConv2d
from minigan.layers.network import Network
from minigan.layers.noise import Bias, Constant, Noise
from minigan.layers.patches import Patches
from minigan.layers.pixelnorm import PixelNorm
from minigan.layers.pool import AvgPool2d, MaxPool2d
from minigan.layers.prelu import PReLU
from minigan.layers.projection import Projection
from minigan.layers.resample import Blur2d, Downsample2d, Upsample2d
from minigan.layers.residual import Residual
from minigan.layers.resize import PixelShuffle, ReflectionPad2d, UpsampleNearest2d
from minigan.layers.shape import Flatten, Reshape
from minigan.layers.spectralnorm import SpectralNorm
from minigan.layers.styled import StyledConv, ToImage
from minigan.layers.styles import Partners, Styles
from minigan.layers.sum import Sum
from minigan.layers.synthesis import Synthesis

__all__ = [
    "ELU",
    "AdaIN",
    "Augment",
    "Autoencoder",
    "AvgPool2d",
    "BatchNorm",
    "Bias",
    "Blur2d",
    "Branches",
    "Conditional",
    "ConditionalBatchNorm",
    "Conditioned",
    "Constant",
    "Conv2d",
    "ConvTranspose2d",
    "Covariance",
    "Downsample2d",
    "Dropout",
    "Embedding",
    "Equalized",
    "Flatten",
    "InstanceNorm",
    "Join",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "MaskedMax",
    "MaxPool2d",
    "MinibatchStd",
    "ModulatedConv2d",
    "Network",
    "Noise",
    "PReLU",
    "Partners",
    "Patches",
    "PixelNorm",
    "PixelShuffle",
    "Projection",
    "ReLU",
    "ReflectionPad2d",
    "Reshape",
    "Residual",
    "Sigmoid",
    "Softplus",
    "SpectralNorm",
    "StyledConv",
    "Styles",
    "Sum",
    "Synthesis",
    "Tanh",
    "ToImage",
    "Upsample2d",
    "UpsampleNearest2d",
    "accumulate",
    "taken",
]
