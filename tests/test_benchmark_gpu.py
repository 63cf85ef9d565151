"""The measurement on a GPU, as far as it goes without one: its stages, its programs' answers, its table."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support import gpu_machine

from minigan.device import Device

EXAMPLES = Path(__file__).parents[1] / "examples"
has_torch = importlib.util.find_spec("torch") is not None


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    names = ("stages", "blocks", "gpu", "gpu_table")
    modules = {name: importlib.import_module(f"benchmarks.{name}") for name in names}
    return SimpleNamespace(**modules, benchmark=importlib.import_module("benchmark"))


class Clock:
    """Time that passes only where a stage asks for it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def stage(self, parts: SimpleNamespace, name: str, took: float, least: float = 1, most: float = 100) -> Any:
        def run(seconds: float) -> Iterator[dict[str, float]]:
            self.now += took
            yield {"seconds": seconds}

        return parts.stages.Stage(name, least, most, run)


def test_stages_run_in_order_and_the_report_is_kept_after_each(parts: SimpleNamespace) -> None:
    clock, kept = Clock(), []
    stages = [clock.stage(parts, "a", took=10), clock.stage(parts, "b", took=5, most=7)]
    report = parts.stages.play(stages, 60, lambda report: kept.append(list(report)), clock)
    assert kept == [["a"], ["a", "b"]]
    assert report["a"] == {"found": [{"seconds": 60}], "cut": None, "seconds": 10}
    assert report["b"] == {"found": [{"seconds": 7}], "cut": None, "seconds": 5}


def test_a_stage_that_no_longer_fits_is_left_out_and_a_short_one_after_it_is_not(parts: SimpleNamespace) -> None:
    clock = Clock()
    stages = [clock.stage(parts, name, took, least) for name, took, least in (("a", 52, 1), ("b", 9, 20), ("c", 3, 5))]
    report = parts.stages.play(stages, 60, lambda report: None, clock)
    assert report["b"] == {"found": [], "cut": "it takes 20 s at least, and 8 s were left", "seconds": 0}
    assert report["c"]["found"] == [{"seconds": 8}]


def test_what_a_stage_found_before_it_failed_is_kept(parts: SimpleNamespace) -> None:
    def run(seconds: float) -> Iterator[dict[str, int]]:
        yield {"first": 1}
        raise RuntimeError("the second is too large")

    report = parts.stages.play([parts.stages.Stage("a", 1, 9, run)], 60, lambda report: None)
    assert (report["a"]["found"], report["a"]["cut"]) == ([{"first": 1}], "the second is too large")


def python(text: str) -> list[str]:
    return [sys.executable, "-u", "-c", text]


def test_answers_are_the_lines_of_json_among_what_a_program_prints(parts: SimpleNamespace) -> None:
    found = parts.stages.answers(python("print('hello'); print('{\"a\": 1}'); print('{\"b\": 2}')"), 60)
    assert list(found) == [{"a": 1}, {"b": 2}]


def test_a_program_that_fails_is_reported_with_its_last_words(parts: SimpleNamespace) -> None:
    found = parts.stages.answers(python("print('{\"a\": 1}'); raise SystemExit('no such GPU')"), 60)
    assert next(found) == {"a": 1}
    with pytest.raises(RuntimeError, match=r"^code 1: no such GPU$"):
        next(found)


def test_a_program_whose_time_is_over_is_ended(parts: SimpleNamespace) -> None:
    found = parts.stages.answers(python("import time; print('{\"a\": 1}'); time.sleep(600)"), 1.5)
    assert next(found) == {"a": 1}
    with pytest.raises(RuntimeError, match=r"^ended after 2 s$"):
        next(found)


def test_blocks_are_as_long_as_asked_for_and_seconds_are_those_of_a_step(parts: SimpleNamespace) -> None:
    asked: list[int] = []

    def span(step: Any, n: int) -> float:
        asked.append(n)
        return 0.002 * n

    found = parts.blocks.timed(lambda: None, span, blocks=3, seconds=0.5)
    assert found == {"steps": 250, "seconds": [pytest.approx(0.002)] * 3}
    assert asked[0] == parts.blocks.WARM_UP and asked[-3:] == [250] * 3
    assert parts.blocks.timed(lambda: None, lambda step, n: 2.0 * n, blocks=1)["steps"] == 1


