"""`minigan export` and `minigan import`, as a person meets them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from support.captioned import write_captioned

from minigan.cli import main
from minigan.exchange import as_pytorch
from minigan.runs.folder import Run
from minigan.scoring.saved_generator import SavedGenerator
from minigan.training import build
from minigan.training.config import Config
from minigan.training.trainer import Trainer

RING = {"model": "points", "data": "ring", "hidden": 8, "batch_size": 1000, "epochs": 0.05, "average": 0.9}
FLAGS = ["--model", "points", "--data", "ring", "--hidden", "8", "--batch-size", "1000", "--epochs", "0.05"]
FLAGS += ["--average", "0.9"]
SHAPE = {"real": {"shape": [2]}}


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("MINIGAN_DEVICE", "MINIGAN_TRACEBACK", "MINIGAN_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose best checkpoint is its first one, and not its newest."""
    folder = tmp_path_factory.mktemp("runs") / "points"
    trainer = Trainer.start(Config(**RING), folder, quiet=True)
    first = trainer.save()
    trainer.run.keep_best(first, {"step": 0})
    trainer.train()
    return folder


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    out, err = capsys.readouterr()
    assert caught.value.code == 2
    line = err.splitlines()[-1]  # before it, which recipe the numbers start from
    assert line.startswith(f"minigan {arguments[0]}: error: ") and "Traceback" not in out + err
    return line


def weights(path: str | Path) -> np.ndarray:
    return load_file(path)["0.weight"].T


def test_export_writes_what_the_run_samples_with_and_prints_the_module(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(run), "--to", "G.safetensors"]) == 0
    saved = SavedGenerator(run)
    out, G = capsys.readouterr().out, saved.system.players["G"].network
    assert out == f"{as_pytorch(G, (2,))}\n\nG.safetensors: G from {saved.path}\n"
    assert "nn.Linear(2, 8)" in out
    np.testing.assert_array_equal(weights("G.safetensors"), saved.system.drawing.layers[0].weight)
    assert not np.array_equal(weights("G.safetensors"), G.layers[0].weight)


def test_export_takes_the_discriminator_and_the_best_checkpoint_where_asked(run: Path) -> None:
    assert main(["export", str(run), "--to", "new.safetensors", "--network", "D"]) == 0
    assert main(["export", str(run), "--to", "best.safetensors", "--network", "D", "--best"]) == 0
    new, best = (SavedGenerator(run, best=best).system.players["D"].network for best in (False, True))
    np.testing.assert_array_equal(weights("new.safetensors"), new.layers[0].weight)
    np.testing.assert_array_equal(weights("best.safetensors"), best.layers[0].weight)
    assert not np.array_equal(weights("new.safetensors"), weights("best.safetensors"))


def test_export_of_codes_takes_the_encoder_and_the_decoder(capsys: pytest.CaptureFixture[str]) -> None:
    config = Config(model="mlp", objective="gmmn", hyper={"space": "codes", "passes": 1}, batch_size=500, epochs=0.1)
    Trainer.start(config, "codes", quiet=True).train()
    for name in ("G", "encoder", "decoder"):
        assert main(["export", "codes", "--to", f"{name}.safetensors", "--network", name]) == 0
    system = SavedGenerator(Path("codes")).system
    first = next(array for _, array in system.decoder.named_params())
    np.testing.assert_array_equal(weights("decoder.safetensors"), first)
    message = refused(capsys, "export", "codes", "--to", "D.safetensors", "--network", "D")
    assert "--network D: the networks of this run are encoder, decoder, G" in message


def test_export_gives_other_names_where_asked(run: Path) -> None:
    assert main(["export", str(run), "--to", "G.safetensors", "--rename", "=main", "--rename", "0=first"]) == 0
    names = {"first.weight", "first.bias", *(f"main.{i}.{name}" for i in (2, 4) for name in ("weight", "bias"))}
    assert load_file("G.safetensors").keys() == names


