"""Pictures are measured here: shapes, pixels at known places, times of frames, and nothing half-written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

import minigan
from minigan import plots
from minigan.plots.curves import _curves, _figure, smooth
from minigan.plots.grids import SEPARATOR


def images(count, height=2, width=3, channels=None):
    """Image n is filled with the value n + 1."""
    shape = (count, height, width) if channels is None else (count, height, width, channels)
    return np.broadcast_to(np.arange(1, count + 1, dtype=np.uint8).reshape(-1, *[1] * (len(shape) - 1)), shape)


def log_of(count, **changed):
    """A log of `count` points; keywords replace whole columns."""
    columns = {"step": range(0, 10 * count, 10), "d_loss": [1.2] * count, "g_loss": [0.8] * count}
    columns |= {"d_real": [0.7] * count, "d_fake": [0.3] * count} | changed
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def pixels(path, mode):
    with Image.open(path) as picture:
        return np.asarray(picture.convert(mode))


def frames_of(path):
    """Every frame of a GIF as greys, and how many milliseconds each is shown."""
    frames, times = [], []
    with Image.open(path) as picture:
        for number in range(picture.n_frames):
            picture.seek(number)
            times.append(picture.info["duration"])
            frames.append(np.asarray(picture.convert("L")))
    return frames, times


def test_a_grid_puts_images_row_by_row_on_a_dark_sheet():
    picture = plots.grid(images(5), 3, pad=1, scale=1)
    assert picture.shape == (2 * 3 + 1, 3 * 4 + 1, 1)
    for n in range(5):
        row, column = 1 + 3 * (n // 3), 1 + 4 * (n % 3)
        assert (picture[row : row + 2, column : column + 3] == n + 1).all()
    assert (picture[[0, 3, 6]] == SEPARATOR).all()
    assert (picture[:, [0, 4, 8, 12]] == SEPARATOR).all()
    assert (picture[4:6, 9:12] == SEPARATOR).all(), "the place of a sixth image stays empty"


def test_a_grid_is_as_square_as_it_can_be():
    assert plots.grid(images(10, 4, 4), pad=0, scale=1).shape == (3 * 4, 4 * 4, 1)
    assert plots.grid(images(9, 4, 4), pad=0, scale=1).shape == (3 * 4, 3 * 4, 1)


def test_grey_images_need_no_channel_axis_and_colours_are_kept():
    assert np.array_equal(plots.grid(images(4)), plots.grid(images(4)[..., None]))
    colours = np.zeros((2, 4, 4, 3), np.uint8)
    colours[1] = (10, 200, 30)
    picture = plots.grid(colours, pad=0, scale=1)
    assert picture.shape == (4, 8, 3)
    assert picture[2, 6].tolist() == [10, 200, 30]


def test_zoom_makes_every_pixel_a_square():
    small, large = (plots.grid(images(4), scale=scale) for scale in (1, 3))
    assert np.array_equal(large, np.kron(small, np.ones((3, 3, 1), np.uint8)))


@pytest.mark.parametrize(("count", "side"), [(16, 732), (64, 726), (100, 604), (1, 256)])
def test_grids_of_digits_come_out_at_the_size_of_a_page(count, side):
    assert plots.grid(images(count, 28, 28)).shape == (side, side, 1)


def test_large_grids_are_not_enlarged():
    assert plots.grid(images(4, 600, 600)).shape == (2 * 602 + 2, 2 * 602 + 2, 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((4, 2, 2)), r"float64 of shape \(4, 2, 2\)"),
        (np.zeros((4, 2), np.uint8), r"shape \(4, 2\)"),
        (np.zeros((4, 2, 2, 2), np.uint8), r"shape \(4, 2, 2, 2\)"),
        (np.zeros((0, 2, 2), np.uint8), r"shape \(0, 2, 2, 1\)"),
    ],
)
def test_what_is_not_a_batch_of_images_is_refused_with_its_shape(wrong, message):
    with pytest.raises(ValueError, match=message):
        plots.grid(wrong)


@pytest.mark.parametrize("wrong", [{"columns": 0}, {"pad": -1}, {"scale": 0}])
def test_a_grid_refuses_numbers_that_make_no_sense(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}.*got"):
        plots.grid(images(4), **wrong)


def test_a_saved_grid_holds_the_pixels_of_the_grid(tmp_path):
    plots.save_grid(tmp_path / "grey.png", images(4), pad=3, scale=2)
    assert np.array_equal(pixels(tmp_path / "grey.png", "L"), plots.grid(images(4), pad=3, scale=2)[..., 0])
    plots.save_grid(tmp_path / "colour.png", images(4, channels=3), 4)
    assert np.array_equal(pixels(tmp_path / "colour.png", "RGB"), plots.grid(images(4, channels=3), 4))


def test_labels_stand_at_the_left_of_their_rows(tmp_path):
    shown = images(6, height=40, channels=3)
    plots.save_grid(tmp_path / "rows.png", shown, 2, scale=1, labels=["a", "", "two\nlines"])
    picture, alone = pixels(tmp_path / "rows.png", "RGB"), plots.grid(shown, 2, scale=1)
    margin = picture.shape[1] - alone.shape[1]
    np.testing.assert_array_equal(picture[:, margin:], alone)
    inked = [(part > 100).any() for part in np.array_split(picture[:126, :margin], 3)]
    assert inked == [True, False, True] and (picture[0, :margin] == SEPARATOR).all()


def save_any(path):
    """Write some picture of the kind that the name asks for."""
    if path.suffix == ".gif":
        plots.save_animation(path, [np.zeros((4, 4), np.uint8)])
    elif path.stem == "curves":
        plots.save_curves(path, log_of(3))
    else:
        plots.save_grid(path, images(4))


@pytest.mark.parametrize("name", ["grid.png", "curves.png", "animation.gif"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, name):
    def half(picture, file, *args, **kwargs):
        file.write(b"half of a picture")
        raise OSError("no space left")

    (tmp_path / name).write_bytes(b"the old picture")
    monkeypatch.setattr(Image.Image, "save", half)
    with pytest.raises(OSError, match="no space left"):
        save_any(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == b"the old picture"


@pytest.mark.parametrize("name", ["grid.png", "curves.png", "animation.gif"])
def test_a_picture_replaces_the_old_file_and_leaves_no_other(tmp_path, name):
    (tmp_path / name).write_bytes(b"the old picture")
    save_any(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with Image.open(tmp_path / name) as picture:
        picture.verify()


def test_a_missing_folder_a_folder_and_a_wrong_ending_are_refused_with_the_path(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing.a\.png: there is no folder"):
        plots.save_grid(tmp_path / "missing" / "a.png", images(4))
    with pytest.raises(ValueError, match=r"a\.jpg.*must end in \.png"):
        plots.save_grid(tmp_path / "a.jpg", images(4))
    (tmp_path / "a.gif").mkdir()
    with pytest.raises(IsADirectoryError, match=r"a\.gif"):
        plots.save_animation(tmp_path / "a.gif", images(4))


def test_an_animation_shows_every_frame_for_its_time_and_the_last_longer(tmp_path):
    stripes = np.zeros((8, 6, 8), np.uint8)
    for n in range(8):
        stripes[n, :, n] = 255
    plots.save_animation(tmp_path / "a.gif", stripes, seconds=2.0, hold=1.5)
    frames, times = frames_of(tmp_path / "a.gif")
    assert np.array_equal(frames, stripes)
    assert times == [250] * 7 + [250 + 1500]
    with Image.open(tmp_path / "a.gif") as picture:
        assert picture.info["loop"] == 0


def test_times_that_are_not_whole_hundredths_still_add_up(tmp_path):
    plots.save_animation(tmp_path / "a.gif", images(7, channels=1) * 30, seconds=1.0, hold=0.0)
    _, times = frames_of(tmp_path / "a.gif")
    assert len(times) == 7
    assert sum(times) == 1000
    assert set(times) == {140, 150}


def test_frames_that_are_equal_become_one_that_lasts_as_long(tmp_path):
    plots.save_animation(tmp_path / "a.gif", [images(1)[0]] * 3 + [images(1)[0] + 200], seconds=4.0, hold=0.5)
    assert frames_of(tmp_path / "a.gif")[1] == [3000, 1500]


def test_greys_of_an_animation_are_within_half_a_step_of_the_picture(tmp_path):
    ramp = np.tile(np.arange(256, dtype=np.uint8), (4, 1))
    plots.save_animation(tmp_path / "a.gif", [ramp, ramp[:, ::-1]])
    frames, _ = frames_of(tmp_path / "a.gif")
    assert abs(frames[1].astype(int) - ramp[:, ::-1]).max() <= 5
    assert frames[0][0, 0] == 0
    assert frames[0][0, 255] == 255


def test_few_colours_come_back_exactly(tmp_path):
    frames = np.zeros((3, 8, 8, 3), np.uint8)
    frames[0, 2:5], frames[1, :, 3], frames[2] = (200, 30, 10), (10, 60, 250), (240, 240, 20)
    plots.save_animation(tmp_path / "a.gif", list(frames))
    with Image.open(tmp_path / "a.gif") as picture:
        for number in range(3):
            picture.seek(number)
            assert np.array_equal(np.asarray(picture.convert("RGB")), frames[number])


@pytest.mark.parametrize(
    ("frames", "times", "message"),
    [
        ([], {}, "at least one frame"),
        ([np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8)], {}, r"frame 1 is uint8 of shape \(2, 3\)"),
        ([np.zeros((2, 2))], {}, r"frame 0 is float64 of shape \(2, 2\)"),
        ([np.zeros((2, 2, 4), np.uint8)], {}, r"shape \(2, 2, 4\)"),
        ([np.zeros((2, 2), np.uint8)] * 60, {"seconds": 1.0}, "60 frames in seconds=1.0.*seconds >= 1.2"),
        ([np.zeros((2, 2), np.uint8)], {"hold": -1.0}, "hold >= 0"),
    ],
)
def test_frames_that_make_no_animation_are_refused(tmp_path, frames, times, message):
    with pytest.raises(ValueError, match=message):
        plots.save_animation(tmp_path / "a.gif", frames, **times)
    assert not list(tmp_path.iterdir())


NAN, INF = float("nan"), float("inf")
LOGS = {
    "one point": log_of(1),
    "two points": log_of(2),
    "constant": log_of(100),
    "gaps": log_of(50, d_loss=[1.0] * 10 + [NAN, INF, -INF, None] * 10, d_real=[None] * 50),
    "nothing finite": log_of(40, **dict.fromkeys(("d_loss", "g_loss", "d_real", "d_fake"), [NAN] * 40)),
    "one point that is not finite": log_of(1, g_loss=[NAN]),
    "enormous": log_of(40, d_loss=[(-10.0) ** n for n in range(40)], d_real=[1e300] * 40),
}


@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS.keys())
def test_every_log_gives_a_picture_of_the_same_size(tmp_path, log):
    plots.save_curves(tmp_path / "curves.png", log, title=r"costs $\frac$, not $6_^$")
    picture = pixels(tmp_path / "curves.png", "RGB")
    assert picture.shape == (900, 1200, 3)
    assert (picture[0] == 255).all()
    assert picture.min() < 80


def test_both_players_have_their_colour_on_the_page(tmp_path):
    plots.save_curves(tmp_path / "curves.png", log_of(50))
    picture = pixels(tmp_path / "curves.png", "RGB")
    for colour in [(0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)]:
        for panel in (picture[:450], picture[450:]):
            assert (panel == colour).all(axis=-1).sum() > 500


def test_curves_name_their_axes_and_their_lines():
    above, below = _figure(_curves(log_of(5)), None).axes
    assert (above.get_ylabel(), below.get_xlabel()) == ("loss", "step")
    assert [text.get_text() for text in above.get_legend().get_texts()] == ["discriminator", "generator"]
    assert "D(x)" in below.get_legend().get_texts()[0].get_text()
    assert "D(G(z))" in below.get_legend().get_texts()[1].get_text()


@pytest.mark.parametrize(
    ("d_real", "name"),
    [
        ([0.0, 1.0, NAN], "D's probability of real"),
        ([0.2, 1.5, 0.1], "critic's score"),
        ([-0.1, 0, 0], "critic's score"),
    ],
)
def test_scores_are_probabilities_only_when_all_lie_between_0_and_1(d_real, name):
    assert _figure(_curves(log_of(3, d_real=d_real)), None).axes[1].get_ylabel() == name


def test_what_is_not_finite_is_marked_where_it_happened():
    above, below = _figure(_curves(log_of(40, g_loss=[0.8] * 39 + [INF])), None).axes
    marks = [line for line in above.lines if line.get_label() == "not finite"]
    assert [line.get_xdata().tolist() for line in marks] == [[390.0]]
    assert not [line for line in below.lines if line.get_label() == "not finite"]


def test_what_was_not_measured_leaves_a_gap_without_a_mark():
    log = log_of(40, d_loss=[None] * 20 + [1.0] * 20)
    del log[39]["g_loss"]
    above, _ = _figure(_curves(log), None).axes
    assert named(above) == ["discriminator", "generator"]
    assert np.isnan(above.lines[0].get_ydata()).sum() == 20


def test_the_losses_of_all_turns_share_the_first_panel_and_differ_in_colour_or_dashes():
    names = ["d_a_loss", "d_b_loss", "g_ab+g_ba_loss", "encoder_loss"]
    log = [{"step": step, **dict.fromkeys(names, 1.0 * step), "d_a_real": 0.5} for step in range(40)]
    above, below = _figure(_curves(log), None).axes
    assert named(above) == ["D_A", "D_B", "G_AB+G_BA", "encoder"]
    assert len({(line.get_color(), str(line.get_linestyle())) for line in above.lines[1::2]}) == 4
    assert below.get_ylabel() == "d_a_real" and len(below.lines) == 2


def test_one_spike_does_not_flatten_the_curve():
    above, _ = _figure(_curves(log_of(200, d_loss=[1.0] * 100 + [1e6] + [1.0] * 99)), None).axes
    assert above.get_ylim()[1] < 2


def test_smoothing_keeps_a_level_keeps_gaps_and_calms_noise():
    level = np.full(100, 3.0)
    level[40:50] = np.nan
    assert np.allclose(smooth(level), level, equal_nan=True)
    noise = np.random.default_rng(0).normal(size=600)
    assert smooth(noise).std() < 0.3 * noise.std()


def labels(log):
    """The title of each panel of a log's picture."""
    return [axes.get_ylabel() for axes in _figure(_curves(log), None).axes]


