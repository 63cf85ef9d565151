"""Build: from the names and numbers of a config to a data set and a system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from minigan import device, models, objectives, optim
from minigan.data import Dataset
from minigan.device import Array, Device
from minigan.layers import Layer
from minigan.random import Streams
from minigan.systems import GAN, CodeGMMN
from minigan.training import registry
from minigan.training.config import OWN, PENALTIES, Config, gan_recipe
from minigan.training.datasets import dataset_of
from minigan.training.registry import FIELDS, About, Entry
from minigan.training.system import System

OPTIMIZERS = ("adam", "adamax", "rmsprop", "sgd")


def datasets(config: Config) -> dict[str, Dataset]:
    """The data sets of a run, by the names that its system draws from; ValueError for one that was started with
    objects."""
    _check_names(config)
    return registry.entry(config.system).datasets(config)


def system(config: Config, about: Mapping[str, About], on: Device | None = None) -> System:
    """The system of a run in its first state, on its device or on another; ValueError for what does not fit together.

    about: of each data set, by name (Dataset.about)
    """
    _check_names(config)
    on = device.choose(config.device) if on is None else on
    on.use()
    return registry.entry(config.system).build(config, about, on)


def _check_names(config: Config) -> None:
    if config.system == OWN:
        raise ValueError(
            "this run was started with Python objects, which its config.json does not contain: continue with "
            "Trainer.resume(folder, system=..., data=...), or load its checkpoint into the networks of its script"
        )


def _datasets(config: Config) -> dict[str, Dataset]:
    return {"real": dataset_of(config)}


def _gan(config: Config, about: Mapping[str, About], on: Device) -> GAN:
    sample_shape, streams = tuple(about["real"]["shape"]), Streams(config.seed)
    objective = objective_of(config, streams)
    model = model_of(config, objective, streams, sample_shape)
    codes = model.autoencoder or ()
    for part in (model.D, model.G, *codes, objective):
        part.convert(on.asarray)
    options: dict[str, Any] = {
        "z_dim": model.z_dim,
        "g_optimizer": optimizer_of(config, model.G.named_params(), config.g_lr),
        "n_critic": config.n_critic,
        "same_noise": config.same_noise,
        "average": config.average,
        "sample_shape": model.sample_shape,
    }
    if isinstance(objective, objectives.GMMN) and model.autoencoder is not None:
        params = _prefixed(encoder=model.autoencoder[0], decoder=model.autoencoder[1])
        optimizer = optimizer_of(config, params, config.d_lr)
        return CodeGMMN(model.G, model.D, objective, model.autoencoder, autoencoder_optimizer=optimizer, **options)
    d_optimizer = optimizer_of(config, model.D.named_params(), config.d_lr) if objective.trains_d else None
    return GAN(model.G, model.D, objective, d_optimizer=d_optimizer, **options)


def model_of(
    config: Config, objective: objectives.Objective, streams: Streams, sample_shape: tuple[int, ...]
) -> models.Model:
    """The networks of a run, with weights drawn from `streams`."""
    critic = models.Critic(**objective.critic(), spectral_norm=config.spectral_norm)
    model = models.get(config.model, streams, sample_shape=sample_shape, critic=critic, **config.model_choices())
    objective.check(model.D, np.zeros((2, *sample_shape), np.float32))
    return model


def table(config: Config, about: Mapping[str, About]) -> str:
    """The networks of a GAN's run, layer by layer; other systems have no table."""
    if config.system != "gan":
        return ""
    streams = Streams(config.seed)
    return model_of(config, objective_of(config, streams), streams, tuple(about["real"]["shape"])).table()


def objective_of(config: Config, streams: Streams) -> objectives.Objective:
    """The objective of a run, with the penalty that it borrows."""
    hyper = dict(config.hyper)
    if config.real_label is not None:
        hyper["real_label"] = config.real_label
    objective = _named(config.objective, hyper, streams)
    if config.penalty is not None:
        if objective.output not in ("score", "mean", "covariance"):
            output = objectives.OUTPUTS[objective.output]
            raise ValueError(f"a penalty needs one score per sample; D of {config.objective} gives {output}")
        weight = {} if config.penalty_weight is None else {PENALTIES[config.penalty]: config.penalty_weight}
        objective.add_penalty(_named(config.penalty, weight, streams))
    return objective


def _named(name: str, hyper: dict[str, Any], streams: Streams) -> objectives.Objective:
    if "rng" in hyper:
        raise ValueError("rng is the run's own: its random numbers follow from the seed")
    random = {"rng": streams("penalty")} if "rng" in objectives.hyperparameters(name) else {}
    return objectives.get(name, **hyper, **random)


def optimizer_of(config: Config, named_params: Iterable[tuple[str, Array]], lr: float) -> optim.Optimizer:
    """The optimizer of a run, for these parameters."""
    params = list(named_params)
    if config.optimizer == "adam":
        return optim.Adam(params, lr, betas=config.betas)
    if config.optimizer == "adamax":
        return optim.AdaMax(params, lr, betas=config.betas)
    if config.optimizer == "rmsprop":
        return optim.RMSProp(params, lr)
    if config.optimizer == "sgd":
        return optim.SGD(params, lr)
    raise ValueError(f"unknown optimizer {config.optimizer!r}; known are {', '.join(OPTIMIZERS)}")


def _prefixed(**networks: Layer) -> Iterable[tuple[str, Array]]:
    return ((f"{part}.{name}", a) for part, network in networks.items() for name, a in network.named_params())


ENTRY = Entry(
    about="one generator, one discriminator, noise",
    recipe=gan_recipe,
    datasets=_datasets,
    build=_gan,
    fields=FIELDS,
)
