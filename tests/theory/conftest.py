"""The demonstrations are scripts: their folder is on the import path, so that tests can import them by name."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "theory"))