def named(axes):
    """The lines that a panel's legend names."""
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_every_reading_of_the_objective_gets_a_small_panel_below_and_the_picture_grows(tmp_path):
    log = log_of(50, epoch=[1] * 50, seconds=[2] * 50, k=np.linspace(0, 1, 50), lam_2=[0.5] * 50)
    assert labels(log) == ["loss", "D's probability of real", "k", "lam_2"]
    *above, last = _figure(_curves(log), None).axes
    assert last.get_xlabel() == "step" and not any(axes.get_xlabel() for axes in above)
    plots.save_curves(tmp_path / "curves.png", log)
    picture = pixels(tmp_path / "curves.png", "RGB")
    assert picture.shape == (900 + 2 * 195, 1200, 3)
    for panel in (picture[900:1095], picture[1095:]):
        assert (panel == (0x00, 0x9E, 0x73)).all(axis=-1).sum() > 500


def test_a_log_with_epochs_and_seconds_alone_has_two_panels():
    assert labels(log_of(5, epoch=[1] * 5, seconds=[2] * 5)) == ["loss", "D's probability of real"]


def test_no_more_than_four_readings_are_shown_and_those_without_a_number_take_no_place():
    empty = {"empty": [None] * 5, "broken": [NAN] * 5}
    log = log_of(5, **empty, **{name: [1.0] * 5 for name in "pqrst"})
    assert labels(log)[2:] == ["p", "q", "r", "s"]


