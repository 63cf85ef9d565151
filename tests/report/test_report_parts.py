"""The parts of the page: their numbers."""

from __future__ import annotations

import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minigan import data
from minigan.html import Html, document
from minigan.report import copying, curves, repeat, summary
from minigan.report.chart import Line, histogram, line_chart, ticks
from minigan.report.curves import column
from minigan.report.loaded import Evidence
from minigan.report.samples import slerp
from minigan.runs.folder import Run

STORED = Path(__file__).parents[1] / "training" / "stored" / "version-3"


def test_slerp_turns_by_equal_angles_and_grows_by_equal_lengths() -> None:
    a, b = np.array([2.0, 0, 0]), np.array([0, 4.0, 0])
    way = slerp(a, b, 5)
    np.testing.assert_allclose(way[[0, -1]], [a, b], atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), [2, 2.5, 3, 3.5, 4])
    np.testing.assert_allclose(np.arctan2(way[:, 1], way[:, 0]), np.linspace(0, math.pi / 2, 5), atol=1e-12)
    assert slerp(a.astype(np.float32), b.astype(np.float32), 3).dtype == np.float32


@pytest.mark.parametrize("b", [[3.0, 0.0], [-1.0, 0.0], [0.0, 0.0], [-1.0, 1e-3]])
def test_slerp_of_noises_without_one_circle_stays_between_them(b: list[float]) -> None:
    way = slerp(np.array([1.0, 0.0]), np.array(b), 7)
    np.testing.assert_allclose(way[[0, -1]], [[1, 0], b], atol=1e-9)
    assert np.linalg.norm(way, axis=1).max() <= max(1, np.linalg.norm(b)) + 1e-9


def places(chart: Html, kind: str) -> list[np.ndarray]:
    """The points of each path of this class."""
    drawn = re.findall(rf'<path d="([^"]*)" class="{kind}">', chart)
    return [np.array(re.findall(r"([\d.]+) ([\d.]+)", d), dtype=float) for d in drawn]


def test_a_chart_shows_the_values_where_they_belong() -> None:
    values = np.array([0.0, 1.0, 0.25])
    (line,) = places(line_chart("t", np.array([10, 20, 40]), [Line("l", "d", values)], y=(0, 1)), "line d")[:1]
    low, high = line[0], line[1]
    assert high[1] < low[1] and high[0] > low[0]  # up, and to the right
    np.testing.assert_allclose((line[:, 1] - low[1]) / (high[1] - low[1]), values, atol=1e-3)
    np.testing.assert_allclose((line[:, 0] - low[0]) / (line[2, 0] - low[0]), [0, 1 / 3, 1], atol=1e-3)


def test_what_is_not_finite_leaves_a_gap() -> None:
    values = np.arange(100.0)
    values[50] = np.nan
    chart = line_chart("t", np.arange(100), [Line("", "one", values)])
    (path,) = re.findall(r'd="([^"]*)" class="thin one"', chart)
    assert path.count("M") == 2 and "nan" not in chart


def test_a_long_log_is_thinned_and_keeps_its_spikes() -> None:
    values = np.zeros(100_000)
    values[70_001] = 5.0
    (thin,) = places(line_chart("t", np.arange(100_000), [Line("", "d", values)], y=(0, 5)), "thin d")
    assert len(thin) <= 600
    assert thin[:, 1].min() < thin[:, 1].max() - 100


def test_a_histogram_gives_shares() -> None:
    chart = histogram("t", [Line("a", "g", np.array([1.0, 1.0, 4.0])), Line("b", "d", np.full(9, 2.0))], "x", bins=4)
    (a,), (b,) = places(chart, "line g")[:1], places(chart, "line d")[:1]
    foot, top = a[:, 1].max(), b[:, 1].min()
    heights = (foot - a[1:-1:2, 1]) / (foot - top)
    np.testing.assert_allclose(heights, [0, 2 / 3, 0, 1 / 3], atol=0.01)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 7), (100, 104), (0, 2e-7), (1e6, 3e6)])
def test_ticks_are_few_round_and_inside(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 3 <= len(found) <= 6
    assert low <= found[0] and found[-1] <= high


def test_what_is_not_a_number_is_not_in_a_column() -> None:
    log: list[dict[str, Any]] = [{"a": 1}, {"a": "2"}, {}, {"a": None}, {"a": float("inf")}, {"a": 10**400}, {"a": 0.5}]
    np.testing.assert_array_equal(column(log, "a"), [1, np.nan, np.nan, np.nan, np.nan, np.nan, 0.5])


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("minigan train --epochs 5 --hyper clip=0.05", "minigan train --epochs 5 --hyper clip=0.05"),
        ("minigan train --data /home/anna/faces/ --out runs/anna", "minigan train --data faces --out anna"),
        ("minigan train --data=/home/anna/faces --out=../b", "minigan train --data=faces --out=b"),
        ("python '/home/anna b/my=own/train it.py' /x=y/z", "python 'train it.py' z"),
        ("python 'C:\\Users\\anna\\train.py'", "python train.py"),
    ],
)
def test_the_command_is_shown_without_the_folders_of_a_person(line: str, shown: str) -> None:
    assert repeat.command(line) == shown


