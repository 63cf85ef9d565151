"""The VAE: its bound in closed form, its gradients, kills, threads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import strict

from minigan import Trainer
from minigan.checks.systems import system_errors
from minigan.data import Dataset
from minigan.gradcheck import TOLERANCE
from minigan.layers import Linear, Network, Reshape
from minigan.models.study import Study
from minigan.runs import checkpoint
from minigan.systems.vae import VAE, elbo
from minigan.training.config import Config


def small(shape: tuple[int, ...] = (8, 8, 3), width: float = 0.05) -> VAE:
    networks = Study(shape, width, np.random.default_rng(0), z_dim=3, momentum=0.1)
    encoder, decoder = networks.discriminator("gaussian", True), networks.generator(logits=True)
    return VAE(encoder, decoder, z_dim=3, sample_shape=shape)


def some(shape: tuple[int, ...] = (8, 8, 3), n: int = 40) -> Dataset:
    rng = np.random.default_rng(1)
    if len(shape) == 1:
        return Dataset("own", rng.normal(size=(n, *shape)).astype(np.float32), None, "drawn for a test")
    return Dataset("own", rng.integers(256, size=(n, *shape), dtype=np.uint8), None, "drawn for a test")


def kill(trainer: Trainer) -> None:
    if trainer.step == 6 * trainer.total // 10:
        raise KeyboardInterrupt


def trained(folder: Path, **options: object) -> dict[str, np.ndarray]:
    trainer = Trainer(small(), some(), folder, batch_size=10, epochs=3, quiet=True, **options)
    trainer.train()
    return arrays_of(folder)


def arrays_of(folder: Path) -> dict[str, np.ndarray]:
    *_, newest = sorted((folder / "checkpoints").glob("step-*.npz"))
    return checkpoint.load(newest)[0]


@pytest.mark.parametrize("shape", [(8, 8, 3), (2,)])
def test_both_networks_pass_the_gradient_check(shape: tuple[int, ...]) -> None:
    system = small(shape)
    rng = np.random.default_rng(2)
    for player in system.players.values():
        player.network.convert(lambda array: rng.normal(size=array.shape) * 0.5 + (array.ndim == 1))
    errors = system_errors(system, {"real": some(shape)}, batch_size=6)
    assert list(errors) == ["VAE"] and errors["VAE"] < TOLERANCE


@pytest.mark.parametrize("channels", [1, 3])
def test_the_bound_of_a_linear_vae_is_the_sum_written_out(channels: int) -> None:
    rng = np.random.default_rng(0)
    encoder = Network(Reshape(4 * channels), Linear(4 * channels, 2, rng=rng, dtype=np.float64))
    decoder = Network(Linear(1, 4 * channels, rng=rng, dtype=np.float64), Reshape(2, 2, channels))
    x, eps = rng.uniform(size=(5, 2, 2, channels)), rng.normal(size=(5, 1))
    loss, _ = elbo(encoder, decoder, x, eps, None)
    total = 0.0
    for image, e in zip(x, eps, strict=True):
        mean, raw = encoder.forward(image[np.newaxis])[0][0]
        std = 1e-6 + np.log1p(np.exp(raw))
        p = 1 / (1 + np.exp(-decoder.forward((mean + std * e)[np.newaxis])[0][0]))
        total -= (image * np.log(p) + (1 - image) * np.log(1 - p)).sum() / channels
        total += 0.5 * (std**2 + mean**2 - 1 - 2 * np.log(std))
    assert float(loss) == pytest.approx(total / 5, rel=1e-12)


def test_no_code_costs_nothing_where_the_posterior_is_the_prior() -> None:
    rng = np.random.default_rng(0)
    encoder = Linear(2, 4, rng=rng, dtype=np.float64)
    encoder.weight[:], encoder.bias[:] = 0, [0, 0, *[np.log(np.expm1(1 - 1e-6))] * 2]  # mean 0, deviation 1
    decoder = Linear(2, 2, rng=rng, dtype=np.float64)
    decoder.weight[:] = 0
    x = rng.normal(size=(7, 2))
    loss, _ = elbo(encoder, decoder, x, rng.normal(size=(7, 2)), sigma=0.5)
    assert float(loss) == pytest.approx((x * x).sum() / (2 * 7 * 0.25), rel=1e-12)  # the likelihood alone


def test_a_run_that_was_killed_and_resumed_ends_with_the_same_bits(tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "killed", hooks=[kill])
    resumed = Trainer.resume(tmp_path / "killed", system=small(), data=some(), quiet=True)
    assert 0 < resumed.step < 6 * resumed.total // 10
    resumed.train()
    again = arrays_of(tmp_path / "killed")
    assert whole.keys() == again.keys()
    assert [key for key in whole if not np.array_equal(whole[key], again[key])] == []


def test_two_threads_agree_with_one_and_every_parameter_moves(tmp_path: Path) -> None:
    start = {key: array.copy() for key, array in small().arrays().items()}
    one, two = trained(tmp_path / "one", threads=1), trained(tmp_path / "two", threads=2)
    weights = [f"{name}/{key}" for name, player in small().players.items() for key, _ in player.network.named_params()]
    assert [key for key in weights if np.array_equal(start[key], one[key])] == []
    for key in weights:
        if key.endswith("bias"):  # batch norm takes those before it out again: their gradients are rounding
            continue
        np.testing.assert_allclose(one[key], two[key], atol=2e-3, err_msg=key)  # Adam's steps are 1e-3 each


def test_deviations_of_points_must_be_positive() -> None:
    with pytest.raises(ValueError, match="sigma, the deviation of points around their means, must be positive, got 0"):
        VAE(
            Linear(2, 2, rng=np.random.default_rng(0)),
            Linear(1, 2, rng=np.random.default_rng(0)),
            z_dim=1,
            sample_shape=(2,),
            sigma=0,
        )


def test_the_bound_runs_on_a_device_without_waiting_for_it() -> None:
    system, rng = small(), np.random.default_rng(4)
    encoder, decoder = (system.players[name].network for name in ("encoder", "decoder"))
    x, eps = rng.uniform(size=(6, 8, 8, 3)).astype(np.float32), rng.normal(size=(6, 3)).astype(np.float32)
    with encoder.keeping_buffers(), decoder.keeping_buffers():
        here, _ = elbo(encoder, decoder, x, eps, None)
    for network in (encoder, decoder):
        network.convert(strict.to_device)
    arrays = [strict.to_device(a) for a in (x, eps)]
    with strict.no_sync():
        there, grads = elbo(encoder, decoder, *arrays, None)
    assert float(strict.to_host(there)) == pytest.approx(float(here), rel=1e-5)
    assert all(np.isfinite(strict.to_host(g)).all() for g in grads["encoder"]["0"].values())


@pytest.mark.parametrize("option", [{"z_dim": 0}, {"width": -1.0}, {"options": {"sigma": 0.0}}])
def test_sizes_that_cannot_be_are_refused_before_there_is_a_folder(option: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"(z_dim|width|sigma).* must be (positive|at least 1), got"):
        Trainer.start(Config(system="vae", data="ring", **option), tmp_path / "run", quiet=True)
    assert list(tmp_path.iterdir()) == []
