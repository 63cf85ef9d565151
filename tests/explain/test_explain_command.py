"""`minigan explain` as a person meets it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.captioned import write_captioned

from minigan import data, device, models, objectives
from minigan.cli import main
from minigan.explain.events import HOUSE, Loss, Sweep, Update
from minigan.explain.sections import describe
from minigan.explain.step import WatchedDraw, explain, watch_turn
from minigan.layers import Linear, Network
from minigan.systems import GAN
from minigan.training.config import Config
from minigan.training.trainer import Trainer

SMALL = ["--width", "0.05"]


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty working folder, a terminal of 120 columns, and no settings of whoever runs the tests."""
    for name in ("MINIGAN_DEVICE", "MINIGAN_TRACEBACK", "MINIGAN_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)


def test_it_prints_both_turns_of_dcgan_and_wgan_gp_where_nothing_is_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("One step of dcgan with wgan-gp\n") and "the second-order pass" in out
    assert max(map(len, out.splitlines())) <= 120


def test_the_readme_shows_what_it_prints_but_for_the_digits(capsys: pytest.CaptureFixture[str]) -> None:
    def lines(text: str) -> list[str]:
        return [" ".join(re.sub(r"-?\d[\d.e+-]*", "#", line).split()) for line in text.splitlines() if line.strip()]

    readme = (HOUSE / "minigan" / "explain" / "README.md").read_text(encoding="utf-8")
    excerpt = readme.partition("$ minigan explain --model dcgan --objective wgan-gp\n")[2].partition("```")[0]
    main(["explain", "--model", "dcgan", "--objective", "wgan-gp"])
    printed, shown = lines(capsys.readouterr().out), lines(excerpt)
    assert len(shown) > 5 and [line for line in shown if line not in printed] == []


def test_one_seed_gives_one_text_and_another_another(capsys: pytest.CaptureFixture[str]) -> None:
    texts = []
    for seed in ("0", "0", "1"):
        main(["explain", *SMALL, "--objective", "hinge", "--seed", seed])
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] != texts[2].replace("seed 1", "seed 0")


@pytest.mark.parametrize("model", models.names())
@pytest.mark.parametrize("objective", ["nonsaturating", "wgan-gp", "ebgan"])
def test_every_model_is_explained(model: str, objective: str, capsys: pytest.CaptureFixture[str]) -> None:
    flags = {"points": ["--data", "ring"], "dcgan64": ["--data", "pictures", "--size", "64", *SMALL]}
    if model == "dcgan64":
        Path("pictures").mkdir()
        for i in range(4):
            noise = np.random.default_rng(i).integers(0, 255, (64, 64, 3), dtype=np.uint8)
            Image.fromarray(noise).save(f"pictures/{i}.png")
    usual = SMALL if model in ("dcgan", "infogan") else []
    assert main(["explain", "--model", model, "--objective", objective, *flags.get(model, usual)]) == 0
    assert f"One step of {model} with {objective}" in capsys.readouterr().out


