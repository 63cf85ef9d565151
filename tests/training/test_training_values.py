"""Values from Python for a Config, the Trainer and layers: taken as meant, or refused with a clear message."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tiny_runs import resumed, tiny, trained

from minigan import Config, Trainer, data, models, objectives, optim
from minigan.device import CPU
from minigan.layers import Conv2d, Dropout, Linear, Noise
from minigan.objectives import WGANGP, Cramer
from minigan.random import Streams
from minigan.systems import GAN


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("batch_size", 64.0, 64),
        ("batch_size", np.int64(64), 64),
        ("batch_size", np.array(64), 64),
        ("epochs", np.float32(0.5), 0.5),
        ("seed", np.uint64(2**63), 2**63),
        ("betas", [0.5, 0.9], (0.5, 0.9)),
        ("betas", np.array([0.5, 0.9]), (0.5, 0.9)),
        ("d_lr", np.float64(1e-3), 1e-3),
        ("threads", 2.0, 2),
        ("spectral_norm", np.True_, True),
        ("device", CPU, "cpu"),
        ("hyper", {"clip": np.float64(0.25), "on": ("a", np.int8(3))}, {"clip": 0.25, "on": ("a", 3)}),
    ],
)
def test_a_value_is_kept_in_the_types_of_json(name: str, value: Any, kept: Any) -> None:
    config = Config(**{name: value})
    assert getattr(config, name) == kept and type(getattr(config, name)) is type(kept)
    assert json.loads(config.dump())[name] == json.loads(json.dumps(kept))
    assert Config.load(config.dump(), Path("config.json")).dump() == config.dump()


def test_a_path_object_is_a_path_even_where_it_has_the_name_of_a_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Config(data="mnist").data == "mnist"
    assert Config(data=Path("mnist")).data == str(tmp_path / "mnist")
    with pytest.raises(FileNotFoundError, match="mnist: no such folder"):
        data.load(Path("mnist"))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("batch_size", 64.5, r"batch_size must be an integer, got 64.5 \(float\)"),
        ("batch_size", "64", r"batch_size must be an integer, got '64' \(str\)"),
        ("batch_size", True, "batch_size must be an integer, got True"),
        ("epochs", "1", "epochs must be a number, got '1'"),
        ("epochs", float("nan"), "must be positive and finite, got nan"),
        ("average", float("nan"), "average must be finite"),
        ("betas", 0.5, "betas must be two numbers, got 0.5"),
        ("same_noise", "no", "same_noise must be True or False, got 'no'"),
        ("size", (64, 64), r"size must be an integer or None, got \(64, 64\) \(tuple\)"),
        ("hyper", ["clip"], "hyper must be a dict of names and values"),
        ("hyper", {1: 2}, "the names in hyper must be texts, got 1"),
        ("objective", objectives.get("hinge"), "objective must be a name, got .* objects train through Trainer"),
        ("batch_size", 0, r"batch_size \(--batch-size\) must be positive and finite, got 0"),
    ],
)
def test_any_other_value_is_refused_by_its_name(name: str, value: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        Config(**{name: value})


def test_a_run_takes_texts_for_paths_and_numpy_numbers(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    trained(tiny(pictures, seed=np.int32(3), batch_size=8.0, epochs=np.float64(1)), "out")
    trained(tiny(pictures, seed=3, epochs=1), tmp_path / "same")
    names = [path.name for path in (tmp_path / "same" / "checkpoints").iterdir()]
    assert names and all((tmp_path / "out" / "checkpoints" / name).is_file() for name in names)
    assert resumed("out", choices={"epochs": np.float64(1.5)}).total == 9


ZERO: Any = 0  # not a generator
NONE: Any = None
HINGE: Any = "hinge"


def test_sizes_of_layers_may_be_integers_of_numpy() -> None:
    size, rng = np.int64(3), np.random.default_rng(0)
    assert repr(Conv2d(size, size, size, size, size, rng=rng)) == repr(Conv2d(3, 3, 3, 3, 3, rng=rng))
    assert repr(Linear(size, size, rng=rng)) == repr(Linear(3, 3, rng=rng))
    assert objectives.get("r1", every=np.int64(3)).every == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("begin", "message"),
    [
        (lambda: Trainer.start(ZERO, "x"), r"Trainer.start expects a Config, got 0 \(int\)"),
        (lambda: Trainer.start(Config(), ZERO), r"the folder of a run must be a path, got 0 \(int\)"),
        (lambda: Trainer.start(Config(), ""), "the folder of a run must be a path, got ''"),
        (lambda: Trainer(ZERO, NONE), "Trainer expects a System"),
        (lambda: models.get("points", ZERO), r"streams must be minigan.random.Streams\(seed\), got 0"),
        (lambda: Streams(NONE), "seed must be an integer"),
        (lambda: data.load("ring", rng=ZERO), "rng must be a generator of NumPy.* got 0"),
        (lambda: Linear(3, 2, rng=ZERO), "rng must be a generator of NumPy.* got 0"),
        (lambda: Conv2d(3, 2, 3, rng=NONE), "rng must be a generator of NumPy.* got None"),
        (lambda: Dropout(0.5, rng=ZERO), "rng must be a generator of NumPy.* got 0"),
        (lambda: Noise(4, 4, 2, rng=ZERO), "rng must be a generator of NumPy.* got 0"),
        (lambda: WGANGP(rng=ZERO), "rng must be a generator of NumPy.* got 0"),
        (lambda: optim.Adam(Linear(3, 2, rng=np.random.default_rng(0))), r"names: network.named_params\(\)"),
        (lambda: GAN(NONE, NONE, HINGE, z_dim=2), r"objective must be an object, such as objectives.get\('hinge'\)"),
        (lambda: Cramer(rng=ZERO), "rng must be a generator of NumPy.* got 0"),
    ],
)
def test_what_is_not_meant_is_refused_at_the_border(begin: Callable[[], object], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        begin()


@pytest.mark.parametrize(
    ("system", "option", "value", "error", "message"),
    [
        ("stylegan", "skip", "no", TypeError, "skip must be True or False, got 'no'"),
        ("stylegan", "mixing", "much", TypeError, "mixing must be a number, got 'much'"),
        ("stylegan", "w_dim", 2.5, TypeError, "w_dim must be an integer, got 2.5"),
        ("stylegan", "first", "z", ValueError, "first must be w or constant, got z"),
        ("srgan", "scale", 3, ValueError, "scale must be 2 or 4, got 3"),
    ],
)
def test_a_systems_own_choice_has_the_type_of_its_default_and_is_one_of_its_choices(
    system: str, option: str, value: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Config(system=system, options={option: value})
