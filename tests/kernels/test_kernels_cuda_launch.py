from __future__ import annotations

import numpy as np
from support import fake_cuda as fake

from minigan.kernels import cuda


def test_a_kernel_runs(fake_cuda) -> None:
    x = np.linspace(-1, 1, 1001, dtype=np.float32)
    y = cuda.leaky_relu(fake.to_device(x), 0.2)
    np.testing.assert_array_equal(fake.to_host(y), np.maximum(x, np.float32(0.2) * x))