def test_a_reading_that_some_log_points_lack_has_a_gap_there_and_no_mark():
    log = log_of(6, margin=[None, 5.0, 4.0, NAN, 3.0, 2.0])
    del log[5]["margin"]
    panel = _figure(_curves(log), None).axes[2]
    assert np.array_equal(panel.lines[0].get_ydata(), [NAN, 5, 4, NAN, 3, NAN], equal_nan=True)
    assert len(panel.lines) == 2 and panel.get_legend() is None


def test_a_run_without_d_shows_the_generator_alone(tmp_path):
    log = log_of(40, **dict.fromkeys(("d_loss", "d_real", "d_fake"), [None] * 40), distance=[0.1] * 40)
    above, below = _figure(_curves(log), None).axes
    assert named(above) == ["generator"]
    assert below.get_ylabel() == "distance"
    plots.save_curves(tmp_path / "curves.png", log)
    assert pixels(tmp_path / "curves.png", "RGB").shape == (450 + 195, 1200, 3)


def test_a_curve_that_was_never_finite_leaves_its_marks_and_not_its_name():
    above, below = _figure(_curves(log_of(40, d_loss=[NAN] * 40, d_real=[None] * 40)), None).axes
    assert named(above) == ["generator", "not finite"]
    assert named(below) == ["generated, $D(G(z))$"]


