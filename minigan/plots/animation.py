"""A few seconds of training as a GIF."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from minigan.plots.files import replacing_as

if TYPE_CHECKING:
    from PIL import Image

GREYS = 32  # the eye sees no more steps in a moving digit, and 256 would make the file three times as large
COLOURS = 255  # one index of the 256 stays free for "as in the frame before"


def save_animation(
    path: str | os.PathLike[str], frames: Sequence[np.ndarray], *, seconds: float = 6.0, hold: float = 1.5
) -> None:
    """Write pictures of one shape as a GIF that repeats.

    frames    uint8 (H, W), (H, W, 1) or (H, W, 3); neighbours that are equal become one longer frame of the file
    seconds   how long all frames together are shown, the same time each (a GIF counts in hundredths of a second)
    hold      how many seconds more the last frame stays

    The file is small because all frames share one palette and repeat only what has changed. ValueError: no frames,
    frames that are not pictures of one shape, or more than the 50 a second that a GIF can show.
    """
    shape = _checked(frames)
    durations = _durations(len(frames), seconds, hold)
    palette = None if len(shape) == 2 else _palette(frames)
    first, *others = (_indexed(frame.reshape(shape), palette) for frame in frames)
    with replacing_as(path, ".gif") as file:
        first.save(file, "GIF", save_all=True, append_images=others, duration=durations, loop=0, optimize=True)


def _checked(frames: Sequence[np.ndarray]) -> tuple[int, ...]:
    """The shape of every frame, without a single channel."""
    if len(frames) == 0:
        raise ValueError("an animation needs at least one frame, got none")
    for number, frame in enumerate(frames):
        if frame.dtype != np.uint8 or frame.shape != frames[0].shape:
            raise ValueError(
                f"frame {number} is {frame.dtype} of shape {frame.shape}; "
                f"expected uint8 of shape {frames[0].shape}, as frame 0"
            )
    shape = frames[0].shape
    if not (len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))) or frames[0].size == 0:
        raise ValueError(f"frames have shape {shape}; expected (H, W), (H, W, 1) or (H, W, 3), none of them 0")
    return shape[:2] if shape[2:] == (1,) else shape


def _durations(count: int, seconds: float, hold: float) -> list[int]:
    """Milliseconds of each frame, in whole hundredths of a second that add up to `seconds` plus `hold`."""
    if hold < 0 or seconds < 0.02 * count:
        raise ValueError(
            f"{count} frames in seconds={seconds} with hold={hold}: a GIF shows at most 50 frames a second, "
            f"so give seconds >= {0.02 * count:g} or fewer frames, and hold >= 0"
        )
    ends = np.round(np.linspace(0, 100 * seconds, count + 1)).astype(int)
    durations = 10 * np.diff(ends)
    durations[-1] += 10 * round(100 * hold)
    return durations.tolist()


def _palette(frames: Sequence[np.ndarray]) -> Image.Image:
    """One palette for all frames, chosen from up to nine of them, so that colours do not flicker."""
    from PIL import Image

    some = np.linspace(0, len(frames) - 1, min(len(frames), 9)).round().astype(int)
    return Image.fromarray(np.concatenate([frames[n] for n in some])).quantize(COLOURS)


def _indexed(frame: np.ndarray, palette: Image.Image | None) -> Image.Image:
    """The frame in palette colours; None: in a few greys. Never dithered: dots would move, and do not compress."""
    from PIL import Image

    if palette is not None:
        return Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
    step = 255 / (GREYS - 1)
    picture = Image.fromarray(np.round(frame / step).astype(np.uint8))
    picture.putpalette(np.repeat(np.round(np.arange(GREYS) * step), 3).astype(np.uint8).tobytes())
    return picture