@pytest.mark.parametrize("name", objectives.names())
def test_every_objective_is_explained_with_its_recipe(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--objective", name, "--data", "ring", "--batch", "8"]) == 0
    assert f"One step of points with {name}" in capsys.readouterr().out


def test_penalty_and_spectral_norm_can_be_added(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", *SMALL, "--objective", "hinge", "--penalty", "r1", "--spectral-norm"]) == 0
    out = capsys.readouterr().out
    assert "SpectralNorm" in out and "R = γ/2 mean" in out and "--penalty r1 --spectral-norm" in out
    assert "y = correlate(x, weight) + bias" in out, "the page of the layer inside"


def test_the_losses_are_those_of_a_run_that_begins() -> None:
    config = Config(model="dcgan", objective="nonsaturating", width=0.1, batch_size=8, epochs=0.01)
    d_part, g_part = explain(config).parts
    losses: list[float] = []

    def note(trainer: Trainer) -> None:
        losses.extend(trainer.losses.values())

    trainer = Trainer.start(config, Path("run"), quiet=True, hooks=[note])
    trainer.train()
    (d_loss,) = [event.value for event in d_part.events if isinstance(event, Loss)]
    (g_loss,) = [event.value for event in g_part.events if isinstance(event, Loss)]
    assert losses[:2] == pytest.approx([d_loss, g_loss], rel=1e-4)
    (update,) = [event for event in g_part.events if isinstance(event, Update)]
    assert len(update.moves) == len(trainer.system.players["G"].optimizer.params)


def test_of_many_turns_of_d_the_first_is_explained() -> None:
    config = Config(objective="wgan", data="ring", model="points", n_critic=3, batch_size=8)
    assert [part.turn for part in explain(config).parts] == ["D", "G"]


def test_a_system_is_as_it_was_when_it_has_been_watched() -> None:
    rng = np.random.default_rng(0)
    G, D = (Network(Linear(2, n, rng=rng)) for n in (2, 1))
    system = GAN(G, D, objectives.get("hinge"), z_dim=2)
    before = {**vars(system)}, [(player.network, player.optimizer) for player in system.players.values()]
    draw = WatchedDraw({"real": data.load("ring", rng=rng)}, 8, 0, device.choose("cpu"))
    for turn in system.turns(0, 1):
        assert watch_turn(system, turn, draw)
    after = [(player.network, player.optimizer) for player in system.players.values()]
    assert all(vars(system)[name] is value for name, value in before[0].items())
    assert after == before[1]


def test_gmmn_in_code_space_is_explained_with_the_encoder_of_its_real_samples() -> None:
    hyper = {"space": "codes", "passes": 2}
    config = Config(model="mlp", objective="gmmn", hyper=hyper, batch_size=8)
    explained = explain(config)
    (part,) = explained.parts
    assert (part.turn, part.purpose, explained.prepared) == ("G", "moves G", True)
    passes = [(event.network, event.about) for event in part.events if isinstance(event, Sweep)]
    assert passes[:2] == [("encoder", "real samples"), ("G", "the noise z")]
    assert ("D", "encoder of real samples") in passes and ("D", "the samples G(z)") in passes
    assert "was prepared" in describe(config, explained).about


def test_the_page_is_written_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", *SMALL, "--html", "step.html"]) == 0
    page = Path("step.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") and page.endswith("</html>\n")
    assert re.fullmatch(r"step.html: One step of dcgan with wgan-gp, \d+ kB\n", capsys.readouterr().out)
    assert [path.name for path in Path().iterdir()] == ["step.html"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--html", "step.txt"], "--html step.txt: the name must end in .html"),
        (["--html", "no/step.html"], "there is no folder no"),
        (["--html", "step.html", "--full"], "leave out --full"),
        (["--batch", "0"], "must be positive"),
        (["--seed", "-1"], "seed must be an integer from 0"),
        (["--data", "minst"], "unknown data set 'minst'"),
        (["--model", "dcgan", "--data", "ring"], "(H, W, C) images"),
        (["--objective", "ebgan", "--penalty", "r1"], "a penalty needs one score per sample"),
    ],
)
def test_what_is_wrong_is_reported_in_one_line(
    flags: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["explain", *SMALL, *flags] if flags[0] == "--html" else ["explain", *flags])
    out, err = capsys.readouterr()
    assert caught.value.code == 2 and words in err and err.count("\n") == 1
    assert out == "" and list(Path().iterdir()) == []


SYSTEMS = {
    "conditional": ([], ["One step of conditional with nonsaturating", "Projection", "Join"]),
    "ageing": (["--at", "0.9"], ["TURN E moves E", "minigan train ageing --model infogan"]),
    "stackgan": (
        ["--at", "0.5", "--data", "pictures", "--size", "8"],
        ["TURN D1 moves D1 to distinguish real samples from G1's", "Augment"],
    ),
    "stylegan": (["--option", "style=adain", "--option", "skip=false"], ["AdaIN", "--style adain --no-skip"]),
}


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_step_of_another_system_is_explained_in_each_of_its_stages(
    system: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_captioned(Path("pictures"))
    flags, expected = SYSTEMS[system]
    assert main(["explain", "--system", system, *SMALL, *flags]) == 0
    out = capsys.readouterr().out
    assert [text for text in expected if text not in out] == []


def test_flags_that_a_system_has_not_and_steps_after_the_end_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = {
        "takes no --objective": ["vae", "--objective", "hinge"],
        "in [0, 1), got 1": ["conditional", "--at", "1"],
        "has no frst": ["stylegan", "--option", "frst=constant"],
        "skip must be True or False, got 'no'": ["stylegan", "--option", "skip=no"],
    }
    for words, flags in wrong.items():
        with pytest.raises(SystemExit, match="2"):
            main(["explain", "--system", *flags])
        assert words in capsys.readouterr().err