def test_export_refuses_what_it_cannot_write(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "must end in .safetensors" in refused(capsys, "export", str(run), "--to", "G.pth")
    assert "no config.json" in refused(capsys, "export", ".", "--to", "G.safetensors")
    assert "no tensor is called '7'" in refused(capsys, "export", str(run), "--to", "G.safetensors", "--rename", "7=a")
    with pytest.raises(SystemExit):
        main(["export", str(run), "--to", "G.safetensors", "--rename", "7"])
    assert "expects OURS=THEIRS, such as --rename 0=main.0, got '7'" in capsys.readouterr().err
    assert not Path("G.safetensors").exists()


def test_an_imported_pair_begins_a_run_that_samples_and_continues(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("G", "D"):
        assert main(["export", str(run), "--to", f"{name}.safetensors", "--network", name, "--rename", "=main"]) == 0
    given = ["--G", "G.safetensors", "--D", "D.safetensors", "--rename-G", "=main", "--rename-D", "=main"]
    capsys.readouterr()
    assert main(["import", *FLAGS, *given, "--out", "new"]) == 0
    checkpoint = Path("new/checkpoints/step-000000.npz")
    assert capsys.readouterr().out == f"new: G and D imported into {checkpoint}\n"
    old, new = SavedGenerator(run), SavedGenerator(Path("new"))
    np.testing.assert_array_equal(old(16), new(16))
    arrays, expected = new.system.arrays(), old.system.arrays()
    for name, array in arrays.items():
        player, _, rest = name.partition("/")
        if player in ("G", "D", "G_average"):
            source = "D" if player == "D" else "G_average"  # what was exported of G is what samples are drawn with
            np.testing.assert_array_equal(array, expected[f"{source}/{rest}"])
    assert Path("new/samples/step-000000.png").exists()
    sources = json.loads(Path("new/imported.json").read_text())
    digest = hashlib.sha256(Path("G.safetensors").read_bytes()).hexdigest()
    assert sources["G"] == {"file": "G.safetensors", "sha256": digest} and sources.keys() == {"G", "D"}
    assert main(["train", "--resume", "new"]) == 0
    assert Run.open(Path("new")).latest()[2]["step"] > 0


def test_one_player_may_be_imported_alone(run: Path) -> None:
    assert main(["export", str(run), "--to", "D.safetensors", "--network", "D"]) == 0
    assert main(["import", *FLAGS, "--D", "D.safetensors", "--out", "new"]) == 0
    new, fresh = SavedGenerator(Path("new")).system.players, build.system(Run.open(Path("new")).config, SHAPE).players
    np.testing.assert_array_equal(new["D"].network.layers[0].weight, weights("D.safetensors"))
    np.testing.assert_array_equal(new["G"].network.layers[0].weight, fresh["G"].network.layers[0].weight)


def test_import_makes_no_folder_of_what_does_not_fit(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(run), "--to", "D.safetensors", "--network", "D"]) == 0
    assert "--G, --D or --weights must name a file" in refused(capsys, "import", *FLAGS, "--out", "new")
    assert "leave out --resume" in refused(capsys, "import", "--D", "D.safetensors", "--resume", str(run))
    assert "4.weight is float32 (1, 8), expected float32 (2, 8)" in refused(
        capsys, "import", *FLAGS, "--G", "D.safetensors", "--out", "new"
    )
    assert "no.safetensors" in refused(capsys, "import", *FLAGS, "--G", "no.safetensors", "--out", "new")
    assert f"{run} exists already" in refused(capsys, "import", *FLAGS, "--D", "D.safetensors", "--out", str(run))
    assert not Path("new").exists()


def test_a_conditional_g_goes_out_with_its_condition_joined_to_the_noise_and_comes_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    small = {"width": 0.05, "batch_size": 500, "epochs": 0.1}
    Trainer.start(Config(system="conditional", **small), "classes", quiet=True).train()
    assert main(["export", "classes", "--to", "G.safetensors"]) == 0
    assert "nn.Linear(72, " in capsys.readouterr().out
    message = refused(capsys, "export", "classes", "--to", "D.safetensors", "--network", "D")
    assert "Projection(51, classes=10) cannot be exchanged: it takes a condition beside its input" in message
    assert main(["import", "conditional", "--width", "0.05", "--G", "G.safetensors", "--out", "new"]) == 0
    old, new = (SavedGenerator(Path(name)).answer(3, 0, {"class": "7"})[0] for name in ("classes", "new"))
    np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    ("system", "data", "more"),
    [("cyclegan", "mnist-10k:blueprint", []), ("srgan", "mnist-10k", ["--skip", "--content", "0"])],
)
def test_every_network_goes_out_by_its_name_and_comes_back(system: str, data: str, more: list[str]) -> None:
    flags = [system, "--data", data, "--width", "0.05", "--blocks", "1", *more]
    assert main(["train", *flags, "--epochs", "0.001", "--out", "run"]) == 0
    old, files = SavedGenerator(Path("run")), []
    for name in old.system.players:
        assert main(["export", "run", "--network", name, "--to", f"{name}.safetensors"]) == 0
        files += ["--weights", f"{name}={name}.safetensors"]
    assert main(["import", *flags, *files, "--seed", "5", "--out", "new"]) == 0
    new = SavedGenerator(Path("new"))
    for name, player in old.system.players.items():
        for (key, a), (_, b) in zip(
            player.network.named_arrays(), new.system.players[name].network.named_arrays(), strict=True
        ):
            np.testing.assert_array_equal(a, b, err_msg=f"{name}/{key}")


def test_the_networks_of_a_stackgan_are_listed_and_what_pytorch_has_not_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = write_captioned(Path("pictures"))
    config = Config(system="stackgan", data=str(folder), size=8, width=0.1, batch_size=4)
    Trainer.start(config, "captions", quiet=True).save()
    message = refused(capsys, "export", "captions", "--to", "x.safetensors", "--network", "G")
    assert "--network G: the networks of this run are text, view, D1, G1, D2, G2" in message
    assert main(["export", "captions", "--to", "view.safetensors", "--network", "view"]) == 0
    for name in ("text", "D1", "G1"):
        refused(capsys, "export", "captions", "--to", f"{name}.safetensors", "--network", name)