def test_a_log_of_nothing_still_gives_a_picture(tmp_path):
    log = log_of(5, **dict.fromkeys(("d_loss", "g_loss", "d_real", "d_fake"), [None] * 5))
    assert labels(log) == ["loss"]
    plots.save_curves(tmp_path / "curves.png", log)


@pytest.mark.parametrize(
    ("log", "message"),
    [
        ([], "the log is empty"),
        (log_of(2, k=[1.0, "much"]), "`k` must be a number or None at every log point.*much"),
        (log_of(2, k=[1.0, [2.0, 3.0]]), "`k` must be a number or None"),
        ([*log_of(2), {"d_loss": 1.0, "g_loss": 1.0}], "log point 2 has no finite `step`; it has d_loss, g_loss"),
        (log_of(2, step=[0, NAN]), "log point 1 has no finite `step`"),
    ],
)
def test_a_log_without_its_numbers_is_refused(tmp_path, log, message):
    with pytest.raises(ValueError, match=message):
        plots.save_curves(tmp_path / "curves.png", log)
    assert not list(tmp_path.iterdir())


def test_a_style_chosen_elsewhere_neither_changes_the_curves_nor_is_changed(tmp_path):
    plots.save_curves(tmp_path / "plain.png", log_of(5))
    with matplotlib.rc_context({"figure.facecolor": "black", "font.size": 30, "lines.linewidth": 9}):
        plots.save_curves(tmp_path / "styled.png", log_of(5))
        assert matplotlib.rcParams["font.size"] == 30
    assert (tmp_path / "plain.png").read_bytes() == (tmp_path / "styled.png").read_bytes()


