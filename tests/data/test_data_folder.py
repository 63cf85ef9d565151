"""A folder of pictures as a data set."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from minigan.data import folder, reading

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def save(path: Path, mode: str = "RGB", colour: object = RED, size: tuple[int, int] = (8, 8)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)
    return path


def test_pictures_come_in_the_order_of_their_names_from_every_depth(tmp_path: Path) -> None:
    save(tmp_path / "b.png", colour=BLUE)
    save(tmp_path / "a" / "deep" / "z.PNG", colour=RED)
    save(tmp_path / "a" / "y.bmp", colour=GREEN)
    (tmp_path / "notes.txt").write_text("not a picture")
    dataset = folder.load(tmp_path, size=2)
    assert dataset.images.dtype == np.uint8
    assert dataset.shape == (2, 2, 3)
    assert dataset.labels is None
    assert dataset.name == tmp_path.name
    assert str(tmp_path) in dataset.source
    np.testing.assert_array_equal(dataset.images[:, 0, 0], [RED, GREEN, BLUE])


def test_one_picture_in_colour_makes_all_of_them_three_channels(tmp_path: Path) -> None:
    save(tmp_path / "a.png", "L", 100)
    save(tmp_path / "b.png", "RGB", RED)
    np.testing.assert_array_equal(folder.load(tmp_path, size=1).images[:, 0, 0], [(100, 100, 100), RED])


def test_an_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in (GREEN, RED)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(folder.load(tmp_path, size=1).images[0, 0, 0], GREEN)


@pytest.mark.parametrize("wide", [True, False])
def test_the_square_in_the_middle_is_kept(tmp_path: Path, wide: bool) -> None:
    pixels = np.repeat(np.array([RED, GREEN, BLUE], np.uint8), 10, axis=0)[np.newaxis].repeat(10, axis=0)
    Image.fromarray(pixels if wide else pixels.transpose(1, 0, 2)).save(tmp_path / "a.png")
    images = folder.load(tmp_path, size=5).images
    np.testing.assert_array_equal(images[0], np.broadcast_to(GREEN, (5, 5, 3)))


def test_a_picture_is_turned_as_its_orientation_demands(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    pixels = np.array([[RED] * 8] * 4 + [[BLUE] * 8] * 4, np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(folder.load(tmp_path, size=8).images[0, [0, -1], 0], [BLUE, RED])


def test_resizing_keeps_the_mean_of_a_picture(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert abs(folder.load(tmp_path, size=8).images.mean() - pixels.mean()) < 2


def test_a_size_equal_to_the_picture_changes_nothing(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(folder.load(tmp_path, size=9).images[0], pixels)


def test_a_hidden_folder_may_be_asked_for_by_name(tmp_path: Path) -> None:
    save(tmp_path / ".pictures" / "a.png")
    assert len(folder.load(tmp_path / ".pictures", size=2)) == 1


@pytest.mark.parametrize("content", [b"", b"this is text", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"])
def test_a_file_that_is_not_a_picture_is_refused_with_its_path(tmp_path: Path, content: bytes) -> None:
    save(tmp_path / "a.png")
    broken = tmp_path / "b.png"
    broken.write_bytes(content)
    with pytest.raises(ValueError, match="expected a picture") as caught:
        folder.load(tmp_path)
    assert str(broken) in str(caught.value)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".gif"])
def test_a_truncated_picture_is_refused_with_its_path(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(ValueError, match="expected a picture") as caught:
        folder.load(tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("limit", [30, 60])  # a picture of 64 pixels: beyond twice the limit, beyond the limit
def test_a_decompression_bomb_is_refused_with_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    path = save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(ValueError, match="decompression bomb") as caught:
        folder.load(tmp_path)
    assert str(path) in str(caught.value)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a picture")
    with pytest.raises(ValueError, match=r"no pictures found; expected files that end in .*\.png"):
        folder.load(tmp_path)


def test_a_missing_folder_is_file_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent: no such folder"):
        folder.load(tmp_path / "absent")


def test_a_file_instead_of_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="expected a folder of pictures, got a file"):
        folder.load(save(tmp_path / "a.png"))


@pytest.mark.parametrize("size", [0, -3])
def test_a_size_below_one_pixel_is_refused(tmp_path: Path, size: int) -> None:
    with pytest.raises(ValueError, match=f"size must be at least 1 pixel, got {size}"):
        folder.load(tmp_path, size=size)


def test_a_bar_shows_only_where_there_are_many_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.png", "b.png", "c.png"):
        save(tmp_path / name)
    folder.load(tmp_path, size=2)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(reading, "MANY", 2)
    folder.load(tmp_path, size=2)
    assert "3/3" in capsys.readouterr().err


@settings(derandomize=True, max_examples=80, deadline=None)
@given(
    suffix=st.sampled_from(["png", "jpeg", "gif", "bmp", "webp"]),
    at=st.integers(0, 400),
    remove=st.integers(0, 5),
    insert=st.binary(max_size=5),
    cut=st.none() | st.integers(0, 400),
)
def test_a_mutated_picture_is_read_or_refused_with_its_path(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, at: int, remove: int, insert: bytes, cut: int | None
) -> None:
    target = io.BytesIO()
    Image.fromarray(np.arange(300, dtype=np.uint8).reshape(10, 10, 3)).save(target, suffix)
    valid = target.getvalue()
    path = tmp_path_factory.mktemp("pictures") / f"a.{suffix}"
    path.write_bytes((valid[:at] + insert + valid[at + remove :])[:cut])
    try:
        assert folder.load(path.parent, size=4).shape[:2] == (4, 4)
    except ValueError as error:
        assert str(path) in str(error)
