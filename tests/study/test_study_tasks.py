from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from minigan.models import count
from minigan.models.study import Study
from minigan.study import space, tasks
from minigan.study.tasks import Spec


def test_the_networks_have_the_parameters_of_the_study() -> None:
    def sizes(shape: tuple[int, ...], width: float) -> tuple[int, int]:
        networks = Study(shape, width, np.random.default_rng(0))
        return count(networks.discriminator("score", True)), count(networks.generator())

    assert sizes((28, 28, 1), 1.0) == (6_559_169, 6_642_241)  # 6.56 M and 6.64 M
    assert sizes((32, 32, 3), 1.0) == (8_527_297, 8_616_131)  # 8.5 M and 8.6 M
    assert sizes((28, 28, 1), 0.25) == (410_993, 431_761)  # 0.41 M and 0.43 M


def test_weights_of_convolutions_are_cut_off_at_two_deviations_and_others_are_not() -> None:
    networks = Study((28, 28, 1), 0.5, np.random.default_rng(0))
    weights = [w for name, w in networks.discriminator("score", False).named_params() if w.ndim > 1]
    convolutions, dense = [w for w in weights if w.ndim == 4], [w for w in weights if w.ndim == 2]
    assert max(np.abs(w).max() for w in convolutions) <= 0.04 < min(np.abs(w).max() for w in dense[:1])
    assert convolutions[1].std() == pytest.approx(0.02 * 0.8796, rel=0.02)  # the deviation that the cut leaves


@pytest.mark.parametrize("model", space.MODELS)
def test_the_first_sample_is_the_default_and_the_others_lie_in_their_ranges(model: str) -> None:
    assert space.sample(model, "mnist", "wide", 0) == space.DEFAULTS[model]
    drawn = [space.sample(model, "mnist", "wide", i) for i in range(1, 200)]
    assert all(params.keys() == space.DEFAULTS[model].keys() for params in drawn)
    rates = np.log10([params["lr"] for params in drawn])
    assert -5 <= rates.min() < -4.9 and -2.1 < rates.max() <= -2
    assert {params["disc_iters"] for params in drawn} == {1, 5}
    if "lambda" in drawn[0]:
        low, high = (-4, -2) if model == "began" else (-1, 2)
        weights = np.log10([params["lambda"] for params in drawn])
        assert low <= weights.min() < low + 0.2 and high - 0.2 < weights.max() <= high


def test_the_narrow_search_keeps_batch_norm_away_from_penalties() -> None:
    for model in ("wgan_gp", "dragan"):
        assert not any(space.sample(model, "mnist", "narrow", i)["disc_bn"] for i in range(1, 50))


def test_a_draw_depends_on_its_own_names_alone() -> None:
    spec = Spec.load("toy")
    fewer = dataclasses.replace(spec, models=("wgan", "vae"), searches={"wide": 3})
    keys = {tasks.key(task) for task in tasks.search(spec)}
    assert len(keys) == 320
    assert {tasks.key(task) for task in tasks.search(fewer)} <= keys


def test_a_key_follows_from_content_and_not_from_the_order_of_names() -> None:
    task = tasks.search(Spec.load("smoke"))[0]
    again = json.loads(json.dumps(dict(reversed(task.items()))))
    assert tasks.key(again) == tasks.key(task) and len(tasks.key(task)) == 16
    assert tasks.key({**task, "seed": 1}) != tasks.key(task)
    assert json.loads(tasks.canonical(task)) == task  # numbers come back to the last bit


@pytest.mark.parametrize("name", tasks.names())
def test_every_spec_of_the_package_loads_and_has_different_tasks(name: str) -> None:
    spec = Spec.load(name)
    made = tasks.search(spec)
    assert spec.name == name
    assert len({tasks.key(task) for task in made}) == len(made)
    assert len(made) == sum(spec.searches.values()) * len(spec.models) * len(spec.data)


def test_wrong_specs_are_refused_with_what_is_wrong() -> None:
    with pytest.raises(ValueError, match=r"spec must be one of .*smoke.*, got nothing"):
        Spec.load("nothing")
    good = Spec.load("smoke").as_json()
    with pytest.raises(ValueError, match=r"model must be one of mm, ns.*got 'gan'"):
        Spec.from_json({**good, "models": ["gan"]})
    with pytest.raises(ValueError, match=r"sizes of grid25 must have width.*got nothing"):
        Spec.from_json({**good, "data": ["grid25"]})
    with pytest.raises(ValueError, match="searches must be wide or narrow"):
        Spec.from_json({**good, "searches": {"broad": 3}})
