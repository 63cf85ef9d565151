"""The kernels for NumPy arrays. What they share: few passes over memory, long runs, scratch that stays in the cache."""

from minigan.kernels.cpu.activations import leaky_relu, leaky_relu_grad
from minigan.kernels.cpu.batchnorm import batchnorm, batchnorm_grad, batchnorm_sums, channel_sum, moments
from minigan.kernels.cpu.conv import correlate, match
from minigan.kernels.cpu.pool import max_pool, max_pool_grad, max_pool_pick, sum_pool, sum_pool_grad
from minigan.kernels.cpu.products import matmul, matrix_vector, vector_matrix
from minigan.kernels.cpu.resample import resample
from minigan.kernels.cpu.spread import spread
from minigan.kernels.cpu.update import adam, adamax, follow, rmsprop, sgd
from minigan.kernels.general import dropout_mask, scatter
