"""Scores while training, the best checkpoint, and the closing verdict."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.judges import CLASSES, brightness, noise
from support.tiny_runs import assert_same_arrays, assert_same_run, plain, tiny, trained

from minigan import data
from minigan.data import Dataset
from minigan.runs import checkpoint
from minigan.runs.folder import Run
from minigan.runs.interrupt import Interrupted
from minigan.training.config import Config
from minigan.training.trainer import Trainer
from minigan.watch import rulers
from minigan.watch import verdict as page
from minigan.watch.judge import FeatureJudge, judge_for

SCORED = [5, 10, 15, 20]


@pytest.fixture(autouse=True, scope="module")
def few_samples() -> Iterator[None]:
    """Enough for networks of this size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("minigan.watch.scores.SAMPLES", 100)
        patch.setattr(page, "SAMPLES", 200)
        yield


def scored(pictures: Path, out: Path, **options: Any) -> Trainer:
    """24 steps, with scores at four of them."""
    return trained(tiny(pictures, epochs=4, score_every=5), out, judge=brightness, **options)


def scores(run: Run) -> dict[int, dict[str, Any]]:
    names = ("fid", "covered", "entropy", "good")
    found = {point["step"]: {name: point[name] for name in names if name in point} for point in run.log()}
    return {step: part for step, part in found.items() if part}


def test_scores_are_logged_every_so_many_steps(pictures: Path, tmp_path: Path) -> None:
    found = scores(scored(pictures, tmp_path / "run").run)
    assert list(found) == SCORED
    for part in found.values():
        assert part.keys() == {"fid", "covered", "entropy"}
        assert part["fid"] > 0 and 1 <= part["covered"] <= len(CLASSES)
        assert 0 <= part["entropy"] <= np.log(len(CLASSES))


def test_scores_change_nothing_about_the_training(pictures: Path, tmp_path: Path) -> None:
    trainer = scored(pictures, tmp_path / "scored")
    plain = trained(tiny(pictures, epochs=4), tmp_path / "plain")
    assert_same_arrays(trainer.system.arrays(), plain.system.arrays())


def test_the_best_checkpoint_is_that_of_the_smallest_fid_and_outlives_the_others(
    pictures: Path, tmp_path: Path
) -> None:
    run = scored(pictures, tmp_path / "run").run
    found = scores(run)
    best = min(found, key=lambda step: found[step]["fid"])
    path, arrays, numbers = run.best()
    assert path == run.folder / "checkpoints" / "best.npz"
    assert numbers["step"] == best and numbers["score"] == {"step": best, **found[best]}
    until = trained(tiny(pictures, epochs=4), tmp_path / "until", hooks=[lambda t: snapshot(t, best)])
    assert_same_arrays(arrays, checkpoint.load(until.run.folder / "snapshot.npz")[0])
    assert [p.name for p in run.checkpoints()] == ["step-000018.npz", "step-000024.npz"] or best in (20,)


def snapshot(trainer: Trainer, step: int) -> None:
    if trainer.step == step:
        checkpoint.save(trainer.run.folder / "snapshot.npz", trainer.system.arrays(), {})


