"""One picture as pixels: by what it shows, not by the file that it came in.

A picture is turned as its EXIF orientation states, laid on a background where it is transparent, cropped to the square
in its middle and resized (Lanczos). It is grey if its three channels are equal, however it was stored. Of an animation
the first frame is taken. Of 16 bits v, grey or in colour, round(v / 257) is kept: 65535 becomes 255, and a picture of
8 bits that was saved with 16 becomes what it was. Numbers without a known range (32 bits, floating point) are refused.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageColor, ImageOps

# Recognised by their first bytes; by their names too, where those bytes could be anything.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "QOI", "SGI", "TIFF", "WEBP")
BY_NAME = {".dib": "DIB", ".ico": "ICO", ".pcx": "PCX", ".tga": "TGA"}
SUFFIXES = (
    *(".apng", ".avif", ".bmp", ".dib", ".gif", ".ico", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".jpx"),
    *(".mpo", ".pbm", ".pcx", ".pgm", ".png", ".pnm", ".ppm", ".qoi", ".sgi", ".tga", ".tif", ".tiff", ".webp"),
)
GREY = {"1", "L"}
ALLOW = "MINIGAN_MAX_PIXELS"  # of one picture; more may be an attack on the memory
OTHER_HALF = {"B": "L", "L": "B", "N": "B" if np.little_endian else "L"}  # which byte of 16 bits a raw mode takes


def read(path: Path, size: int | None = None, background: str = "black", channels: int | None = None) -> np.ndarray:
    """One picture, uint8 (size, size, C), or (H, W, C) with size None: C is 1 for a grey one and 3 for one in colour.

    channels: 1 makes it grey, 3 repeats a grey one. ValueError, with the path, for what cannot be read or is refused.
    """
    with limits():
        return read_within(path, size, background, channels)


def read_within(path: Path, size: int | None, background: str, channels: int | None = None) -> np.ndarray:
    """`read`, inside of `limits`."""
    try:
        image = Image.open(path, formats=_formats(path.suffix.lower()))
        with image:
            return prepared(_eight_bits(image, path), size, background, channels)
    except Refused as error:
        raise ValueError(f"{path}: {error}") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        pixels = re.search(r"\d+", str(error))
        raise ValueError(
            f"{path}: {str(error).rstrip('.')}; if you trust the picture, set "
            f"{ALLOW}={pixels[0] if pixels else 10**9} in the environment"
        ) from error
    except Exception as error:  # Pillow's decoders raise almost anything on damaged data
        raise ValueError(f"{path}: expected a picture that Pillow can read: {error}") from error


def prepared(image: Image.Image, size: int | None, background: str, channels: int | None = None) -> np.ndarray:
    """A picture of 8 bits per channel as `read` gives it."""
    image = square(opaque(ImageOps.exif_transpose(image), background), size)
    if image.mode == "RGB" and channels != 3 and is_grey(np.asarray(image)):
        image = image.getchannel(0)
    if channels is not None:
        image = image.convert("L" if channels == 1 else "RGB")
    pixels = np.asarray(image)
    return pixels.reshape(*pixels.shape[:2], -1)


def opaque(image: Image.Image, background: str) -> Image.Image:
    """The picture in mode L or RGB; where it is transparent the background shows."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, colour(background)), image).convert("RGB")
    return image.convert("L" if image.mode in GREY else "RGB")


def square(image: Image.Image, size: int | None) -> Image.Image:
    """The square in the middle, resized; with size None the picture as it is."""
    if size is None:
        return image
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    middle = image.crop((left, top, left + side, top + side))  # resize(box=...) would look beyond its box
    return middle.resize((size, size), Image.Resampling.LANCZOS)


def is_grey(pixels: np.ndarray) -> bool:
    """Are the three channels (..., 3) equal?"""
    return bool((pixels[..., :1] == pixels[..., 1:]).all())


def colour(background: str) -> tuple[int, int, int, int]:
    """A colour by its name or as #rrggbb, opaque; ValueError for another word."""
    try:
        r, g, b = ImageColor.getrgb(background)[:3]
    except (ValueError, AttributeError):
        raise ValueError(f"background must be a colour such as black, white or #c0ffee, got {background!r}") from None
    return r, g, b, 255


@contextmanager
def limits() -> Iterator[None]:
    """Inside, pictures with more pixels than Pillow trusts, or than MINIGAN_MAX_PIXELS allows, are errors."""
    allowed, before = os.environ.get(ALLOW), Image.MAX_IMAGE_PIXELS
    if allowed is not None and not (allowed.isdecimal() and int(allowed)):
        raise ValueError(f"{ALLOW} must be a number of pixels, got {allowed!r}")
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            Image.MAX_IMAGE_PIXELS = before if allowed is None else int(allowed)
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


class Refused(ValueError):
    """A sound picture whose numbers have no agreed meaning as 8 bits."""


@cache
def _formats(suffix: str) -> tuple[str, ...]:
    """The formats that a file of this name may have, of those that this Pillow was built with."""
    Image.init()
    return tuple(name for name in (*FORMATS, BY_NAME.get(suffix, "")) if name in Image.OPEN)


def _eight_bits(image: Image.Image, path: Path) -> Image.Image:
    """The picture with 8 bits per channel."""
    raw = _raw_mode(image)
    deep = image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))
    if image.mode in ("F", "I") and not deep:
        kind = "floating-point numbers" if image.mode == "F" else "32 bits"
        raise Refused(f"it has {kind} per pixel, whose range is not known; convert it to 8 bits first")
    if not deep and ";16" not in raw:
        return image
    if "transparency" in image.info or not (deep or raw[:-1] in ("RGB;16", "RGBA;16")):
        raise Refused(f"it has 16 bits per channel in the form {raw}; convert it to 8 bits first")
    if deep:
        values = np.asarray(image).astype(np.uint32)
    else:
        values = np.asarray(image).astype(np.uint32) * 256 + np.asarray(_low_bytes(path))
    turned = Image.fromarray(((values + 128) // 257).astype(np.uint8))
    turned.getexif()[ExifTags.Base.Orientation] = image.getexif().get(ExifTags.Base.Orientation, 1)
    return turned


def _raw_mode(image: Image.Image) -> str:
    """How the file keeps its numbers, in the words of Pillow's decoder; "" where that is not known."""
    tiles: Any = getattr(image, "tile", None)
    arguments = tiles[0][3] if tiles else ""
    arguments = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return arguments if isinstance(arguments, str) else ""


def _low_bytes(path: Path) -> Image.Image:
    """Of 16 bits per channel in colour Pillow keeps the upper 8: the lower ones are those in the other byte order."""
    image: Any = Image.open(path, formats=_formats(path.suffix.lower()))
    tiles = []
    for tile in image.tile:
        raw, *rest = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        raw = raw[:-1] + OTHER_HALF[raw[-1]]
        other = (*tile[:3], (raw, *rest) if rest else raw)
        tiles.append(other if type(tile) is tuple else type(tile)(*other))
    image.tile = tiles
    image.load()
    return image
