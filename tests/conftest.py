"""pytest puts the folder of this file on the import path: a test can say `from support import strict`."""

import os

# Several tests run at a time, a process each: a BLAS library with threads of its own would only get in their way.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
