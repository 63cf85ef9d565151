"""One picture: read by what it shows, whatever file it comes in."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minigan.data import folder, pictures

RED, BLUE = (255, 0, 0), (0, 0, 255)
LOSSLESS = ("png", "apng", "bmp", "dib", "gif", "ico", "jp2", "pcx", "ppm", "pnm", "qoi", "sgi", "tga", "tif", "tiff")
LOSSY = ("jpg", "jpeg", "jpe", "jfif", "webp", "avif")


def deep_png(path: Path, values: np.ndarray) -> Path:
    """A PNG of 16 bits per channel, (H, W, C) with C 1 to 4."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    H, W, C = values.shape
    head = struct.pack(">IIBBBBB", W, H, 16, {1: 0, 2: 4, 3: 2, 4: 6}[C], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunks = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    return path


@pytest.mark.parametrize("suffix", [*LOSSLESS, *LOSSY])
def test_every_format_is_read_in_colour_and_in_grey(tmp_path: Path, suffix: str) -> None:
    colour, grey = tmp_path / "c" / f"a.{suffix.upper()}", tmp_path / "g" / f"a.{suffix}"
    try:
        for path, filling in ((colour, BLUE), (grey, (90, 90, 90))):
            path.parent.mkdir()
            Image.new("RGB", (16, 16), filling).save(path, Image.registered_extensions().get(f".{suffix}", "QOI"))
    except (OSError, KeyError):
        pytest.skip(f"this Pillow does not write {suffix}")
    read = folder.load(colour.parent, 4).images.astype(int)
    assert read.shape == (1, 4, 4, 3)
    assert np.abs(read - BLUE).max() <= (0 if suffix in LOSSLESS else 4)
    read = folder.load(grey.parent, 4).images.astype(int)
    assert read.shape == (1, 4, 4, 1)
    assert np.abs(read - 90).max() <= (0 if suffix in LOSSLESS else 1)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_grey_is_what_a_picture_shows_and_not_how_it_is_stored(tmp_path: Path, mode: str) -> None:
    values = np.where(np.arange(64).reshape(8, 8) % 3 == 0, 255, 0).astype(np.uint8)
    image = Image.fromarray(values).convert("RGB" if mode in ("CMYK", "YCbCr") else "L").convert(mode)
    image.save(tmp_path / ("a.tif" if mode in ("PA", "CMYK", "YCbCr") else "a.png"))
    np.testing.assert_array_equal(pictures.read(next(tmp_path.iterdir()))[..., 0], values)
    assert folder.load(tmp_path, None).shape == (8, 8, 1)


@pytest.mark.parametrize("first", ["grey", "colour"])
def test_one_pixel_in_colour_gives_all_pictures_of_a_folder_three_channels(tmp_path: Path, first: str) -> None:
    names = ("a.png", "b.png") if first == "grey" else ("b.png", "a.png")
    grey, colour = (tmp_path / name for name in names)
    Image.new("RGB", (4, 4), (7, 7, 7)).save(grey)
    image = Image.new("RGB", (4, 4), (7, 7, 7))
    image.putpixel((1, 2), (7, 8, 7))
    image.save(colour)
    images = folder.load(tmp_path, 4).images
    assert images.shape == (2, 4, 4, 3)
    assert sorted(images[:, 2, 1].tolist()) == [[7, 7, 7], [7, 8, 7]]


@pytest.mark.parametrize("background", ["black", "white", "#102030"])
@pytest.mark.parametrize("kind", ["alpha", "palette", "colour key", "grey and alpha"])
def test_transparent_pixels_show_the_background(tmp_path: Path, kind: str, background: str) -> None:
    under, path = (200, 100, 50), tmp_path / "a.png"
    if kind == "alpha":
        image = Image.new("RGBA", (2, 1), (*under, 0))
        image.putpixel((1, 0), (*RED, 128))
        image.save(path)
    elif kind == "palette":
        image = Image.new("P", (2, 1), 0)
        image.putpalette([*under, *RED])
        image.putpixel((1, 0), 1)
        image.save(path, transparency=b"\x00\x80")
    elif kind == "colour key":
        image = Image.new("RGB", (2, 1), under)
        image.putpixel((1, 0), RED)
        image.save(path, transparency=under)
    else:
        image = Image.new("LA", (2, 1), (200, 0))
        image.putpixel((1, 0), (80, 128))
        image.save(path)
    back = np.array(pictures.colour(background)[:3])
    opacity = 1 if kind == "colour key" else 128 / 255
    top = np.array((80, 80, 80) if kind == "grey and alpha" else RED)
    read = pictures.read(path, background=background, channels=3).astype(int)
    np.testing.assert_array_equal(read[0, 0], back)
    np.testing.assert_allclose(read[0, 1], opacity * top + (1 - opacity) * back, atol=1)


def test_a_transparent_edge_is_laid_on_the_background_before_it_is_resized(tmp_path: Path) -> None:
    image = Image.new("RGBA", (8, 8), (255, 255, 255, 0))  # white under the transparent half
    image.paste((0, 0, 0, 255), (0, 0, 4, 8))
    image.save(tmp_path / "a.png")
    assert folder.load(tmp_path, 2).images.max() == 0


@pytest.mark.parametrize("word", ["", "blackish", "#12", "rgb"])
def test_a_word_that_is_not_a_colour_is_refused(tmp_path: Path, word: str) -> None:
    with pytest.raises(ValueError, match="background must be a colour such as black, white or #c0ffee, got"):
        folder.load(tmp_path, 4, word)


@pytest.mark.parametrize("channels", [1, 3])
def test_of_sixteen_bits_the_nearest_of_256_levels_is_kept(tmp_path: Path, channels: int) -> None:
    values = np.random.default_rng(0).integers(0, 2**16, (9, 7, channels))
    values[0, 0], values[0, 1] = 0xFFFF, 0x01FF
    values[1] = 257 * (values[1] >> 8)  # a picture of 8 bits that was saved with 16
    read = pictures.read(deep_png(tmp_path / "a.png", values))
    np.testing.assert_array_equal(read, np.rint(values / 257))
    np.testing.assert_array_equal(read[1], values[1] // 257)


def test_sixteen_bits_with_opacity_and_in_other_files(tmp_path: Path) -> None:
    values = np.full((3, 3, 4), 0xFFFF)
    values[0, 0] = (0x8000, 0, 0, 0x8000)
    read = pictures.read(deep_png(tmp_path / "a.png", values))
    np.testing.assert_allclose(read[0, 0], (64, 0, 0), atol=1)
    assert read[1, 1].tolist() == [255, 255, 255]
    deep = np.array([[0, 255, 256, 65535]], np.uint16)
    for name in ("a.tif", "a.pgm"):
        Image.fromarray(deep).save(tmp_path / name)
        assert pictures.read(tmp_path / name)[0, :, 0].tolist() == [0, 1, 1, 255]


def test_numbers_without_a_known_range_are_refused(tmp_path: Path) -> None:
    for name, image, words in (
        ("f.tif", Image.fromarray(np.ones((2, 2), np.float32)), "floating-point numbers"),
        ("i.tif", Image.fromarray(np.ones((2, 2), np.int32)), "32 bits"),
        ("la.png", None, "16 bits per channel in the form LA;16B"),
    ):
        path = tmp_path / name
        image.save(path) if image else deep_png(path, np.ones((2, 2, 2)))
        with pytest.raises(ValueError, match=f"{words}.*convert it to 8 bits first") as caught:
            pictures.read(path)
        assert str(path) in str(caught.value)


def test_a_large_photograph_is_read_where_the_environment_allows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("L", (8, 8), 9).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 30)
    with pytest.raises(ValueError, match="if you trust the picture, set MINIGAN_MAX_PIXELS=64 in the environment"):
        folder.load(tmp_path, 4)
    monkeypatch.setenv("MINIGAN_MAX_PIXELS", "64")
    assert folder.load(tmp_path, 4).images.max() == 9
    assert Image.MAX_IMAGE_PIXELS == 30
    monkeypatch.setenv("MINIGAN_MAX_PIXELS", "many")
    with pytest.raises(ValueError, match="MINIGAN_MAX_PIXELS must be a number of pixels, got 'many'"):
        folder.load(tmp_path, 4)


def test_a_photograph_with_several_pictures_gives_the_first(tmp_path: Path) -> None:
    image = Image.new("RGB", (16, 16), BLUE)
    image.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[Image.new("RGB", (16, 16), RED)])
    assert np.abs(pictures.read(tmp_path / "a.jpg").astype(int) - BLUE).max() <= 4