def test_a_slow_form_leaves_the_others_their_share(parts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, float]] = []

    def answers(command: list[str], seconds: float) -> Iterator[dict[str, str]]:
        asked.append((command[2], round(seconds)))
        yield {"form": command[2]}
        if command[2] == "b":
            raise RuntimeError("ended after 30 s")

    monkeypatch.setattr(parts.gpu, "answers", answers)
    found = parts.gpu.in_turn("x.py", ("a", "b", "c"), "mlp,64,float32", 90)
    with pytest.raises(RuntimeError, match=r"^b: ended after 30 s$"):
        list(found)
    assert asked == [("a", 30), ("b", 45), ("c", 90)]  # no time has passed


def test_cases_go_to_the_workers_and_come_out_again_the_larger_batches_first(parts: SimpleNamespace) -> None:
    text = parts.gpu.cases(["mlp", "dcgan"], [64, 128])
    assert list(parts.blocks.cases(text))[:3] == [
        ("mlp", 128, "float32"),
        ("mlp", 128, "tf32"),
        ("dcgan", 128, "float32"),
    ]
    assert len(list(parts.blocks.cases(text))) == 8 and list(parts.blocks.cases("")) == []


RESULTS = """<testsuites><testsuite tests="5" skipped="1" failures="1" errors="1">
<testcase name="good"/><testcase name="fine"/><testcase name="left"><skipped/></testcase>
<testcase name="bad"><failure/></testcase><testcase name="worse"><error/></testcase></testsuite></testsuites>"""


def test_pytests_results_are_counted(parts: SimpleNamespace) -> None:
    assert parts.gpu.counted(RESULTS) == {"passed": 2, "failed": 2, "skipped": 1, "names": ["bad", "worse"]}


def test_the_tests_of_the_gpu_are_run_and_counted(parts: SimpleNamespace) -> None:
    (found,) = parts.gpu.pytest(200, "tests/gpu/test_gpu_runs.py", "-k", "products")
    assert found["passed"] + found["skipped"] == 1 and found["code"] == 0


def test_without_a_sanitizer_the_stage_reports_it(parts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RuntimeError, match="compute-sanitizer is not installed"):
        next(parts.gpu.memcheck(9))


def row(side: str, form: str, *microseconds: float, **other: Any) -> dict[str, Any]:
    about = {"model": "mlp", "batch": 64, "precision": "tf32", "parameters": [2, 1], "library": f"{side} 1"}
    return {"side": side, "form": form, "seconds": [1e-6 * time for time in microseconds], **about, **other}


FOUND = [
    row("minigan", "graph", 100, 90, 400, why_not=None),
    row("minigan", "eager", 900, why_not=None),
    row("torch", "eager", 800),
    row("torch", "fused", 700),
    row("torch", "channels_last", 750),
    row("torch", "graph", 250),
]


def report(rows: list[dict[str, Any]]) -> dict[str, Any]:
    about = {"device": "A GPU", "gigabytes": 80.0, "copy_bytes_per_second": 3e12, "float32_flops": 5e13}
    about |= {"tf32_flops": 4e14, "call_seconds": {"a kernel": 4.2e-6}}
    machine = {"found": [about], "cut": None, "seconds": 3.0}
    return {"machine": machine, "all": {"found": rows, "cut": None, "seconds": 60.0}}


def test_the_table_compares_pytorchs_best_with_the_recorded_step(parts: SimpleNamespace) -> None:
    lines = parts.gpu_table.table(report(FOUND)).splitlines()
    assert lines[0].split("  ")[0].strip() == "model, batch, precision"
    cells = lines[1].split()
    assert cells[3:] == ["800", "700", "250", "-", "900", "100", "7.00", "2.50"]
    assert lines[-1] == "A GPU; minigan 1, torch 1; microseconds per step, PyTorch: eager to compile"


def test_the_table_reports_what_could_not_be_recorded_or_compared(parts: SimpleNamespace) -> None:
    odd = row("minigan", "graph", 5, why_not="it waits for the GPU", parameters=[3, 3], batch=128)
    text = parts.gpu_table.table(report([*FOUND, odd, row("torch", "eager", 10, batch=128)]))
    assert "not recorded: it waits for the GPU" in text
    assert text.splitlines()[-1] == "NOT COMPARABLE: the sides built different networks for mlp 128 tf32"
    assert parts.gpu_table.table({"tests": {"found": [], "cut": "no", "seconds": 0}}) == "No step was timed."


