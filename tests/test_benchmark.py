"""The benchmark at tiny size: that it runs, what it prints, counts and writes, and that its workers end with it."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from minigan import Config, Trainer, kernels
from minigan.engine.processes import possible

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "examples" / "benchmark.py"
TINY = ("--batch", "4", "--blocks", "2", "--seconds", "0.01", "--threads", "1")
has_torch = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not has_torch, reason="PyTorch is not installed")


@pytest.fixture(scope="module")
def parts() -> Iterator[SimpleNamespace]:
    """The benchmark's modules by their last names; workers started meanwhile find this checkout."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "examples"))
        patch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
        rooms = ("cases", "growth", "jobs", "line", "memory", "products", "report")
        names = ("benchmark", "benchmark_first_run", "benchmark_minigan", *(f"benchmarks.{name}" for name in rooms))
        found = {name.rpartition(".")[2]: importlib.import_module(name) for name in names}
        yield SimpleNamespace(**found)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


def measured_by(tmp_path_factory: pytest.TempPathFactory, *arguments: str) -> tuple[str, dict[str, Any]]:
    out = tmp_path_factory.mktemp("benchmark") / "speed.json"
    done = run(*arguments, *TINY, "--markdown", "--out", str(out))
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(out.read_text())


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    return measured_by(tmp_path_factory, "--models", "mlp", "wgan-gp-dcgan", "--clock", "cpu")


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    return measured_by(tmp_path_factory, "--layer", "correlate-28", "adam")


def test_it_prints_one_line_per_side_and_reports_libraries_threads_and_how_long_it_takes(
    steps: tuple[str, dict[str, Any]],
) -> None:
    text, written = steps
    printed = [line for line in text.splitlines() if line.startswith(("mlp ", "wgan-gp-dcgan "))]
    assert [line.split()[:3] for line in printed] == [
        [row["name"], str(row["batch"]), row["side"]] for row in written["rows"]
    ]
    assert "minigan: NumPy" in text and "1 thread(s)" in text
    assert "2 case(s)" in text and " minutes\n" in text.partition("ms/step")[0]


def test_the_json_holds_the_machine_the_versions_and_every_block(steps: tuple[str, dict[str, Any]]) -> None:
    _, written = steps
    row = written["rows"][0]
    seconds = row["seconds_per_step"]
    assert set(written["machine"]) == {"cpu", "cores"} and (written["same_noise"], written["clock"]) == (False, "cpu")
    assert written["versions"]["numpy"] == np.__version__ and written["threads"] == 1
    assert (row["side"], row["name"], row["batch"], row["threads"]) == ("minigan", "mlp", 4, 1)
    assert len(row["block_seconds_per_step"]) == 2 and row["steps_per_block"] >= 1
    assert seconds["min"] == min(row["block_seconds_per_step"]) > 0
    assert row["images_per_second"] == pytest.approx(4 / seconds["median"])
    assert 0 < row["gemm_share"] < 1 and row["memory_growth"] > 0


def test_kernels_are_reported_in_operations_or_bytes_per_second(layers: tuple[str, dict[str, Any]]) -> None:
    text, written = layers
    ours = {row["name"]: row for row in written["rows"] if row["side"] == "minigan"}
    assert {name: row["unit"] for name, row in ours.items()} == {"correlate-28-1-64": "FLOP/s", "adam-1024-1024": "B/s"}
    for name, work in (("correlate-28-1-64", 2 * 4 * 14 * 14 * 16 * 64), ("adam-1024-1024", 7 * 4 * 1024 * 1024)):
        assert ours[name]["rate"] == pytest.approx(work / ours[name]["seconds_per_step"]["median"])
    assert "GFLOP/s" in text and "GB/s" in text


@pytest.mark.parametrize("measured", ["steps", "layers"])
def test_markdown_has_a_line_for_every_case(measured: str, request: pytest.FixtureRequest) -> None:
    text, written = request.getfixturevalue(measured)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert lines[0].endswith("| to the example | to tuned PyTorch |")
    assert {line.count("|") for line in lines} == {7 if measured == "steps" else 6}
    titles = ["`mlp`", "`dcgan` with WGAN-GP"] if measured == "steps" else ["`correlate-28-1-64`", "`adam-1024-1024`"]
    assert [line.split("|")[1].strip() for line in lines[2:]] == [f"{title}, 4" for title in titles]


