"""A tiny run from its first step to its last: what it leaves, and what happened on the way."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.tiny_runs import PER_EPOCH, assert_same_arrays, last_arrays, plain, timeless_log, tiny, trained

from minigan.device import CPU
from minigan.runs import checkpoint
from minigan.runs.folder import Run
from minigan.training.draw import Fixed
from minigan.training.steps import Outcome
from minigan.training.trainer import Trainer

NOTHING = Outcome(np.zeros(()), {"real": np.zeros((8, 1)), "fake": np.zeros((8, 1))}, {})


@pytest.fixture(scope="module")
def finished(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    """A run of two epochs, closing pictures and all."""
    trainer = trained(tiny(pictures), tmp_path_factory.mktemp("runs") / "run")
    trainer.finish()
    return trainer


def test_a_finished_run_has_all_its_files(finished: Trainer) -> None:
    folder = finished.run.folder
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert found == [
        "checkpoints/step-000006.npz",
        "checkpoints/step-000012.npz",
        "command.txt",
        "config.json",
        "log.jsonl",
        "losses.png",
        "samples.png",
        "samples/step-000000.png",
        "samples/step-000006.png",
        "samples/step-000012.png",
        "training.gif",
        "versions.json",
    ]


def test_the_config_in_the_folder_is_the_one_that_was_trained(finished: Trainer, pictures: Path) -> None:
    assert Run.open(finished.run.folder).config == tiny(pictures)


def test_the_log_has_one_object_per_log_point_and_one_for_the_last_step_of_each_epoch(finished: Trainer) -> None:
    log = finished.run.log()
    assert [entry["step"] for entry in log] == [6, 10, 12]
    assert [entry["epoch"] for entry in log] == [1, round(10 / PER_EPOCH, 4), 2]
    for entry in log:
        assert list(entry) == ["step", "epoch", "d_loss", "g_loss", "d_real", "d_fake", "seconds", "vitals"]
        assert all(math.isfinite(entry[name]) for name in entry if name != "vitals")
    assert 0 < log[0]["seconds"] <= log[1]["seconds"]


def test_the_scores_of_logits_are_logged_as_probabilities(finished: Trainer) -> None:
    assert all(0 < entry[name] < 1 for entry in finished.run.log() for name in ("d_real", "d_fake"))


def test_the_last_picture_shows_the_trained_generator(finished: Trainer) -> None:
    with Image.open(finished.run.folder / "samples.png") as last, Image.open(finished.run.picture(12)) as step:
        np.testing.assert_array_equal(np.asarray(last), np.asarray(step))
    assert finished.run.picture(0).read_bytes() != finished.run.picture(12).read_bytes()


def test_the_animation_has_a_frame_per_picture(finished: Trainer) -> None:
    with Image.open(finished.run.folder / "training.gif") as film:
        assert getattr(film, "n_frames", 1) == 3


def test_the_closing_words_name_folder_files_and_what_to_do_next(finished: Trainer) -> None:
    words = finished.finish()
    assert words.startswith("12 steps (2 epochs) in 0:0")
    for name in ("samples.png", "losses.png", "training.gif", f"minigan sample {finished.run.folder}"):
        assert name in words


def test_a_checkpoint_holds_players_optimizers_and_counts(finished: Trainer) -> None:
    arrays, numbers = checkpoint.load(finished.run.checkpoints()[-1])
    assert {name.split("/")[0] for name in arrays} == {"D", "G", "D_optimizer", "G_optimizer"}
    assert "D_optimizer/m/0.weight" in arrays and "G/2.running_mean" in arrays
    assert (numbers["step"], numbers["seen"], numbers["turns"]) == (12, {"real": 12}, 24)
    assert numbers["counts"] == {"D_optimizer": 12, "G_optimizer": 12}
    assert_same_arrays(arrays, finished.system.arrays())


def test_one_seed_gives_one_result_to_the_last_bit(finished: Trainer, pictures: Path, tmp_path: Path) -> None:
    again = trained(tiny(pictures), tmp_path / "run")
    assert_same_arrays(last_arrays(again.run.folder), last_arrays(finished.run.folder))
    assert timeless_log(again.run.folder) == timeless_log(finished.run.folder)


def test_another_seed_gives_another_result(finished: Trainer, pictures: Path, tmp_path: Path) -> None:
    other = last_arrays(trained(tiny(pictures, seed=1), tmp_path / "run").run.folder)
    same = [name for name, array in last_arrays(finished.run.folder).items() if np.array_equal(array, other[name])]
    assert same == []


def test_a_run_of_points_draws_their_density(tmp_path: Path) -> None:
    config = plain(model="points", data="ring", hidden=8, batch_size=1000, epochs=0.05, objective="wgan-gp")
    trainer = trained(config, tmp_path / "run")
    assert "the density of 2,000 samples" in trainer.finish()
    assert [path.name for path in trainer.run.pictures()] == ["step-000000.png", "step-000005.png"]


def test_the_discriminator_is_updated_n_critic_times_per_step(pictures: Path, tmp_path: Path) -> None:
    trainer = trained(tiny(pictures, objective="hinge", n_critic=3), tmp_path / "run")
    assert (trainer.total, trainer.draw.seen["real"]) == (2 * PER_EPOCH / 3, 2 * PER_EPOCH)
    assert trainer.system.counts() == {"D_optimizer": 12, "G_optimizer": 4}


def test_every_update_of_the_discriminator_sees_new_data_and_new_noise(pictures: Path, tmp_path: Path) -> None:
    trainer = Trainer.start(tiny(pictures, n_critic=3, epochs=1), tmp_path / "run", quiet=True)
    seen: list[np.ndarray] = []
    for step in trainer.steps():
        for turn, draw in trainer.turns(step):
            seen += [draw.batch().ravel()[:8]] if turn.name == "D" else []
            seen += [draw.noise(8, 100).ravel()[:8]]
            trainer.record(turn, NOTHING)
    assert len({array.tobytes() for array in seen}) == len(seen) == 2 * (3 + 3 + 1)


def test_wgan_trains_its_critic_a_hundred_times_at_first_and_clips_it(pictures: Path, tmp_path: Path) -> None:
    config = tiny(pictures, objective="wgan", optimizer="rmsprop", n_critic=5, epochs=200 / PER_EPOCH)
    trainer = trained(config, tmp_path / "run")
    assert (trainer.total, trainer.draw.seen["real"]) == (2, 200)
    assert trainer.system.counts() == {"D_optimizer": 200, "G_optimizer": 2}
    assert max(abs(array).max() for _, array in trainer.networks["D"].named_params()) <= np.float32(0.01)


def test_hooks_are_called_in_order_after_every_step(pictures: Path, tmp_path: Path) -> None:
    calls: list[tuple[str, int]] = []
    hooks = [lambda t: calls.append(("first", t.step)), lambda t: calls.append(("second", t.step))]
    trained(tiny(pictures), tmp_path / "run", hooks=hooks)
    assert calls == [(name, step) for step in range(1, 13) for name in ("first", "second")]


def test_learning_rates_fall_to_zero_over_the_last_share_of_the_run(pictures: Path, tmp_path: Path) -> None:
    rates: list[tuple[float, float]] = []
    hook = lambda t: rates.append((t.system.players["D"].optimizer.lr, t.system.players["G"].optimizer.lr))  # noqa: E731
    trained(tiny(pictures, decay=0.5, d_lr=0.006, g_lr=0.003), tmp_path / "run", hooks=[hook])
    falling = [6, 5, 4, 3, 2, 1]
    np.testing.assert_allclose([d for d, _ in rates], [0.006] * 6 + [0.001 * k for k in falling], rtol=1e-12)
    np.testing.assert_allclose([g for _, g in rates], [0.003] * 6 + [0.0005 * k for k in falling], rtol=1e-12)


def test_the_average_follows_the_generator_and_draws_the_samples(pictures: Path, tmp_path: Path) -> None:
    trainer = Trainer.start(tiny(pictures, average=0.5, g_lr=0.01), tmp_path / "run", quiet=True)
    expected = {name: array.astype(np.float64) for name, array in trainer.networks["G"].named_params()}

    def follow(t: Trainer) -> None:
        decay = min(0.5, (1 + t.step) / (10 + t.step))
        for name, array in t.networks["G"].named_params():
            expected[name] = decay * expected[name] + (1 - decay) * array

    trainer.hooks.append(follow)
    trainer.train()
    drawing, weights = dict(trainer.system.drawing.named_params()), dict(trainer.networks["G"].named_params())
    for name, array in expected.items():
        np.testing.assert_allclose(drawing[name], array, rtol=1e-4, atol=1e-6)
        assert not np.array_equal(drawing[name], weights[name])
    saved = last_arrays(trainer.run.folder)
    np.testing.assert_array_equal(saved["G_average/0.weight"], drawing["0.weight"])
    z, again = (Fixed(np.random.default_rng(0), CPU) for _ in range(2))
    y, _ = trainer.system.drawing.forward(z.noise(4, trainer.system.z_dim), train=False)
    pixels = np.clip(np.rint((y + 1) * 127.5), 0, 255)
    np.testing.assert_array_equal(trainer.system.generate(again, 4), pixels)


def test_a_quiet_run_prints_nothing(pictures: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    trained(tiny(pictures), tmp_path / "run")
    assert capfd.readouterr() == ("", "")


def test_progress_into_a_file_is_a_few_redraws_not_one_per_step(
    pictures: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    trainer = Trainer.start(
        tiny(pictures, model="points", data="ring", size=None, hidden=4, epochs=0.05), tmp_path / "r"
    )
    trainer.train()
    out, err = capfd.readouterr()
    assert out == "" and trainer.total > 500
    assert f"{trainer.total}/{trainer.total}" in err
    assert err.count("\r") < trainer.total / 10


def test_a_smoothed_label_reaches_the_objective(pictures: Path, tmp_path: Path) -> None:
    trainer = Trainer.start(tiny(pictures, real_label=0.9), tmp_path / "run")
    _, da, _ = trainer.system.objective.d_loss(np.zeros((1, 1)), np.zeros((1, 1)))
    assert float(da[0, 0]) == pytest.approx(0.1 - 0.5)


def test_a_run_with_very_many_pictures_still_ends_with_an_animation(pictures: Path, tmp_path: Path) -> None:
    trainer = Trainer.start(tiny(pictures, epochs=1), tmp_path / "run", quiet=True)
    trainer.train()
    first = trainer.run.picture(0).read_bytes()
    for step in range(1000, 1400):
        trainer.run.picture(step).write_bytes(first)
    last = trainer.run.picture(1400)
    last.write_bytes(trainer.run.picture(trainer.total).read_bytes())
    message = trainer.pictures.finish("a run")
    assert message["training.gif"] == "the same noise at 120 moments of training"
    with Image.open(tmp_path / "run" / "samples.png") as shown, Image.open(last) as newest:
        assert np.array_equal(np.asarray(shown), np.asarray(newest))