def test_the_command_and_the_versions_are_those_that_the_run_kept(evidence: Evidence) -> None:
    (evidence.folder / "command.txt").write_text("minigan train --out /home/anna/digits --epochs 0.02\n")
    page = repeat.repeat(evidence)
    assert "minigan train --out digits --epochs 0.02</code>" in page and "anna" not in page
    assert "shortened to their last part" in page
    assert f">numpy</th><td>{np.__version__}</td>" in repeat.environment(evidence)


def test_a_run_that_continued_with_other_choices_names_them(evidence: Evidence) -> None:
    entry = {"step": 7, "time": "2026-01-02 12:00:00", "changed": {"epochs": [5, 10]}}
    (evidence.folder / "changes.jsonl").write_text(json.dumps(entry) + "\n")
    assert "From step 7 on it had other choices: epochs." in repeat.repeat(evidence)


def test_a_run_of_version_0_1_is_repeated_by_lines_of_python(tmp_path: Path) -> None:
    folder = shutil.copytree(STORED, tmp_path / "run")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "data": str(tmp_path / "faces")}))
    evidence = Evidence(folder)
    page = repeat.repeat(evidence)
    assert "Trainer.start(Config.load(file.read_text(), file)).train()" in page
    assert "&quot;data&quot;: &quot;faces&quot;" in page and str(tmp_path) not in page
    assert "were not kept" in repeat.environment(evidence)


def test_the_lines_of_python_repeat_a_run_from_its_config(
    points: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(points / "config.json", tmp_path / "config.json")
    monkeypatch.chdir(tmp_path)
    exec(
        repeat.SCRIPT.replace("Trainer.start(", "trainer = Trainer.start(quiet=True, config=").replace(
            ").train()", ")\ntrainer.train()"
        )
    )
    (folder,) = Path("runs").iterdir()
    assert Run.open(folder).log()[-1]["g_loss"] == Run.open(points).log()[-1]["g_loss"]


@pytest.mark.parametrize(
    ("content", "shown"),
    [(b"'", "The command cannot be read: "), (b"minigan train --data 'caf\xe9'", "minigan train --data")],
)
def test_a_damaged_command_gets_a_sentence_and_names_that_are_not_utf_8_do_not_damage_it(
    content: bytes, shown: str, evidence: Evidence
) -> None:
    (evidence.folder / "command.txt").write_bytes(content)
    page = document("a run", repeat.repeat(evidence))
    assert shown in page and ("caf\\xe9" in page) == (b"caf" in content)


def test_damaged_versions_get_a_sentence(evidence: Evidence) -> None:
    (evidence.folder / "versions.json").write_text('{"numpy": 3}')
    assert "The versions cannot be read: versions.json: not an object of texts" in repeat.environment(evidence)


def test_the_losses_of_any_turns_share_one_chart(evidence: Evidence) -> None:
    names = {"d_a_loss": "D_A", "d_b_loss": "D_B", "g_ab+g_ba_loss": "G_AB+G_BA"}
    evidence.log[:] = [{"step": step, **dict.fromkeys(names, 0.1 * step), "cycle": 1.0} for step in range(5)]
    evidence.log[0].pop("d_a_loss")
    page = curves.curves(evidence)
    (losses, cycle) = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert all(name in losses for name in names.values()) and "cycle" in cycle
    assert [f'<th scope="col">{name}</th>' in page for name in names] == [True] * 3


@pytest.mark.usefixtures("all_images")
def test_a_generator_that_copies_is_found_out(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "TEST_SETS", {})
    images = data.load("mnist-10k").images
    stolen = copying.copying(evidence, images[5000:5250])
    assert "250 of them are training images to the last bit" in stolen
    assert "100.0% of the samples are nearer" in stolen
    noise = np.random.default_rng(0).integers(0, 256, (250, 28, 28, 1), dtype=np.uint8)
    assert "to the last bit" not in copying.copying(evidence, noise)


@pytest.mark.usefixtures("all_images")
def test_neighbours_and_distances_are_those_of_a_plain_search(evidence: Evidence) -> None:
    dataset = evidence.dataset
    assert dataset is not None
    space = next(copying._spaces(evidence, dataset))
    rng = np.random.default_rng(0)
    asked = np.clip(dataset.images[[3, 9_999]] + rng.integers(0, 9, (2, 28, 28, 1)), 0, 255).astype(np.uint8)
    own = np.array([17, 4_321])
    found = copying._search(space, dataset, asked, dataset.images[own], own)
    rows = dataset.images.reshape(len(dataset), -1) / 255
    for n, image in enumerate(asked):
        distances = np.linalg.norm(rows - image.reshape(-1) / 255, axis=1)
        order = distances.argsort()[:3]
        np.testing.assert_array_equal(found.nearest[n], order)
        np.testing.assert_allclose(found.samples[n], distances[order])
        others = np.delete(np.linalg.norm(rows - rows[own[n]], axis=1), own[n])
        np.testing.assert_allclose(found.real[n, 0], others.min())


def test_what_began_and_did_not_end_is_the_state_of_health(evidence: Evidence) -> None:
    message = [("a", "begins", 10), ("b", "begins", 20), ("a", "ends", 30)]
    evidence.log[:] = [
        {"step": step, "health": [{"condition": name, "state": state, "says": f"{name} {state}.", "remedy": "Rest."}]}
        for name, state, step in message
    ]
    page = summary.health(evidence)
    assert "At the last log point: since step 20: b begins." in page
    assert page.count("<tr>") == 4
