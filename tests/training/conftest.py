"""One tiny data set for all tests of training."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_runs import paint


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 48 pictures of 8 x 8 pixels."""
    return paint(tmp_path_factory.mktemp("data") / "pictures")