@pytest.fixture(scope="module")
def whole(few_samples: None, pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A scored run that was never stopped."""
    return scored(pictures, tmp_path_factory.mktemp("runs") / "whole").run


@pytest.mark.parametrize("step", [5, 7, 10, 16])
def test_a_resumed_run_believes_in_the_same_best(pictures: Path, tmp_path: Path, whole: Run, step: int) -> None:
    def stop(trainer: Trainer) -> None:
        if trainer.step == step:
            trainer.save()
            raise Interrupted

    with pytest.raises(Interrupted):
        scored(pictures, tmp_path / "halves", hooks=[stop])
    trainer = Trainer.resume(tmp_path / "halves", quiet=True, judge=brightness)
    before = {at: part["fid"] for at, part in scores(whole).items() if at <= step}
    assert trainer.log.scoring.best is not None
    assert trainer.log.scoring.best["step"] == min(before, key=lambda at: before[at])
    trainer.train()
    assert_same_run(whole.folder, tmp_path / "halves")
    assert_same_arrays(trainer.run.best()[1], whole.best()[1])
    assert trainer.run.best()[2]["score"] == whole.best()[2]["score"]


def test_a_best_checkpoint_that_was_not_yet_kept_is_kept_on_resuming(pictures: Path, tmp_path: Path) -> None:
    def stop(trainer: Trainer) -> None:
        if trainer.step == 5:
            raise Interrupted

    with pytest.raises(Interrupted):
        scored(pictures, tmp_path / "run", hooks=[stop])
    best = tmp_path / "run" / "checkpoints" / "best.npz"
    best.unlink()  # as if the run had been killed a moment earlier
    trainer = Trainer.resume(tmp_path / "run", quiet=True, judge=brightness)
    assert trainer.run.best()[2]["step"] == 5


def test_scores_are_shown_on_the_bar(pictures: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Trainer.start(tiny(pictures, epochs=4, score_every=5), tmp_path / "run", judge=brightness).train()
    assert "FID " in capfd.readouterr().err


def test_a_mixture_is_scored_by_its_modes(tmp_path: Path) -> None:
    config = plain(model="points", data="ring", hidden=8, batch_size=5000, epochs=1, score_every=10)
    trainer = trained(config, tmp_path / "run")
    assert [part.keys() for part in scores(trainer.run).values()] == [{"covered", "good"}] * 2
    assert trainer.run.best()[2]["score"].keys() == {"step", "covered", "good"}


def test_pictures_without_a_feature_network_are_scored_by_their_patches(pictures: Path, tmp_path: Path) -> None:
    run = trained(tiny(pictures, epochs=2, score_every=6), tmp_path / "run").run
    found = {point["step"]: point["swd"] for point in run.log() if "swd" in point}
    assert list(found) == [6, 12] and min(found.values()) > 0
    assert run.best()[2]["score"] == {"step": min(found, key=found.__getitem__), "swd": min(found.values())}


def test_scores_of_what_cannot_be_compared_are_refused_before_there_is_a_folder(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--score-every needs a system .* at least 7 x 7.* leave it out for pictures"):
        Trainer.start(tiny(pictures, model="mlp", size=4, score_every=5), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("every", [0, -3])
def test_scores_come_at_least_every_step(every: int) -> None:
    with pytest.raises(ValueError, match=f"at least 1, got {every}"):
        Config(score_every=every)


def test_scores_may_be_asked_for_when_a_run_continues(pictures: Path, tmp_path: Path) -> None:
    trained(tiny(pictures, epochs=2), tmp_path / "run", judge=brightness)
    trainer = Trainer.resume(tmp_path / "run", {"epochs": 3, "score_every": 6}, quiet=True, judge=brightness)
    trainer.train()
    assert list(scores(trainer.run)) == [18]


def test_a_run_without_scores_has_no_best_checkpoint(pictures: Path, tmp_path: Path) -> None:
    run = trained(tiny(pictures, epochs=1), tmp_path / "run").run
    with pytest.raises(FileNotFoundError, match="not trained with --score-every"):
        run.best()


def test_the_closing_pictures_have_the_scores_among_the_curves(pictures: Path, tmp_path: Path) -> None:
    assert "losses.png" in scored(pictures, tmp_path / "run").finish()


def test_the_verdict_has_scores_a_sentence_and_a_file(pictures: Path, tmp_path: Path) -> None:
    trainer = trained(tiny(pictures), tmp_path / "run", judge=brightness)
    trainer.draw.datasets["real"] = Dataset("noise", noise(1), None, "made here")
    found = trainer.verdict()
    assert [score.protocol.metric for score in found.scores] == ["fid", "classes_captured", "classes_entropy"]
    assert found.scores[0].protocol.n_generated == 200
    assert str(found).startswith(f"{found.scores[0]}\nFID {found.scores[0].value:.2f} of 200 samples. ")
    assert "Generated: " in str(found)
    ruler = [found.scores[0].details[name] for name in ("real", "one_missing", "half_missing")]
    assert ruler == sorted(ruler) and ruler[0] < 0.1 * ruler[1]
    kept = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert kept == {"scores": [json.loads(json.dumps(score.as_json())) for score in found.scores]}


def test_the_package_keeps_the_ruler_of_these_images_through_this_network_alone() -> None:
    judge, images = judge_for("mnist-10k"), data.load("mnist-10k").images
    assert isinstance(judge, FeatureJudge)
    kept = rulers.kept(judge, "mnist-10k", images)
    assert kept is not None and list(kept) == ["real", "one_missing", "half_missing"]
    assert rulers.kept(judge, "mnist-10k", images[1:]) is None
    assert rulers.kept(judge, "mnist", images) is None
    assert rulers.kept(judge, "digits", images) is None


@pytest.mark.slow
def test_the_ruler_that_the_package_keeps_is_the_one_that_is_measured() -> None:
    judge, images = judge_for("mnist-10k"), data.load("mnist-10k").images
    assert isinstance(judge, FeatureJudge)
    assert rulers.kept(judge, "mnist-10k", images) == pytest.approx(rulers.measured(judge, images), rel=1e-4)


@pytest.mark.parametrize(("fid", "word"), [(0.9, "Excellent"), (4.0, "Good"), (19.0, "Fair"), (21.0, "Poor")])
def test_the_sentence_measures_with_real_images(fid: float, word: str) -> None:
    sentence = page.fid_sentence(fid, {"real": 1.0, "one_missing": 5.0, "half_missing": 20.0})
    assert f"{word}: " in sentence
    assert "score 1.00, without one class 5.00, with half of the classes 20.00" in sentence


def test_the_verdict_on_a_mixture_counts_its_gaussians(tmp_path: Path) -> None:
    config = plain(model="points", data="ring", hidden=8, batch_size=5000, epochs=0.2)
    found = trained(config, tmp_path / "run").verdict()
    assert [score.protocol.metric for score in found.scores] == ["captured", "good"]
    assert "of 8 Gaussians" in str(found) and (tmp_path / "run" / "scores.json").is_file()


def test_without_a_feature_network_the_verdict_reports_it(pictures: Path, tmp_path: Path) -> None:
    found = trained(tiny(pictures, epochs=1), tmp_path / "run").verdict()
    assert found.scores == [] and "there is no feature network for" in str(found)
    assert not (tmp_path / "run" / "scores.json").exists()


def test_ctrl_c_during_the_verdict_loses_nothing(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = trained(tiny(pictures), tmp_path / "run", judge=brightness)

    def interrupted(*arguments: Any, **named: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(page, "_of_images", interrupted)
    with pytest.raises(Interrupted, match=r"stopped while scoring; the run itself is complete, in .*run"):
        trainer.verdict()
    assert not (tmp_path / "run" / "scores.json").exists()
    assert Trainer.resume(tmp_path / "run", quiet=True).step == 12


def test_the_real_feature_network_scores_a_run_of_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("scores", "verdict"):  # half of them are still more than there are features
        monkeypatch.setattr(f"minigan.watch.{module}.SAMPLES", 600)
    trainer = trained(plain(model="infogan", width=0.05, epochs=0.04, score_every=5), tmp_path / "run")
    found = trainer.verdict()
    assert "Poor: " in str(found)  # after six steps
    assert found.scores[0].details["real"] < found.scores[0].details["one_missing"]
    assert scores(trainer.run)[5]["fid"] > found.scores[0].details["one_missing"]
