"""Which files of a folder are its pictures, and what is reported of the others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from minigan.data import folder
from minigan.data.finding import find


def picture(path: Path, colour: str = "red") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), colour).save(path)
    return path


def test_files_that_are_left_out_are_counted_by_kind(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    for name in ("b.heic", "c.HEIC", "d.mp4", "README", "._a.png", ".DS_Store", "a.txt", "captions.csv", "e.txt"):
        (tmp_path / name).write_bytes(b"")
    picture(tmp_path / ".thumbnails" / "a.png")
    (tmp_path / "f.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(tmp_path / "g.png")  # to open it would take without end
    assert find(tmp_path).left_out == {
        ".heic": 2,
        ".mp4": 1,
        "without a suffix": 1,
        "hidden": 2,
        ".txt": 1,
        "broken links": 1,
        "not files": 1,
    }
    source = folder.load(tmp_path, 4).source
    assert source.startswith(f"1 picture from the folder {tmp_path}; left out: 2 .heic, 2 hidden, ")
    assert "1 broken link, " in source


def test_links_to_pictures_and_folders_are_followed_without_end_or_twins(tmp_path: Path) -> None:
    elsewhere, home = tmp_path / "elsewhere", tmp_path / "home"
    picture(elsewhere / "1.png")
    picture(home / "dogs" / "2.png")
    (home / "cats").symlink_to(elsewhere, target_is_directory=True)
    (home / "dogs" / "back").symlink_to(home, target_is_directory=True)
    (home / "again").symlink_to(home / "dogs", target_is_directory=True)
    (home / "dogs" / "3.png").symlink_to(elsewhere / "1.png")
    found = find(home)
    assert [path.relative_to(home).as_posix() for path in found.paths] == ["cats/1.png", "dogs/2.png", "dogs/3.png"]
    assert found.left_out == {"links to folders that are read already": 2}
    dataset = folder.load(home, 4)
    assert dataset.classes == ("cats", "dogs") and dataset.labels is not None and dataset.labels.tolist() == [0, 1, 1]


def test_a_folder_that_may_not_be_opened_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "closed" / "b.png")
    scan = os.scandir

    def closed(path: Path) -> Iterator[os.DirEntry[str]]:
        if path.name == "closed":
            raise PermissionError(f"{path}: permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert find(tmp_path).note == "left out: 1 folder that may not be opened"


def test_the_samples_of_a_run_are_not_data(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    for run in (tmp_path / "runs" / "one", tmp_path / "two"):
        picture(run / "samples" / "step-000000.png", "blue")
        (run / "config.json").write_text("{}")
        (run / "command.txt").write_text("minigan train --data .")
    found = find(tmp_path)
    assert found.paths == [tmp_path / "a.png"]
    assert found.left_out == {"folders of runs": 2} and found.note == "left out: 2 folders of runs"


def test_a_folder_without_pictures_is_refused_with_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "a.heic").touch()
    (tmp_path / "b.npy").touch()
    with pytest.raises(
        ValueError,
        match=r"no pictures found; expected files that end in .*\.png.*; left out: 1 \.heic, 1 \.npy; arrays are",
    ):
        find(tmp_path)


def test_a_folder_called_like_a_data_set_is_not_taken_for_it(tmp_path: Path) -> None:
    picture(tmp_path / "mnist" / "a.png")
    assert folder.load(tmp_path / "mnist", 4).name == "mnist (folder)"
