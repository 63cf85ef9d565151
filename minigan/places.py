"""Places of this machine that belong to its user: the home directory and the cache."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def home() -> Path | None:
    """The home directory; None where there is none, as for a bare user number in a container."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def cache() -> Path:
    """The cache folder of this operating system for minigan; without a home directory one among the temporary files."""
    import platformdirs  # here, not above: `import minigan` does not need it

    try:
        return Path(platformdirs.user_cache_dir("minigan"))
    except RuntimeError:  # no home directory
        owner = os.getuid() if hasattr(os, "getuid") else 0
        return Path(tempfile.gettempdir()) / f"minigan-{owner}"
