"""The kernels for arrays on a GPU: hand-written for contiguous float32, else the formulas of `general`."""

from minigan.kernels.cuda.activations import leaky_relu, leaky_relu_grad
from minigan.kernels.cuda.batchnorm import batchnorm, batchnorm_grad, batchnorm_sums, channel_sum, moments
from minigan.kernels.cuda.conv import correlate, match, spread
from minigan.kernels.cuda.gemm import matmul, scatter
from minigan.kernels.cuda.pool import max_pool, max_pool_grad, max_pool_pick, sum_pool, sum_pool_grad
from minigan.kernels.cuda.random import draw_normal, draw_rows, draw_uniform, take
from minigan.kernels.cuda.update import adam, adamax, follow, fusible, rmsprop, sgd
from minigan.kernels.general import dropout_mask, matrix_vector, resample, vector_matrix
from minigan.kernels.random import tick
