"""Penalties on the critic's gradient: the third sweep at work."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.device import Array
from minigan.layers import Layer, accumulate


def gradient_penalty(
    critic: Layer, x: Array, grads: dict[str, Any], *, weight: float, target: float = 1.0, one_sided: bool = False
) -> Array:
    """Pull the norm of the critic's gradient at x towards `target`; add the penalty's gradient to `grads`.

    Shapes      x (N, ...) any points; the critic's output (N, 1)

    Penalty     g = ∂ Σ critic(x) / ∂x        r_i = √(Σ g_i² + 1e-12) over all entries of sample i
                R = weight · mean (r_i - target)²

    Gradient    ddx = dR/dg_i = 2 weight / N · (r_i - target) · g_i / r_i
                dR/dparams: ddx goes up through the backward sweep that made g, and what curved layers owe their
                inputs comes down again (Network, "Twice").

    One-sided   (r_i - target) becomes max(r_i - target, 0): only norms above the target cost anything.

    The forward pass is one of training (batch norm normalises by its batch) but leaves running statistics alone.
    The 1e-12 keeps the root's slope finite where a gradient is zero.

    Source      Gulrajani et al. 2017, equation 3; the sweeps derived in layers/network.py.
    """
    with critic.keeping_buffers():
        scores, caches = critic.forward(x)
    g, trace = critic.traced_backward(np.ones_like(scores), caches)
    r = np.sqrt((g * g).sum(axis=tuple(range(1, x.ndim)), keepdims=True) + 1e-12)
    excess = np.maximum(r - target, 0) if one_sided else r - target
    ddx = (2 * weight / len(x)) * excess / r * g
    _, _, new = critic.double_backward(ddx, trace, caches)
    accumulate(grads, new)
    return weight * (excess * excess).mean()