@pytest.mark.skipif(has_torch, reason="PyTorch is installed")
def test_without_pytorch_it_reports_it_and_measures_minigan_alone(steps: tuple[str, dict[str, Any]]) -> None:
    text, written = steps
    assert "PyTorch is not installed" in text
    assert {row["side"] for row in written["rows"]} == {"minigan"}
    assert text.count("| – | – | – |") == 2


@needs_torch
@pytest.mark.parametrize("measured", ["steps", "layers"])
def test_pytorch_stands_beside_minigan_with_ratios(measured: str, request: pytest.FixtureRequest) -> None:
    text, written = request.getfixturevalue(measured)
    assert [row["side"] for row in written["rows"]] == 2 * ["minigan", "torch-example", "torch-tuned"]
    ratios = [row["ratio"] for row in written["rows"] if row["side"] != "minigan"]
    assert all(ratio["min"] <= ratio["median"] <= ratio["max"] for ratio in ratios)
    assert "| – | – |" not in text


@needs_torch
@pytest.mark.parametrize("side", ["torch-example", "torch-tuned"])
def test_every_side_builds_networks_of_the_same_size(parts: SimpleNamespace, side: str) -> None:
    with parts.line.workers([side], 1) as (worker,):
        for name in [*parts.cases.MODELS, "infogan-0.5-32", "dcgan-2-28"]:
            if parts.jobs.sides_of(name, [side]):
                played = parts.benchmark_minigan.Played(name, 2, 1)
                assert worker.ask("use", name, 2)["parameters"] == played.parameters


@needs_torch
def test_both_sides_have_the_same_losses_from_the_same_weights() -> None:
    script, environment = SCRIPT.with_name("benchmark_torch_check.py"), os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120, env=environment)
    assert (done.returncode, done.stdout.count("step 2")) == (0, 17), done.stdout + done.stderr


@pytest.mark.parametrize("name", ["conditional", "srgan", "cyclegan", "stylegan", "dcgan-0.25-32"])
def test_the_turns_of_every_system_are_played_and_move_every_network(parts: SimpleNamespace, name: str) -> None:
    played = parts.benchmark_minigan.Played(name, 4, 1)
    players = played.system.players
    before = {player: next(players[player].network.named_params())[1].copy() for player in players}
    losses = played.step()
    assert "+".join(losses).count("+") == len(players) - 1 and np.isfinite(list(losses.values())).all()
    for player, weight in before.items():
        assert not np.array_equal(weight, next(players[player].network.named_params())[1])


def test_the_networks_have_the_forms_that_they_have_in_a_run(parts: SimpleNamespace, tmp_path: Path) -> None:
    trainer = Trainer.start(Config(threads=2), tmp_path / "run", quiet=True)
    played = parts.benchmark_minigan.Played("infogan", 64, 2)
    if played.others is not None:
        played.others.stop()
    for name, player in played.system.players.items():
        there = trainer.system.players[name]
        assert [type(layer) for layer in player.network.walk()] == [type(layer) for layer in there.network.walk()]
        assert (player.optimizer.workers is None) == (there.optimizer.workers is None)


@pytest.mark.parametrize(("same_noise", "passes"), [(False, 2), (True, 1)])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", ["mlp", "wgan-gp-dcgan"])
def test_a_step_moves_both_networks_and_generates_for_each_or_once(
    parts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, name: str, threads: int, same_noise: bool, passes: int
) -> None:
    played = parts.benchmark_minigan.Played(name, 4, threads, same_noise)
    networks = {player: played.system.players[player].network for player in ("D", "G")}
    params = [pair for network in networks.values() for pair in network.named_params()]
    weights = [param for name, param in params if name.endswith("weight")]  # a critic's last bias has no gradient
    before = [weight.copy() for weight in weights]
    G = networks["G"]
    generator = G.network if same_noise else G  # inside of what keeps the samples for the second update
    forward, generated = generator.forward, []
    monkeypatch.setattr(generator, "forward", lambda z, *train: generated.append(z) or forward(z, *train))
    played.step()
    if played.others is not None:
        played.others.stop()
    assert not any(np.array_equal(a, b) for a, b in zip(before, weights, strict=True))
    assert len(generated) == passes


def test_networks_that_differ_are_not_compared(parts: SimpleNamespace) -> None:
    crew = [
        SimpleNamespace(side=side, ask=lambda *request, n=n: {"parameters": {"D": n}})
        for n, side in enumerate(("minigan", "torch-tuned"))
    ]
    with pytest.raises(RuntimeError, match="different networks for mlp"):
        parts.line.measure(crew, "mlp", 4, 2, 0.01, print)


