"""The commands on a small run: what they write, and what they refuse."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minigan import Trainer
from minigan.styles.quiz import nearest_to, quiz, quiz_page
from minigan.styles.saved import seeds_of
from minigan.training.config import Config

Command = Callable[..., tuple[int, str, str]]


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_a_seed_is_the_same_sample_in_every_command(run: Path, minigan: Command, tmp_path: Path) -> None:
    assert minigan("sample", run, "-n", 1, "--seed", 3, "--out", tmp_path / "a.npy")[0] == 0
    assert minigan("mix", run, "--rows", "3", "--columns", "3", "--out", tmp_path / "mix.png")[0] == 0
    sample = np.load(tmp_path / "a.npy")[0]
    grid = pixels(tmp_path / "mix.png")
    scale = grid.shape[0] // 22  # two images of 8 and three lines of 2 pixels
    small = grid[::scale, ::scale].astype(int)
    for i, j in ((0, 1), (1, 0), (1, 1)):  # both sources, and the sample mixed with itself
        part = small[2 + 10 * i : 10 + 10 * i, 2 + 10 * j : 10 + 10 * j]
        assert np.abs(part - sample).max() <= 1  # a product of another number of rows may round otherwise


@pytest.mark.parametrize("name", ["psi.png", "walk.png", "walk.gif"])
def test_grids_and_walks_are_written(name: str, run: Path, minigan: Command, tmp_path: Path) -> None:
    command = "truncate" if name.startswith("psi") else "walk"
    code, printed, _ = minigan(command, run, "--seeds", "1-3", "--out", tmp_path / name)
    assert code == 0 and name in printed
    assert min(pixels(tmp_path / name).shape[:2]) > 8


def test_a_picture_is_projected_with_its_style_beside_it(run: Path, minigan: Command, tmp_path: Path) -> None:
    picture = sorted((run.parent / "pictures").iterdir())[0]
    code, printed, _ = minigan("project", run, picture, "--steps", 5, "--out", tmp_path / "found.png")
    assert code == 0 and "mean squared error" in printed
    assert np.load(tmp_path / "found.npz")["ws"].shape == (1, 4, 5)
    np.savez(tmp_path / "mine.npz", mine=np.zeros(3))
    code, _, error = minigan("project", run, picture, "--steps", 2, "--out", tmp_path / "mine.png")
    assert code == 2 and "which is something else; give another name" in error
    assert np.load(tmp_path / "mine.npz").files == ["mine"]


def test_a_picture_of_another_size_is_refused_unless_it_may_be_resized(
    run: Path, minigan: Command, tmp_path: Path
) -> None:
    Image.fromarray(np.zeros((12, 12), np.uint8)).save(tmp_path / "large.png")
    asked = ("project", run, tmp_path / "large.png", "--steps", 2, "--out", tmp_path / "found.png")
    code, _, error = minigan(*asked)
    assert code == 2 and "is 12 x 12 x 1, and this run generates 8 x 8 x 1; --resize" in error
    assert not (tmp_path / "found.png").exists()
    assert minigan(*asked, "--resize")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("mix", "--layers", "3-9", "--out", "m.png"), "this generator has layers 0 to 3"),
        (("mix", "--rows", "1,x", "--out", "m.png"), "'x' must be a seed"),
        (("mix", "--rows", "1-40", "--columns", "1-40", "--out", "m.png"), "ask for 1,000 or fewer"),
        (("mix", "--out", "m.gif"), "the name must end in .png"),
        (("truncate", "--seeds", "9-2", "--out", "m.png"), "'9-2' must be a seed"),
        (("sample", "--truncation", "7", "--out", "m.png"), "a number from -2 to 2, got 7"),
        (("sample", "--cutoff", "0", "--out", "m.png"), "a whole number from 1 to 4"),
        (("quiz", "--truncation", "nan", "--out", "q.html"), "a number from -2 to 2"),
        (("quiz", "-n", "0", "--out", "q.html"), "-n must lie between 1 and"),
        (("paths",), "there is none for"),
    ],
)
def test_wrong_choices_are_refused_and_nothing_is_written(
    arguments: tuple[str, ...], words: str, run: Path, minigan: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, error = minigan(arguments[0], run, *arguments[1:])
    assert code == 2 and words in error
    assert list(tmp_path.iterdir()) == []


def test_a_run_of_another_system_is_refused(minigan: Command, tmp_path: Path) -> None:
    trainer = Trainer.start(Config(model="points", epochs=0.01), tmp_path / "run", quiet=True)
    trainer.train()
    code, _, error = minigan("mix", tmp_path / "run", "--out", tmp_path / "m.png")
    assert code == 2 and "contains a run of gan: styles need minigan train stylegan" in error
    code, _, error = minigan("sample", tmp_path / "run", "--truncation", "0.7", "--out", tmp_path / "m.png")
    assert code == 2 and "takes no --truncation" in error


def test_ranges_of_seeds() -> None:
    assert seeds_of("1,2,5-8", "--rows") == [1, 2, 5, 6, 7, 8]
    with pytest.raises(ValueError, match="ask for 1000 samples or fewer"):
        seeds_of("0-999999999", "--rows")


def test_the_nearest_training_image_is_found_and_an_image_is_not_its_own_neighbour() -> None:
    training = np.random.default_rng(0).integers(0, 256, (150, 4, 4, 1), dtype=np.uint8)
    distance, place = nearest_to(training[[3, 140]], training)
    np.testing.assert_array_equal(place, [3, 140])
    np.testing.assert_allclose(distance, 0, atol=1e-4)
    distance, place = nearest_to(training[[3]], training, without=np.array([3]))
    flat = training.reshape(150, -1) / 255
    others = ((flat - flat[3]) ** 2).sum(axis=1)
    others[3] = np.inf
    assert place[0] == others.argmin() and distance[0] == pytest.approx(others.min(), rel=1e-3)


def page_of(seed: int = 0) -> tuple[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    fake, training = (rng.integers(0, 256, (n, 28, 28, 1), dtype=np.uint8) for n in (12, 40))
    scores = np.ones((12, 1)), np.zeros((12, 1))
    made = quiz(fake, training, scores, np.arange(12), rng)
    assert made.d_right == 1
    return quiz_page(made, "Random pixels"), made.left


def test_a_quiz_needs_nothing_but_itself() -> None:
    page, _ = page_of()
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("<img ") == 3 * 12
    assert re.findall(r'src="(?!data:image/png;base64,)', page) == []


def test_the_page_of_a_quiz_hides_the_answers_until_they_are_given() -> None:
    page, left = page_of()
    images = re.findall(r'<img src="data:image/png;base64,([^"]+)" alt="([^"]*)" width="(\d+)" height="(\d+)">', page)
    assert {alt for _, alt, *_ in images[:24]} == {
        f"Pair {i} , {s} image".replace(" ,", ",") for i in range(1, 13) for s in ("left", "right")
    }
    assert len({size for _, _, *size in map(tuple, images) for size in [tuple(size)]}) == 1
    before = page[: page.index('id="end"')]
    assert "real" not in before.split('class="pair"', 1)[1].lower()
    (key,) = re.findall(r'"key": "([^"]+)"', page)
    codes = np.array([ord(c) for c in base64.b64decode(key).decode()])
    np.testing.assert_array_equal(codes % 2 == 1, left)
    assert codes.max() < 128 and 0 < left.mean() < 1


def test_the_report_of_a_run_shows_its_styles(run: Path, tmp_path: Path) -> None:
    from minigan.report.page import write_report

    page = write_report(run, tmp_path / "report.html").read_text()
    assert ">Styles</h2>" in page and "mixed samples, their sources at the edges" in page
    assert "5 samples at 9 values of psi" in page and "8 images of the data, and their projections" in page


def test_a_step_is_explained_layer_by_layer_and_pytorch_has_no_such_generator(
    run: Path, minigan: Command, tmp_path: Path
) -> None:
    code, printed, _ = minigan("explain", "--system", "stylegan", "--width", 0.1)
    assert code == 0 and {"ModulatedConv2d", "Blur2d", "Noise", "Upsample2d"} <= set(printed.split())
    code, _, error = minigan("export", run, "--to", tmp_path / "G.safetensors")
    assert code == 2 and "layer 0, PixelNorm(), cannot be exchanged: PyTorch has no such layer" in error
    assert minigan("export", run, "--network", "D", "--to", tmp_path / "D.safetensors")[0] == 0