def test_each_stage_is_reported_in_a_line(parts: SimpleNamespace) -> None:
    message = parts.gpu_table.printed("machine", report([])["machine"])
    assert "A GPU, 80 GB, copies 3.00 TB/s, float32 50 TFLOP/s, tf32 400 TFLOP/s" in message
    assert message.endswith("the host launches a kernel in 4.2 us")
    tests = {"found": [parts.gpu.counted(RESULTS)], "cut": None, "seconds": 41.2}
    assert parts.gpu_table.printed("tests", tests).splitlines() == [
        "tests        41 s  2 passed, 2 failed, 1 skipped",
        "    FAILED bad",
        "    FAILED worse",
    ]
    cut = {"found": [], "cut": "it takes 30 s at least, and 2 s were left", "seconds": 0}
    assert parts.gpu_table.printed("compile", cut).endswith("0 case(s)  (it takes 30 s at least, and 2 s were left)")


def test_all_stages_in_time_give_numbers_and_the_table_last(
    parts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gpu_machine.install(monkeypatch)

    def stages(todo: str, torch: bool) -> list[Any]:
        assert todo == "mlp,64,float32 mlp,64,tf32" and torch == has_torch
        return [parts.stages.Stage(name, 1, 9, lambda s, p=p: p["found"]) for name, p in report(FOUND).items()]

    monkeypatch.setattr(parts.gpu, "stages", stages)
    out = tmp_path / "gpu.json"
    parts.benchmark.main(["--device", "cuda", "--models", "mlp", "--batch", "64", "--out", str(out)])
    message = capsys.readouterr().out
    assert message.rstrip().endswith("PyTorch: eager to compile") and "A GPU, 80 GB" in message
    written = json.loads(out.read_text())
    assert written["asked"] == "cuda:0" and written["stages"]["all"]["found"] == FOUND


def test_the_real_stages_fit_into_ten_minutes(parts: SimpleNamespace) -> None:
    names = [stage.name for stage in parts.gpu.stages("", torch=True)]
    assert names == ["machine", "tests", "memcheck", "minigan", "torch", "compile"]
    assert [stage.name for stage in parts.gpu.stages("", torch=False)] == names[:4]
    assert all(stage.least <= stage.most for stage in parts.gpu.stages("", torch=True))
    assert parts.benchmark.flags(["--device", "cuda"]).budget < 600


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [(["--budget", "0"], "must be positive"), (["--device", "cuda", "--layer", "adam"], "single kernels of the CPU")],
)
def test_bad_flags_are_refused(
    parts: SimpleNamespace, capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        parts.benchmark.main(arguments)
    assert stop.value.code == 2 and complaint in capsys.readouterr().err


def test_without_a_gpu_it_ends_in_a_line(parts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu_machine.install(monkeypatch, gpus=0)
    with pytest.raises(SystemExit, match=r"^benchmark: device 'cuda': CuPy finds no usable GPU on this machine"):
        parts.benchmark.main(["--device", "cuda"])


@pytest.mark.skipif(not has_torch, reason="PyTorch is not installed")
@pytest.mark.parametrize("form", ["eager", "fused", "channels_last", "graph_last", "compile"])
def test_pytorchs_forms_take_a_step_without_a_gpu(parts: SimpleNamespace, form: str) -> None:
    command = [*parts.stages.worker("benchmark_torch_gpu.py", form, "dcgan,2,float32"), "--device", "cpu"]
    (found,) = parts.stages.answers(command, 200)
    assert (found["side"], found["form"], found["model"], found["batch"]) == ("torch", form, "dcgan", 2)
    assert found["steps"] >= 1 and min(found["seconds"]) > 0


@pytest.mark.parametrize("form", ["eager", "graph"])
def test_minigans_forms_take_a_step_without_a_gpu(
    parts: SimpleNamespace, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu_machine.install(monkeypatch)
    ours = importlib.import_module("benchmark_minigan_gpu")
    monkeypatch.setattr(ours, "IMAGES", 20)
    step = ours.Steps(form, "mlp", 4, Device("cuda"))
    params = [param for player in step.system.players.values() for _, param in player.network.named_params()]
    before = [param.get() for param in params]
    losses = [float(step().loss) for _ in range(4)]
    moved = [(old != new.get()).any() for old, new in zip(before, params, strict=True)]
    assert all(moved) and len(set(losses)) == 4
    assert step.why_not == (None if form == "eager" else "this machine records no graphs")