def test_ratios_compare_neighbouring_blocks(parts: SimpleNamespace) -> None:
    sides = ("minigan", "torch-tuned")
    measured = {
        "facts": {side: {"parameters": {"D": 1}, "library": "some", "threads": 1} for side in sides},
        "steps": dict.fromkeys(sides, 5),
        "seconds": {"minigan": [1.0, 4.0, 3.0], "torch-tuned": [2.0, 2.0, 2.0]},
        "memory": {"minigan": 3 * 2**20, "torch-tuned": None},
        "tally": {"flops": 6e9, "share": 0.5},
    }
    ours, other = parts.report.rows_of("mlp", 8, measured, (6e9, "FLOP"), 4e9)
    assert "ratio" not in ours and "of_peak" not in other
    assert other["ratio"] == {"median": 1.5, "min": 0.5, "max": 2.0}
    assert (ours["rate"], ours["of_peak"], ours["images_per_second"]) == (2e9, 0.5, pytest.approx(8 / 3))
    assert parts.report.line(other).endswith(" ?  1.50 [0.50 .. 2.00]")
    assert parts.report.line(ours).endswith(" 3 MiB  50%, 50%")
    expected = "| `mlp`, 8 | 3,000 | 3 | – | – | 1.50 [0.50 .. 2.00] |"
    assert parts.report.markdown([ours, other]).splitlines()[2] == expected


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((2, 3), (3, 5), 60),  # 2 M N K
        ((3,), (3, 5), 30),
        ((2, 3), (3,), 12),
        ((3,), (3,), 6),
        ((7, 2, 3), (3, 5), 420),
        ((7, 1, 2, 3), (4, 3, 5), 1680),
    ],
)
def test_operations_of_products_are_two_for_each_pair_of_numbers(
    parts: SimpleNamespace, a: tuple[int, ...], b: tuple[int, ...], expected: int
) -> None:
    np.matmul(np.zeros(a), np.zeros(b))  # the shapes are ones that NumPy takes
    assert parts.products.flops(a, b) == expected


def test_the_tally_counts_products_inside_kernels_and_leaves_numpy_as_it_was(parts: SimpleNamespace) -> None:
    matmul, x, w = np.matmul, np.ones((2, 8, 8, 3), np.float32), np.ones((4, 4, 3, 5), np.float32)
    books = parts.products.tally(lambda: kernels.correlate(x, w, (2, 2), (1, 1)), 3)
    assert books["flops"] == 2 * (2 * 4 * 4) * (4 * 4 * 3) * 5
    assert 0 < books["share"] < 1
    assert np.matmul is matmul


def test_the_tally_takes_the_busiest_thread(parts: SimpleNamespace) -> None:
    books = parts.products.Tally()
    books.calls = [(1, 0.25, 10), (2, 0.5, 20), (1, 0.5, 30)]
    assert (books.seconds(), books.flops()) == (0.75, 60)


@pytest.mark.parametrize(
    ("name", "work"),
    [
        ("matmul-3-5", (2 * 4 * 3 * 5, "FLOP")),
        ("matmul_dw-3-5", (2 * 4 * 3 * 5, "FLOP")),
        ("spread-8-3-5", (2 * (4 * 4 * 4) * (16 * 3) * 5, "FLOP")),
        ("batchnorm-8-3", (4 * 2 * (4 * 8 * 8 * 3), "B")),
        ("leaky_relu_grad-8-3", (4 * 3 * (4 * 8 * 8 * 3), "B")),
        ("adam-3-5", (4 * 7 * 15, "B")),
    ],
)
def test_the_work_of_kernels_by_hand(parts: SimpleNamespace, name: str, work: tuple[int, str]) -> None:
    kernel = parts.cases.Kernel.named(name)
    assert kernel.work(4) == work and kernel.name == name


@pytest.mark.parametrize(
    "side", ["minigan", *(pytest.param(s, marks=needs_torch) for s in ("torch-example", "torch-tuned"))]
)
def test_every_kernel_runs_on_every_side(parts: SimpleNamespace, side: str) -> None:
    with parts.line.workers([side], 1) as (worker,):
        for kernel in parts.cases.KERNELS:
            worker.ask("use", kernel.name, 2)
            assert worker.ask("run", 1) > 0


def test_beginnings_of_names_choose_kernels(parts: SimpleNamespace) -> None:
    assert [k.name for k in parts.cases.chosen(["match-14", "adam"])] == ["match-14-64-128", "adam-1024-1024"]
    assert parts.cases.chosen(["all"]) == parts.cases.KERNELS
    assert len({k.name for k in parts.cases.KERNELS}) == len(parts.cases.KERNELS)


