"""The kernels for arrays on a GPU."""

from minigan.kernels.cuda.activations import leaky_relu

__all__ = ["leaky_relu"]