def brightness(frame):
    return frame.astype(int).sum(axis=-1)


def test_density_is_bright_where_the_points_are_with_y_upwards():
    frame = plots.density_frame(np.tile([[1.0, 0.5]], (100, 1)), limits=(-2, 2))
    assert frame.shape == (480, 480, 3)
    assert frame.dtype == np.uint8
    row, column = np.unravel_index(brightness(frame).argmax(), (480, 480))
    assert abs(row - 480 * 1.5 / 4) <= 1
    assert abs(column - 480 * 3 / 4) <= 1
    assert brightness(frame)[:100].max() < 10


def test_real_data_is_outlined_and_not_filled():
    real = np.random.default_rng(0).normal(2, 0.1, (5000, 2))
    frame = plots.density_frame(np.full((10, 2), 1e9), real=real, limits=(0, 4))
    rows, columns = np.nonzero(brightness(frame) > 200)
    distance = np.hypot(columns / 120 - 2, rows / 120 - 2)
    assert len(rows) > 50
    assert 0.15 < distance.min() < distance.max() < 0.35
    assert brightness(frame)[230:250, 230:250].max() < 10


def test_without_limits_real_data_sets_the_window():
    points, real = np.random.default_rng(0).normal(0, 9, (100, 2)), np.eye(2)
    assert np.array_equal(
        plots.density_frame(points, real=real), plots.density_frame(points, real=real, limits=(-0.2, 1.2))
    )


def test_all_frames_have_one_size_whatever_the_points_do():
    real = np.eye(2)
    diverged = np.array([[np.nan, 0.0], [np.inf, 1.0], [1e30, 0.0]])
    for points in (np.zeros((0, 2)), diverged, np.zeros((1, 2)), real):
        assert plots.density_frame(points, real=real, title="step 1", size=100).shape == (100, 100, 3)


