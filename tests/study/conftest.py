from __future__ import annotations

from pathlib import Path

import pytest
from small_studies import small

from minigan.study.store import Store
from minigan.study.workers import run


@pytest.fixture(scope="session")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small study that one process has run."""
    folder = tmp_path_factory.mktemp("study") / "serial"
    Store.create(folder, small())
    run(folder, quiet=True)
    return folder
