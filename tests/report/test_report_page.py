"""The page of a run: one file, whole, of this run and of nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from read_page import Page

from minigan import data
from minigan.cli import main
from minigan.layers import Linear, Network
from minigan.metrics.score import read_scores, write_scores
from minigan.objectives import NonSaturating
from minigan.report import page as page_module
from minigan.report import write_report
from minigan.runs import checkpoint
from minigan.runs.folder import Run
from minigan.systems import GAN
from minigan.training.config import Config
from minigan.training.trainer import Trainer

SECTIONS = ["Samples over time", "Curves", "Scores", "Health", "New samples", "Interpolations", "Does it copy?"]
SECTIONS += ["Configuration", "Command", "Environment"]
PageOf = Callable[[Path], Page]


@pytest.fixture(params=["digits_page", "points_page"])
def page(request: pytest.FixtureRequest) -> Page:
    return request.getfixturevalue(request.param)


def test_the_page_has_all_parts_and_a_link_to_each(page: Page) -> None:
    titles = re.findall(r"<h2 id=\"([\w-]+)\">([^<]+)</h2>", page.source)
    assert [title for _, title in titles] == SECTIONS
    assert [link["href"] for link in page.all("a")] == [f"#{id}" for id, _ in titles]
    assert "cannot be" not in page.text


def test_the_page_refers_to_nothing_outside_itself(page: Page) -> None:
    for tag, attributes in page.tags:
        for name in ("src", "href", "data", "action", "srcset", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:image/")), (tag, name)
    assert page.all("link") == [] and page.all("iframe") == []
    style = re.search(r"<style>(.*)</style>", page.source, re.DOTALL)[1]  # type: ignore[index]
    assert "url(" not in style and "@import" not in style
    assert re.search(r"https?:|[\"'(]//", page.source) is None


def test_only_the_pages_own_script_may_run(page: Page) -> None:
    (script,) = re.findall(r"<script>(.*)</script>", page.source, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv")]
    assert policy is not None and f"script-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)


def test_for_readers_who_do_not_see_the_pictures_there_is_a_description(page: Page) -> None:
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("img")) > 1 and all(image.get("alt") for image in page.all("img"))
    charts = page.all("svg")
    assert charts and all(chart["role"] == "img" and chart["aria-label"] for chart in charts)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    (slider,) = [one for one in page.all("input") if one["type"] == "range"]
    assert [label["for"] for label in page.all("label")] == [slider["id"]]
    assert all(region.get("tabindex") == "0" for region in page.all("div") if region.get("class") == "wide")


def test_without_javascript_every_moment_is_shown(page: Page) -> None:
    moments = [figure for figure in page.all("figure") if "data-step" in figure]
    assert len(moments) > 1 and not any("hidden" in figure for figure in moments)
    assert [part.get("hidden", "shown") for part in page.all("p") if part.get("class") == "slider"] == [None]


def test_the_numbers_are_those_of_the_log(page: Page, finished: Path, points: Path) -> None:
    last = Run.open(finished if "infogan" in page.text or "dcgan" in page.text else points).log()[-1]
    keys = next(row for row in page.rows if row[:1] == ["step"])
    reported = dict(zip(keys, next(row for row in page.rows if row[:1] == [str(last["step"])]), strict=True))
    for key in ("d_loss", "g_loss", "d_real", "d_fake", "epoch"):
        assert float(reported[key]) == pytest.approx(last[key], rel=1e-5)


def test_scores_are_reported_with_what_they_mean_and_how_they_were_measured(digits_page: Page) -> None:
    assert "FID 19.13 of 10,000 samples. Fair: closer to the real test images than real images with half" in (
        digits_page.text
    )
    assert ["FID", "19.13", "lower is better; a perfect generator has about 0.12 at this n"] in digits_page.rows
    assert (
        "FID: 10,000 samples, rounded to 8 bits; features of lenet-mnist-v1:22a5 (input x/255-0.5); "
        "compared with 10,000 of mnist/test:6d87; minigan 0.1.0."
    ) in digits_page.text


def test_of_points_the_gaussians_are_counted(points_page: Page) -> None:
    assert re.search(r"2,000 new points reach \d of 8 Gaussians; [\d.]+% of them", points_page.text)
    assert "Gaussians covered" in points_page.text
    assert "For points this shows nothing" in points_page.text


def test_no_folder_of_this_machine_is_on_the_page(page: Page, finished: Path) -> None:
    for name in (str(finished.parent), str(Path.home()), str(Path(__file__).parents[2])):
        assert name not in page.source


def test_words_of_a_hostile_run_stay_words(digits: Path, page_of: PageOf) -> None:
    attack = "<img src=x onerror=alert(1)>\"'&amp;</script><b>"
    folder = digits.rename(digits.with_name("<b>&amp;\"'run"))
    log = folder / "log.jsonl"
    point = json.loads(log.read_text().splitlines()[-1])
    entry = {"condition": attack, "state": "begins", "says": attack, "remedy": attack}
    log.write_text(json.dumps({**point, attack: 1.5, "d_loss": attack, "health": [entry]}) + "\n")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "hyper": {attack: attack}}))
    scores = read_scores(folder)
    hostile = replace(scores[0].protocol, metric=attack, reference=attack, parameters={attack: attack})
    write_scores(folder / "scores.json", [replace(scores[0], protocol=hostile)])
    page = page_of(folder)
    assert page.all("b") == [] and len(page.all("script")) == 1
    assert {image["src"][:11] for image in page.all("img") if image["src"]} == {"data:image/"}
    assert "<b>&amp;\"'run" in page.text
    assert page.text.count(attack) > 6


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "config": (lambda run: (run / "config.json").write_text("{"), "The configuration cannot be read"),
    "log": (lambda run: (run / "log.jsonl").write_text("{\n{}\n"), "The log cannot be read whole: log.jsonl, line 1"),
    "points": (
        lambda run: (run / "log.jsonl").write_text("3\nnull\n"),
        "The log cannot be read whole: log.jsonl, line 1",
    ),
    "no log": (lambda run: (run / "log.jsonl").unlink(), "There is no log point yet"),
    "scores": (lambda run: (run / "scores.json").write_text("[]"), "The scores cannot be read: scores.json"),
    "no scores": (lambda run: (run / "scores.json").unlink(), "No scores yet: minigan score RUN"),
    "picture": (lambda run: (run / "samples" / "step-000000.png").write_bytes(b"\x89PNG"), "step-000000.png cannot be"),
    "no pictures": (lambda run: [p.unlink() for p in (run / "samples").iterdir()], "There is no picture of samples"),
    "checkpoint": (
        lambda run: [p.write_bytes(p.read_bytes()[:999]) for p in (run / "checkpoints").iterdir()],
        "Nothing can be generated: digits has no readable checkpoint: ",
    ),
    "no checkpoint": (lambda run: [p.unlink() for p in (run / "checkpoints").iterdir()], "Nothing can be generated"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_what_is_damaged_or_missing_gets_a_sentence(kind: str, digits: Path, page_of: PageOf) -> None:
    damage, sentence = DAMAGE[kind]
    damage(digits)
    page = page_of(digits)
    assert sentence in page.text
    assert str(digits.parent) not in page.source
    assert len(page.all("h2")) == len(SECTIONS)


def test_a_run_that_is_still_going_on_is_shown_as_far_as_it_is(digits: Path, page_of: PageOf) -> None:
    log = digits / "log.jsonl"
    log.write_text(log.read_text().splitlines()[0] + '\n{"step": 20, "epo')
    assert "10, 0.016 of 0.02 epochs: not finished when this page was written" in page_of(digits).text


def test_scores_of_an_earlier_state_report_it(digits: Path, page_of: PageOf) -> None:
    assert "they are of an earlier state" not in page_of(digits).text
    newest = Run.open(digits).checkpoints()[-1]
    Run.open(digits).save(14, *_loaded(newest))
    assert "they are of an earlier state" in page_of(digits).text


def _loaded(path: Path) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    arrays, numbers = checkpoint.load(path)
    return arrays, {name: value for name, value in numbers.items() if name != "step"}


def test_large_colourful_pictures_do_not_make_a_large_page(digits: Path) -> None:
    rng = np.random.default_rng(0)
    for step in range(1, 16):
        noise = rng.integers(0, 256, (700, 700, 3), dtype=np.uint8)  # worse than any photograph
        Image.fromarray(noise).save(digits / "samples" / f"step-{step:06d}.png", compress_level=0)
    assert write_report(digits).stat().st_size < 5e6


def test_the_page_takes_the_place_of_an_older_one_or_leaves_it(digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = digits / "report.html"
    old.write_text("old")
    monkeypatch.setattr(page_module, "html", lambda evidence: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_report(digits)
    assert old.read_text() == "old"
    assert [path.name for path in digits.glob(".*")] == []


def test_the_command_writes_where_it_is_asked_to(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(finished), "--out", str(tmp_path / "page.html")]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'page.html'}: the run as one page, ")
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")


def test_without_a_best_checkpoint_best_is_a_sentence(finished: Path, tmp_path: Path) -> None:
    page = Page(write_report(finished, tmp_path / "best.html", best=True).read_text())
    assert "Nothing can be generated: digits has no best checkpoint" in page.text


def test_the_best_checkpoint_is_generated_from(points: Path, tmp_path: Path) -> None:
    page = Page(write_report(points, tmp_path / "best.html", best=True).read_text())
    assert re.search(r"From the best checkpoint, of step [36],", page.text)


@pytest.mark.parametrize("arguments", [["nothing"], ["run", "--out", "no/where.html"]])
def test_bad_input_is_refused_in_one_line(
    arguments: list[str], finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").symlink_to(finished)
    with pytest.raises(SystemExit) as caught:
        main(["report", *arguments])
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.match("minigan report: error: (--out )?no", line)


def test_a_run_that_was_started_with_objects_has_an_honest_page(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    G, D = Network(Linear(2, 2, rng=rng)), Network(Linear(2, 1, rng=rng))
    system = GAN(G, D, NonSaturating(), z_dim=2, sample_shape=(2,))
    dataset = data.load("ring", rng=rng)
    Trainer(system, dataset, tmp_path / "own", epochs=0.02, batch_size=1000, quiet=True).train()
    page = Page(write_report(tmp_path / "own").read_text())
    assert page.all("svg") and page.all("img") and len(page.all("h2")) == len(SECTIONS)
    assert page.text.count("only its own script can build the networks") == 3
    assert "trainer.verdict() measures them" in page.text and "minigan score RUN" not in page.text


def test_a_run_in_code_space_is_reported_like_any_other(tmp_path: Path) -> None:
    hyper = {"space": "codes", "passes": 1}
    config = Config(model="mlp", objective="gmmn", hyper=hyper, batch_size=500, epochs=0.1)
    Trainer.start(config, tmp_path / "codes", quiet=True).train()
    page = Page(write_report(tmp_path / "codes").read_text())
    assert "From the newest checkpoint, of step 2," in page.text and "cannot be" not in page.text


@pytest.mark.parametrize("name", ["version-2-scored", "version-3"])
def test_runs_of_earlier_versions_are_reported(name: str, tmp_path: Path) -> None:
    folder = shutil.copytree(Path(__file__).parents[1] / "training" / "stored" / name, tmp_path / "run")
    page = Page(write_report(folder, best=True).read_text())
    assert "From the best checkpoint, of step 3," in page.text
    assert "Trainer.start(Config.load(file.read_text(), file)).train()" in page.text
    assert "cannot be" not in page.text


def test_other_pictures_of_a_run_are_shown_at_their_newest(digits: Path, page_of: PageOf) -> None:
    (digits / "a to b").mkdir()
    for step in (5, 13):
        shutil.copy(digits / "samples" / "step-000000.png", digits / "a to b" / f"step-{step:06d}.png")
    alts = [image["alt"] for image in page_of(digits).all("img")]
    assert "a to b at step 13" in alts and "a to b at step 5" not in alts
