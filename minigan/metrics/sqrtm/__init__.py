"""Square roots of covariances, and of a product of two: what the Fréchet distance needs.

    FID = |m1 - m2|² + Tr S1 + Tr S2 - 2 T        T = Tr (S1 S2)^(1/2)

Read `product.py` first: it says why T is the sum of the singular values of L1ᵀ L2, for any factors S = L Lᵀ, and so
needs no root of a covariance. Then `factors.py` (pivoted Cholesky), `polar.py` with its two iterations, `halley.py`
and `schulz.py`, and, to compare, `spectral.py` and `alternatives.py`.
"""

from minigan.metrics.sqrtm.product import sqrtm, sqrtm_product, trace_from_factors
from minigan.metrics.sqrtm.root import Root

__all__ = ["Root", "sqrtm", "sqrtm_product", "trace_from_factors"]