def test_points_far_away_do_not_dim_the_others():
    points = np.zeros((50, 2))
    away = np.vstack([points, np.full((500, 2), 40.0)])
    assert np.array_equal(plots.density_frame(points, limits=(-1, 1)), plots.density_frame(away, limits=(-1, 1)))


def test_a_title_is_written_in_the_corner_and_nowhere_else():
    plain, titled = (plots.density_frame(np.zeros((9, 2)), limits=(-1, 1), title=t) for t in (None, "step 100"))
    changed = (plain != titled).any(axis=-1)
    assert changed[:60, :200].any()
    assert not changed[60:].any()
    assert not changed[:, 200:].any()


@pytest.mark.parametrize(
    ("points", "given", "message"),
    [
        (np.zeros((3, 3)), {}, r"points have shape \(3, 3\); expected \(N, 2\)"),
        (np.zeros((3, 2)), {"real": np.zeros(4)}, r"real have shape \(4,\)"),
        (np.full((3, 2), np.nan), {}, "no point is finite"),
        (np.zeros((3, 2)), {"limits": (1, 1)}, r"low < high, got \(1, 1\)"),
    ],
)
def test_points_or_limits_that_give_no_picture_are_refused(points, given, message):
    with pytest.raises(ValueError, match=message):
        plots.density_frame(points, **given)


def test_a_strip_shows_its_frames_side_by_side_in_one_window(tmp_path):
    rng = np.random.default_rng(0)
    moments = [rng.normal(0, scale, (500, 2)) for scale in (0.1, 1.0, 3.0)]
    plots.save_density_strip(tmp_path / "strip.png", moments, ["a", "b", "c"], limits=(-4, 4), size=160)
    strip = pixels(tmp_path / "strip.png", "RGB")
    assert strip.shape == (160, 3 * 160 + 2 * 2, 3)
    assert (strip[:, 160:162] == SEPARATOR).all()
    last = plots.density_frame(moments[2], limits=(-4, 4), title="c", size=160)
    assert np.array_equal(strip[:, -160:], last)


def test_a_strip_without_limits_makes_room_for_all_points(tmp_path):
    plots.save_density_strip(tmp_path / "strip.png", [np.zeros((5, 2)), np.full((5, 2), 3.0)], ["", ""], size=100)
    strip = brightness(pixels(tmp_path / "strip.png", "RGB"))
    first, second = (np.unravel_index(part.argmax(), part.shape) for part in (strip[:, :100], strip[:, -100:]))
    assert first[0] > 60 > 40 > first[1], "the origin is at the lower left"
    assert second[0] < 40 < 60 < second[1]


def test_a_strip_needs_one_label_for_each_frame(tmp_path):
    with pytest.raises(ValueError, match="1 sets of points and 2 labels"):
        plots.save_density_strip(tmp_path / "strip.png", [np.zeros((5, 2))], ["a", "b"])
    with pytest.raises(ValueError, match="0 sets of points"):
        plots.save_density_strip(tmp_path / "strip.png", [], [])


def run_python(code, folder):
    here = {"PYTHONPATH": str(Path(minigan.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code], cwd=folder, env=os.environ | here, check=True, timeout=120)


def test_importing_plots_imports_nothing_heavy(tmp_path):
    run_python(
        "import sys, minigan.plots\nheavy = {'matplotlib', 'scipy', 'PIL'} & set(sys.modules)\nassert not heavy, heavy",
        tmp_path,
    )


def test_no_picture_needs_pyplot_or_a_display(tmp_path):
    run_python(
        "import sys, numpy as np\n"
        "from minigan import plots\n"
        "log = [dict(step=0, d_loss=1, g_loss=1, d_real=1, d_fake=0)]\n"
        "plots.save_curves('a.png', log)\n"
        "plots.save_density_strip('b.png', [np.zeros((2, 2))], ['now'])\n"
        "plots.save_animation('c.gif', [plots.grid(np.zeros((4, 8, 8), np.uint8))])\n"
        "assert 'matplotlib.pyplot' not in sys.modules",
        tmp_path,
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png", "c.gif"]
