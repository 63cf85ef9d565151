"""A home without data, and small stand-ins for the published sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from minigan.data import mnist
from minigan.data.idx import content_hash, write_idx


class Published:
    """Stand-ins for the files of both sets: a few images each, different in every set."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.arrays = {
            (name, file): rng.integers(0, *((256, (7, 28, 28)) if "images" in file else (10, 7)), np.uint8)
            for name in mnist.COLLECTIONS
            for split in mnist.FILES.values()
            for file in split
        }

    def place(self, name: str, folder: Path, suffix: str = ".gz") -> Path:
        """Write the four files of one set into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for (owner, file), array in self.arrays.items():
            if owner == name:
                write_idx(folder / f"{file}{suffix}", array)
        return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home that is the working folder too: no data of this machine is in reach."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.delenv("MINIGAN_DATA", raising=False)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def published(home: Path, monkeypatch: pytest.MonkeyPatch) -> Published:
    """The stand-ins, with the catalogue taught to take them for the published files."""
    stand_ins = Published()
    collections = {
        name: replace(
            collection,
            sha256={file: content_hash(array) for (owner, file), array in stand_ins.arrays.items() if owner == name},
        )
        for name, collection in mnist.COLLECTIONS.items()
    }
    monkeypatch.setattr(mnist, "COLLECTIONS", collections)
    return stand_ins


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, bytes]], list[str]]:
    """Replaces the network by a dict from address to content; returns the list of addresses that are asked for."""

    def connect(pages: dict[str, bytes]) -> list[str]:
        asked: list[str] = []

        class Downloader:
            def __init__(self, **options: object) -> None:
                assert options["progressbar"] is True

            def __call__(self, url: str, output_file: IO[bytes], pooch: object) -> None:
                asked.append(url)
                if url not in pages:
                    raise ConnectionError("the network is unreachable")
                output_file.write(pages[url])

        monkeypatch.setattr("pooch.HTTPDownloader", Downloader)
        return asked

    return connect
