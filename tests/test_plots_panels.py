"""Pages that compare trainings: what stands where, what the curves hold, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minigan import plots
from minigan.plots import panels

REAL = np.random.default_rng(0).normal(size=(200, 2))


def training(name: str = "objective", moments: int = 2, **changed) -> plots.PointsRow:
    """A row with `moments` pictures at steps 10, 20, ... and curves that rise to 4 modes and 75 %."""
    steps = [10 * (k + 1) for k in range(moments)]
    found, good = np.linspace(0, 4, moments + 1).astype(int)[1:], np.linspace(0, 0.75, moments + 1)[1:]
    values = {"pictures": dict.fromkeys(steps, REAL), "steps": steps, "found": found, "good": good}
    return plots.PointsRow(name, **{**values, **changed})


def page(rows: list[plots.PointsRow], modes: int = 8):
    return panels._points_page(rows, REAL, modes)


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def curves(figure) -> list[tuple[list[float], list[float]]]:
    """Steps and values of every line without dots."""
    lines = [line for axes in figure.axes for line in axes.lines if line.get_marker() == "None"]
    return [(line.get_xdata().tolist(), line.get_ydata().tolist()) for line in lines]


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"))


def test_a_row_shows_its_name_its_curves_and_their_last_values() -> None:
    figure = page([training("wgan-gp")])
    assert {"wgan-gp", "4", "75%", "modes found, of 8"} <= {*texts(figure)}
    assert curves(figure) == [([10, 20], [2, 4]), ([10, 20], [0.375, 0.75])]


def test_dots_mark_the_moments_of_the_pictures() -> None:
    figure = page([training(pictures={20: REAL})])
    dots = [line.get_xdata().tolist() for axes in figure.axes for line in axes.lines if line.get_marker() == "o"]
    assert dots == [[20], [20]]


def test_the_curves_of_a_training_that_ended_early_keep_the_whole_axis() -> None:
    short, whole = (page([training(total=total)]).axes[1].get_xlim() for total in (100, 0))
    assert short[1] > 100
    assert 20 < whole[1] < 21


def test_a_training_that_ended_early_states_why_and_leaves_the_rest_white(tmp_path: Path) -> None:
    rows = [training(moments=5), training(moments=1, note="not finite at step 17")]
    plots.save_points_rows(tmp_path / "page.png", rows, real=REAL, modes=8)
    assert "not finite at\nstep 17" in texts(page(rows))
    side, left = panels.SIDE, panels.LABEL
    y = round(panels.DPI * (panels.HEAD + 1.5 * side + panels.SPACE))
    shades = [pixels(tmp_path / "page.png")[y, round(panels.DPI * (left + k * side + 0.1))] for k in range(5)]
    assert shades[0] < 100
    assert shades[1:] == [255] * 4


def test_a_training_without_any_look_is_a_name_and_a_note(tmp_path: Path) -> None:
    rows = [plots.PointsRow("fgan-kl", note="not finite at step 3")]
    plots.save_points_rows(tmp_path / "page.png", rows, real=REAL, modes=8)
    assert page(rows).axes == []
    assert "fgan-kl" in texts(page(rows))


def test_many_rows_stand_in_two_columns() -> None:
    few, many = page([training()] * panels.LONGEST), page([training()] * (panels.LONGEST + 1))
    assert many.get_figwidth() == 2 * few.get_figwidth()
    assert many.get_figheight() < few.get_figheight()
    assert len(many.axes) == 3 * (panels.LONGEST + 1)
    boxes = [axes.get_position() for axes in many.axes]
    assert all(0 <= box.x0 < box.x1 <= 1 and 0 <= box.y0 < box.y1 <= 1 for box in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i] if not touching(a, b))


def touching(a, b, slack: float = 1e-9) -> bool:
    return a.x1 <= b.x0 + slack or b.x1 <= a.x0 + slack or a.y1 <= b.y0 + slack or b.y1 <= a.y0 + slack


def test_images_stand_beside_their_name_and_their_note(tmp_path: Path) -> None:
    images = np.repeat(np.array([60, 200], np.uint8), 64).reshape(2, 8, 8, 1)
    rows = [plots.ImagesRow("hinge", images, "61.0% recognised"), plots.ImagesRow("wgan", note="not finite at step 3")]
    plots.save_images_rows(tmp_path / "page.png", rows)
    assert {"hinge", "wgan", "61.0% recognised", "not finite at step 3"} <= {*texts(panels._images_page(rows))}
    sheet, left = pixels(tmp_path / "page.png"), panels.LABEL
    first, second = (round(panels.DPI * (panels.SPACE + (k + 0.5) * panels.STRIP)) for k in range(2))
    assert [sheet[first, round(panels.DPI * (left + x))] for x in (0.28, 0.75)] == [60, 200]
    assert (sheet[second, round(panels.DPI * left) : round(panels.DPI * (left + panels.STRIP))] == 255).all()


def test_colours_stay_colours(tmp_path: Path) -> None:
    images = np.broadcast_to(np.array([250, 10, 30], np.uint8), (2, 8, 8, 3))
    plots.save_images_rows(tmp_path / "page.png", [plots.ImagesRow("objective", images)])
    with Image.open(tmp_path / "page.png") as picture:
        place = round(panels.DPI * (panels.LABEL + panels.STRIP / 2)), round(panels.DPI * (panels.SPACE + 0.28))
        assert picture.convert("RGB").getpixel(place) == (250, 10, 30)


def test_a_page_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no rows"):
        plots.save_points_rows(tmp_path / "page.png", [], real=REAL, modes=8)
    with pytest.raises(ValueError, match="no rows"):
        plots.save_images_rows(tmp_path / "page.png", [])
    assert list(tmp_path.iterdir()) == []


def test_curves_of_another_length_than_their_steps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"lsgan: .* got 2 steps, 3 found, 2 good"):
        plots.save_points_rows(tmp_path / "page.png", [training("lsgan", found=[1, 2, 3])], real=REAL, modes=8)
    assert list(tmp_path.iterdir()) == []