def test_by_default_every_model_has_its_batches(parts: SimpleNamespace) -> None:
    usual = [("infogan", 64), ("mlp", 64), ("mlp", 128), ("dcgan", 64), ("dcgan64", 64), ("wgan-gp-dcgan", 64)]
    usual += [("conditional", 64), ("srgan", 32), ("cyclegan", 8), ("stylegan", 64)]
    assert parts.benchmark.jobs(parts.benchmark.flags([])) == usual
    assert parts.benchmark.jobs(parts.benchmark.flags(["--models", "mlp", "--batch", "3", "5"])) == [
        ("mlp", 3),
        ("mlp", 5),
    ]


def test_the_estimate_grows_with_blocks_and_with_steps_longer_than_a_block(parts: SimpleNamespace) -> None:
    def estimate(*flags: str, rate: float = 1e11) -> float:
        options = parts.benchmark.flags(["--models", "dcgan64", *flags])
        return parts.jobs.estimate(parts.jobs.jobs(options), options, ["minigan"], rate)

    step = 3 * 2.5e9 * 64 / 1e11
    assert estimate("--blocks", "4") == pytest.approx(1 + (4 + 0.5 + 2) * step)
    assert estimate("--blocks", "4", rate=1e15) == pytest.approx(1 + 4.5 * 0.5, rel=1e-2)


def clock(parts: SimpleNamespace, side: str, seconds: float) -> Any:
    """A worker without a process, whose every step takes so long."""
    worker = parts.line.Worker.__new__(parts.line.Worker)
    worker.side = side
    answers = {"use": {"parameters": {}, "processes": 2}, "tally": {"flops": 3e9, "share": 0.5}}
    worker.ask = lambda word, *more: seconds * more[0] if word == "run" else answers.get(word)
    return worker


def test_blocks_hold_as_many_steps_as_fill_them(parts: SimpleNamespace) -> None:
    worker = clock(parts, "minigan", 0.01)
    assert worker.steps_for(0.5) == 50
    assert worker.steps_for(0.001) == 1


def test_sides_take_turns_and_seconds_are_those_of_a_step(parts: SimpleNamespace) -> None:
    crew, reported = [clock(parts, "minigan", 0.01), clock(parts, "torch-tuned", 0.25)], []
    measured = parts.line.measure(crew, "mlp", 4, 2, 0.5, reported.append)
    assert reported == 2 * ["mlp, batch 4: minigan", "mlp, batch 4: torch-tuned"]
    assert measured["steps"] == {"minigan": 50, "torch-tuned": 2}
    assert measured["seconds"] == {"minigan": 2 * [pytest.approx(0.01)], "torch-tuned": [0.25, 0.25]}
    assert measured["tally"] == {"flops": 6e9, "share": 0.5}  # of both processes


