"""The square root of a product of two covariances: what the Fréchet distance needs.

    FID = |m1 - m2|² + Tr S1 + Tr S2 - 2 T        T = Tr (S1 S2)^(1/2)

Read `product.py` first: it explains why T is the sum of the singular values of L1ᵀ L2, for any factors S = L Lᵀ, and so
needs no root of a covariance. Then `factors.py` (pivoted Cholesky), `svd.py`, and `polar.py` with its two iterations,
`halley.py` on the CPU and `schulz.py` on a GPU. Other ways to the same number, for comparison: `examples/roots/`.
"""

from minigan.metrics.sqrtm.product import sqrtm_product
from minigan.metrics.sqrtm.root import Root

__all__ = ["Root", "sqrtm_product"]
