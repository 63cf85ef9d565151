"""Other ways to the trace of (S1 S2)^(1/2), for comparison with that of `minigan.metrics.sqrtm`.

`routes.py` lists them by name; `direct.py` and `iterations.py` hold them; `features.py` starts from features, without
a covariance. `benchmark_sqrtm.py`, in the folder above, measures how long they take.
"""