def test_a_worker_that_dies_is_reported_in_a_line(parts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    with parts.line.workers(["minigan"], 1) as (worker,):
        with pytest.raises(RuntimeError, match="the worker of minigan ended with code 1"):
            worker.ask("use", "no-such-kernel", 2)
        with pytest.raises(RuntimeError, match="the worker of minigan ended with code 1"):
            worker.ask("run", 1)
    monkeypatch.setattr(parts.line, "EXAMPLES", ROOT / "nowhere")
    with pytest.raises(SystemExit, match=r"^benchmark: the worker of minigan ended with code 2"):
        parts.benchmark.main(["--models", "mlp"])


@pytest.mark.skipif(os.name != "posix", reason="signals and sessions are POSIX's")
def test_workers_end_when_measuring_is_interrupted(parts: SimpleNamespace) -> None:
    def stop(text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), parts.line.workers(["minigan", "minigan"], 1) as crew:
        assert crew[0].ask("use", "adam-8-8", 2) and os.getsid(crew[0].process.pid) != os.getsid(0)  # no Ctrl-C for it
        parts.line.measure(crew, "adam-8-8", 2, 2, 0.001, stop)
    assert [worker.process.poll() for worker in crew] == [-signal.SIGKILL, -signal.SIGKILL]


@pytest.mark.skipif(os.name != "posix", reason="sends the signal of Ctrl-C to a process group")
def test_ctrl_c_is_one_line() -> None:
    command = [sys.executable, str(SCRIPT), "--layer", "all", "--batch", "2", "--threads", "1"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, start_new_session=True, **pipes) as process:
        assert process.stdout is not None
        while "ms/step" not in process.stdout.readline():
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        _, message = process.communicate(timeout=60)
    assert process.returncode == 130
    assert message.strip().splitlines() == ["benchmark: interrupted; the workers have ended"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--batch", "0"], "must be at least 1"),
        (["--batch", "4", "0"], "must be at least 1"),
        (["--threads", "0"], "must be at least 1"),
        (["--blocks", "0"], "must be at least 1"),
        (["--seconds", "0"], "must be positive"),
        (["--seconds", "nan"], "must be positive"),
        (["--models", "vae"], "invalid choice: 'vae'"),
        (["--layer", "convolve"], "no kernel begins with 'convolve'; there are correlate, "),
        (["--layer", "all", "--models", "mlp"], "not allowed with"),
        (["--growth", "--memory"], "not allowed with"),
        (["--clock", "cpu", "--threads", "2"], "needs --threads 1"),
        (["--growth", "--models", "mlp"], "the models infogan, dcgan"),
        (["--memory", "--device", "cuda"], "without --device"),
        (["--sides", "jax"], "invalid choice: 'jax'"),
        (["--out", "no/such/folder/speed.json"], "a file in a folder that exists"),
    ],
)
def test_bad_flags_are_refused_before_anything_is_measured(
    parts: SimpleNamespace, capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        parts.benchmark.main(arguments)
    assert stop.value.code == 2
    assert complaint in capsys.readouterr().err


def test_numbers_of_other_conditions_are_not_mixed_in_one_file(
    parts: SimpleNamespace, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path, one = tmp_path / "speed.json", parts.benchmark.flags(["--threads", "1"])
    row = {"name": "mlp", "batch": 64, "side": "minigan"}
    parts.jobs.write(path, parts.jobs.conditions(one), [row | {"ms": 3}, row | {"batch": 128}])
    parts.jobs.write(path, parts.jobs.conditions(one), [row | {"ms": 2}])
    assert json.loads(path.read_text())["rows"] == [row | {"batch": 128}, row | {"ms": 2}]
    with pytest.raises(SystemExit):
        parts.benchmark.main(["--threads", "2", "--out", str(path)])
    assert "holds numbers with threads 1, now 2: name another file" in capsys.readouterr().err


def test_growth_measures_every_case_once_and_its_exponent_is_that_of_the_power(parts: SimpleNamespace) -> None:
    growth, todo = parts.growth, parts.jobs.jobs(parts.benchmark.flags(["--growth"]))
    assert len(todo) == len(set(todo)) == 2 * (5 + 3 + 3) and ("infogan-0.25-28", 512) in todo
    rows = [
        {"name": name, "batch": batch, "side": side, "images_per_second": 1e3 / parts.cases.model(name).width ** 1.5}
        for name, batch in todo
        for side in ("minigan", "torch-tuned")
        if side == "minigan" or name.startswith("dcgan")
    ]
    batch, width, pixels = growth.markdown(rows).split("\n\n")
    assert [line.split("|")[-2].strip() for line in width.splitlines()[2:]] == ["1.50"] * 3
    lines = [*batch.splitlines()[2:], *pixels.splitlines()[2:]]
    assert {line.split("|")[-2].strip().lstrip("-") for line in lines} == {"0.00"}
    assert width.splitlines()[0] == "| width | 0.25 | 0.5 | 1 | 2 | exponent |"


@pytest.mark.skipif(not possible(), reason="the team consists of threads here")
def test_the_peak_of_memory_is_that_of_a_new_process_with_the_private_pages_of_the_others(
    parts: SimpleNamespace,
) -> None:
    one, two = (next(parts.memory.rows_of("infogan", 4, ["minigan"], threads, False)) for threads in (1, 2))
    assert 20 * 2**20 < one["peak_memory"] < two["peak_memory"]
    assert parts.memory.markdown([one]).splitlines()[2].endswith(" MiB | – | – | – |")


def test_the_parts_of_the_first_run_are_shown_with_their_spread(parts: SimpleNamespace) -> None:
    text = parts.benchmark_first_run.markdown({"import": [0.3, 0.25, 0.5], "page": [1.0]})
    expected = ["| `import minigan` | 0.30 [0.25 .. 0.50] |", "| report page | 1.00 [1.00 .. 1.00] |"]
    assert text.splitlines()[2:] == expected


@pytest.mark.slow
def test_the_start_and_the_end_of_a_first_run_are_measured(parts: SimpleNamespace) -> None:
    spent = parts.benchmark_first_run.repeat()
    assert list(spent) == list(parts.benchmark_first_run.PARTS) and min(spent.values()) > 0
