"""Captions of a folder of pictures: from a table, or from a text file beside each picture."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from minigan.data import folder
from minigan.data.dataset import Dataset
from minigan.data.finding import find
from minigan.data.vocabulary import words_of

TABLES = ("captions.csv", "captions.jsonl")


def load(path: str | Path, size: int | None = 64, background: str = "black") -> Dataset:
    """The pictures of a folder, as `minigan.data.folder.load` has them, with a caption or more for each.

    The captions are in captions.csv (columns file and caption), in captions.jsonl (one {"file": ..., "caption": ...}
    in each line), or in a text file beside each picture with one caption in each line: photo.jpg and photo.txt.
    A picture may have several captions; in a table, several lines.

    ValueError names which pictures have no caption, which lines cannot be read, and which names fit no picture.
    """
    pictures = folder.load(path, size, background)
    home = Path(path).expanduser()
    paths = find(home).paths
    tables = [home / name for name in TABLES if (home / name).is_file()]
    if len(tables) > 1:
        raise ValueError(f"{home} has {' and '.join(TABLES)}: one of them must go")
    captions = _of_table(tables[0], home, paths) if tables else {path: _beside(path) for path in paths}
    missing = [path for path in paths if not captions.get(path)]
    if missing:
        first = missing[0].relative_to(home)
        where = f"in {tables[0].name}" if tables else f"in a file {first.stem}.txt beside it"
        raise ValueError(f"{first} has no caption {where} ({len(missing)} of {len(paths)} pictures have none)")
    return replace(pictures, captions=tuple(tuple(captions[path]) for path in paths))


def _beside(path: Path) -> list[str]:
    """The lines of the text file beside a picture; none where there is no such file."""
    text = path.with_suffix(".txt")
    if not text.is_file():
        return []
    return [line.strip() for line in _read(text).splitlines() if line.strip()]


def _of_table(table: Path, home: Path, paths: list[Path]) -> dict[Path, list[str]]:
    known, captions = set(paths), dict[Path, list[str]]()
    for number, file, caption in _rows(table):
        path = home / file
        if path not in known:
            raise ValueError(f"{table}: line {number} names {file!r}, which is not a picture in {home}")
        if not words_of(caption):
            raise ValueError(f"{table}: the caption in line {number} has no word; a caption needs at least one")
        captions.setdefault(path, []).append(caption)
    return captions


def _rows(table: Path) -> Iterator[tuple[int, str, str]]:
    """The number of each line, its file and its caption."""
    if table.suffix == ".csv":
        reader = csv.DictReader(_read(table).splitlines())
        if not {"file", "caption"} <= set(reader.fieldnames or ()):
            raise ValueError(f"{table}: the first line must name the columns file and caption, got {reader.fieldnames}")
        for row in reader:
            yield reader.line_num, row["file"] or "", row["caption"] or ""
        return
    for number, line in enumerate(_read(table).splitlines(), start=1):
        if line.strip():
            try:
                row = json.loads(line)
                file, caption = row["file"], row["caption"]
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                expected = '{"file": "photo.jpg", "caption": "a red house"}'
                raise ValueError(f"{table}: line {number} must be like {expected}: {error!r}") from error
            yield number, str(file), str(caption)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected UTF-8 text: {error}") from error
