"""The choices of a run: written, read, refused, and changed by flags."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from minigan import device, objectives
from minigan.parallel import cores
from minigan.training import build
from minigan.training.config import DEFAULTS, Config
from minigan.training.flags import add_flags, chosen, from_flags

SOURCE = Path("somewhere/config.json")


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return parser.parse_args(arguments)


def test_what_is_dumped_is_loaded_with_every_type_kept() -> None:
    config = Config(
        model="dcgan",
        objective="wgan-gp",
        data="some/folder",
        size=32,
        epochs=0.25,
        betas=(0.0, 0.9),
        decay=0.5,
        n_critic=5,
        hyper={"weight": 2.5, "one_sided": True, "words": "kl", "numbers": [1, 2.5], "none": None},
        penalty="r1",
        penalty_weight=0.5,
        spectral_norm=True,
        z_dim=7,
        width=0.1,
        average=0.99,
        seed=2**64 - 1,
        threads=2,
    )
    again = Config.load(config.dump(), SOURCE)
    assert again == config
    assert [type(value) for value in vars(again).values()] == [type(value) for value in vars(config).values()]


def test_the_dumped_text_is_json_with_one_key_per_field() -> None:
    assert json.loads(Config().dump()).keys() == {field.name for field in dataclasses.fields(Config)}


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '"words"', "{}", '{"betas": 3}', '{"betas": [0, 1]}'])
def test_a_text_that_is_not_a_config_is_refused_with_its_path(text: str) -> None:
    with pytest.raises(ValueError, match=r"somewhere/config\.json: not a configuration"):
        Config.load(text, SOURCE)


def changed(change: Callable[[dict[str, Any]], Any]) -> str:
    values = json.loads(Config().dump())
    change(values)
    return json.dumps(values)


def test_unknown_and_missing_keys_are_listed() -> None:
    def change(values: dict[str, Any]) -> None:
        values["colour"] = values.pop("seed")

    with pytest.raises(ValueError, match=r"config\.json: .*\['colour', 'seed'\]"):
        Config.load(changed(change), SOURCE)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("model", "biggan", "unknown model 'biggan'; known are mlp"),
        ("objective", "wgangp", "unknown objective 'wgangp'; known are minimax"),
        ("batch_size", 0, "must be positive"),
        ("epochs", "many", "config"),
        ("decay", 2, "share of the run"),
    ],
)
def test_a_wrong_value_in_a_file_is_refused_with_the_path_and_what_is_known(name: str, value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        Config.load(changed(lambda values: values.update({name: value})), SOURCE)
    assert str(SOURCE) in str(caught.value)


@pytest.mark.parametrize("name", ["epochs", "batch_size", "n_critic", "threads"])
@pytest.mark.parametrize("value", [0, -1])
def test_counts_that_are_not_positive_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Config(**{name: value})


@pytest.mark.parametrize("epochs", [float("nan"), float("inf")])
def test_epochs_that_are_not_finite_are_refused(epochs: float) -> None:
    with pytest.raises(ValueError, match="epochs"):
        Config(epochs=epochs)


@pytest.mark.parametrize("decay", [-0.1, 1.1, float("nan")])
def test_a_decay_that_is_not_a_share_is_refused(decay: float) -> None:
    with pytest.raises(ValueError, match="decay is a share"):
        Config(decay=decay)


@pytest.mark.parametrize(
    ("objective", "numbers"),
    [
        ("nonsaturating", ("adam", 2e-4, 2e-4, (0.5, 0.999), 1, 64)),
        ("wgan", ("rmsprop", 5e-5, 5e-5, (0.5, 0.999), 5, 64)),
        ("wgan-gp", ("adam", 1e-4, 1e-4, (0.5, 0.9), 5, 64)),
        ("hinge", ("adam", 2e-4, 2e-4, (0.0, 0.9), 5, 64)),
        ("dragan", ("adam", 1e-4, 1e-4, (0.5, 0.9), 1, 128)),
    ],
)
def test_paper_takes_the_numbers_of_the_objectives_paper(objective: str, numbers: tuple[Any, ...]) -> None:
    c = Config(paper=True, objective=objective)
    assert (c.optimizer, c.d_lr, c.g_lr, c.betas, c.n_critic, c.batch_size) == numbers


def test_choices_go_before_the_papers_numbers() -> None:
    config = Config(paper=True, objective="wgan-gp", n_critic=2, d_lr=1.0)
    assert (config.n_critic, config.d_lr, config.g_lr) == (2, 1.0, 1e-4)


def test_a_config_is_the_recipe_of_its_objective_and_a_whole_one_is_taken_as_it_is() -> None:
    assert Config() == Config(objective="nonsaturating", model="infogan", data="mnist-10k")
    assert (Config().width, Config().d_lr, Config().decay, Config().real_label) == (0.25, 1e-3, 0.5, 0.9)
    assert (Config(data="ring").model, Config(model="points").data, Config(data="ring").d_lr) == (
        "points",
        "ring",
        2e-3,
    )
    assert Config(model="mlp").width is None  # a network without channels
    assert Config(objective="lsgan", n_critic=3).n_critic == 3
    assert Config(objective="wgan-gp").hyper == {}
    assert Config(objective="began").hyper == {"gamma": 1.0, "rate": 0.05, "features": 24}
    whole = DEFAULTS | {"objective": "began", "hyper": {"gamma": 0.3}}
    assert vars(Config(**whole)) == whole
    assert replace(Config(objective="began"), hyper={}).hyper == {}


def test_an_unknown_choice_is_refused_with_the_known_ones() -> None:
    with pytest.raises(TypeError, match=r"Config has no colour; it has system, .*model, objective, .*precision"):
        Config(colour="red")


def test_the_choices_of_two_configs_are_not_shared() -> None:
    hyper = {"clip": 0.1}
    config = Config(objective="wgan", hyper=hyper)
    hyper["clip"] = 9.0
    assert config.hyper["clip"] == 0.1 and Config(objective="wgan").hyper == {"warmup": False}


def test_the_recipe_stays_where_model_and_objective_stay() -> None:
    recipe = Config(width=0.5, d_lr=1e-3, batch_size=32, average=0.9)
    sentences: list[str] = []
    assert recipe.but(epochs=3, say=sentences.append) == replace(recipe, epochs=3)
    assert recipe.but(model="infogan", objective="nonsaturating", say=sentences.append) == recipe
    assert sentences == []


@pytest.mark.parametrize("pair", [{"model": "dcgan"}, {"objective": "wgan-gp"}, {"model": "mlp", "objective": "lsgan"}])
def test_another_pair_starts_from_its_own_recipe_reports_it_and_keeps_what_is_not_a_training_number(
    pair: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    kept: dict[str, Any] = {"data": "some/folder", "size": 32, "seed": 5, "device": "auto", "threads": 2}
    recipe = Config(width=0.5, d_lr=0.7, g_lr=0.7, batch_size=3, average=0.9, decay=0.1, epochs=3.5, **kept)
    config = recipe.but(**pair)
    assert config == Config(**kept, **{"objective": recipe.objective} | pair)
    assert {name: getattr(config, name) for name in kept | pair} == kept | pair
    for name in ("d_lr", "g_lr", "batch_size", "average", "decay", "epochs"):
        assert getattr(config, name) != getattr(recipe, name), name
    message = f"The numbers of this run start from the recipe for {config.objective} on images "
    assert capsys.readouterr() == ("", f"{message}(minigan/training/recipes.py).\n")


def test_another_kind_of_data_starts_from_its_own_recipe_and_reports_it() -> None:
    sentences: list[str] = []
    config = Config(objective="hinge", seed=3).but(data="ring", say=sentences.append)
    assert config == Config(objective="hinge", data="ring", seed=3) and config.model == "points"
    (sentence,) = sentences
    assert "the recipe for hinge on points" in sentence


def test_a_model_that_is_not_the_recipes_own_stays_when_the_objective_changes() -> None:
    config = Config(model="dcgan").but(objective="hinge", say=lambda sentence: None)
    assert config == Config(model="dcgan", objective="hinge")


def test_choices_beside_another_pair_are_taken() -> None:
    config = Config().but(objective="wgan", width=0.125, d_lr=1.0, say=lambda sentence: None)
    assert config == replace(Config(objective="wgan"), width=0.125, d_lr=1.0)


@pytest.mark.parametrize("name", objectives.names())
def test_every_objective_has_recipes_that_build_a_run_and_survive_the_disk(name: str) -> None:
    for config, shape in (
        (Config(objective=name, data="ring"), (2,)),
        (Config(objective=name, width=0.05 if Config(objective=name).width else None), (8, 8, 1)),
        (Config(paper=True, objective=name, model="points", data="ring", hidden=8), (2,)),
    ):
        assert Config.load(config.dump(), SOURCE) == config
        system = build.system(config, {"real": {"shape": shape}})
        assert system.sample_shape == shape
        assert system.objective.name == name


@pytest.mark.parametrize(
    ("name", "value"),
    [("hyper", [1]), ("hyper", None), ("penalty", 3), ("penalty_weight", "1"), ("spectral_norm", 1), ("seed", True)],
)
def test_a_value_of_the_wrong_type_in_a_file_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"config\.json: .*{name} is {re.escape(repr(value))}, expected "):
        Config.load(changed(lambda values: values.update({name: value})), SOURCE)


def test_a_weight_without_a_penalty_is_refused() -> None:
    with pytest.raises(ValueError, match="penalty_weight needs a penalty;"):
        Config(penalty_weight=1.0)


def test_without_flags_there_are_no_choices_and_the_recipe_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINIGAN_DEVICE", raising=False)
    flags = parse()
    assert chosen(flags) == {}
    assert from_flags(flags, Config()) == replace(Config(), threads=cores())


def test_every_flag_reaches_the_config() -> None:
    given = "--model dcgan --objective hinge --data ring --size 16 --epochs 0.5 --batch-size 7 --n-critic 3 --width 0.1"
    given += " --penalty r1 --penalty-weight 2 --spectral-norm --hyper clip=0.05 --hyper on=both"
    config = from_flags(parse(*given.split(), "--seed", "9", "--device", "cpu", "--threads", "2"), Config())
    assert config == Config(
        model="dcgan",
        objective="hinge",
        data="ring",
        size=16,
        epochs=0.5,
        batch_size=7,
        n_critic=3,
        width=0.1,
        penalty="r1",
        penalty_weight=2.0,
        spectral_norm=True,
        hyper={"clip": 0.05, "on": "both"},
        seed=9,
        device="cpu",
        threads=2,
    )


def test_hyper_parameters_are_json_where_they_can_be_and_else_words() -> None:
    words = "clip=0.05 on=both every=3 one-sided=true sigmas=[1,2.5] margin=null name==x p=Infinity"
    flags = parse(*(word for pair in words.split() for word in ("--hyper", pair)))
    expected: dict[str, Any] = {"clip": 0.05, "on": "both", "every": 3, "one_sided": True, "sigmas": [1, 2.5]}
    expected |= {"margin": None, "name": "=x", "p": float("inf")}
    config = from_flags(flags, Config())
    assert config.hyper == expected
    assert {name: type(value) for name, value in config.hyper.items()} == {k: type(v) for k, v in expected.items()}
    assert Config.load(config.dump(), SOURCE) == config


@pytest.mark.parametrize("pair", ["clip", "=0.05", ""])
def test_a_hyper_parameter_that_is_not_a_pair_is_refused_with_an_example(
    pair: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse("--hyper", pair)
    assert f"--hyper expects NAME=VALUE, such as --hyper clip=0.05, got {pair!r}" in capsys.readouterr().err


def test_the_flags_of_one_command_line_do_not_reach_the_next() -> None:
    assert from_flags(parse("--hyper", "clip=0.8", "--objective", "wgan"), Config()).hyper["clip"] == 0.8
    assert from_flags(parse(), Config()).hyper == Config().hyper == {}


def test_a_smoothed_label_among_the_hyper_parameters_takes_the_recipes_place() -> None:
    config = from_flags(parse("--hyper", "real_label=0.8"), Config())
    assert (config.real_label, config.hyper) == (0.8, {})
    config = Config(hyper={"real_label": 0.8})  # the recipe's 0.9 gives way, too
    assert (config.real_label, config.hyper) == (None, {"real_label": 0.8})
    with pytest.raises(ValueError, match="real_label is given twice"):
        Config(real_label=0.9, hyper={"real_label": 0.8})


def test_a_hyper_parameter_leaves_the_recipes_others_in_place() -> None:
    own = Config(objective="began").hyper
    config = from_flags(parse("--objective", "began", "--hyper", "gamma=0.25"), Config())
    assert config.hyper == {**own, "gamma": 0.25}
    assert config.but(hyper={"rate": 0.5}).hyper == {**own, "gamma": 0.25, "rate": 0.5}


def test_only_penalties_that_any_scores_can_pay_are_offered(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("wgan-gp", "dragan", "r1"):
        assert parse("--penalty", name).penalty == name
    with pytest.raises(SystemExit):
        parse("--penalty", "cramer")
    assert "invalid choice: 'cramer'" in capsys.readouterr().err


def test_the_papers_numbers_are_taken_on_request() -> None:
    config = from_flags(parse("--paper", "--objective", "hinge", "--seed", "3"), Config())
    kept = {"model": Config().model, "data": Config().data, "epochs": Config().epochs}
    assert config == Config(paper=True, objective="hinge", seed=3, threads=cores(), **kept)
    assert (config.d_lr, config.betas, config.n_critic, config.width) == (2e-4, (0.0, 0.9), 5, None)
    config = from_flags(parse("--paper", "--lr", "0.5", "--batch-size", "7", "--epochs", "2"), Config())
    assert (config.d_lr, config.g_lr, config.batch_size, config.epochs) == (0.5, 0.5, 7, 2)


def test_one_learning_rate_is_that_of_both_players() -> None:
    config = from_flags(parse("--lr", "0.125"), Config())
    assert (config.d_lr, config.g_lr) == (0.125, 0.125)


def test_the_environment_chooses_the_device_and_the_flag_goes_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIGAN_DEVICE", "nonsense")
    with pytest.raises(ValueError, match="unknown device 'nonsense': expected cpu, cuda, cuda:N or auto"):
        from_flags(parse(), Config())
    assert from_flags(parse("--device", "cpu"), Config()).device == "cpu"


def test_the_config_keeps_the_device_that_auto_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_gpu_count", lambda: 0)
    assert from_flags(parse("--device", "auto"), Config()).device == "cpu"


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({"model": "dcgan", "objective": "wgan-gp", "width": 0.5}, {"width": 0.5, "critic_norm": "layer"}),
        ({"model": "dcgan"}, {"critic_norm": "batch"}),
        ({"model": "dcgan", "objective": "hinge", "penalty": "r1"}, {"critic_norm": "layer"}),
        ({"model": "dcgan", "objective": "wgan-gp", "penalty": "r1"}, {"critic_norm": "layer"}),
        ({"model": "gmmn", "objective": "gmmn", "z_dim": 5}, {"z_dim": 5}),
        ({"model": "points", "objective": "wgan-gp", "hidden": 8}, {"hidden": 8}),
    ],
)
def test_the_critics_normalisation_follows_the_objective_where_the_model_has_one(
    choices: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert Config(paper=True, **choices).model_choices() == expected
