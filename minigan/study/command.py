"""`minigan study`: its four commands."""

from __future__ import annotations

import argparse
import dataclasses
import math
from pathlib import Path

from minigan.atomic import replacing
from minigan.study import analysis, claims, cluster, datasets, figures, markdown, page, tasks, workers
from minigan.study.store import Store
from minigan.study.tasks import Spec

TEXT = """The study of Lucic et al. 2018, "Are GANs Created Equal?": many models, many configurations, one protocol.

  generate SPEC      write the tasks of a study into a folder; SPEC is smoke, toy, cpu-lite, cpu, gpu-mini, gpu, dask,
                     or a JSON file
  run FOLDER         run the tasks without a result: on this machine, or on a Dask cluster
  analyse RESULTS    tables and claims, computed from the results: a folder, or a table of results (.csv)
  report RESULTS     the same as one HTML page, with figures

examples: minigan study generate smoke --out studies/smoke
          minigan study run studies/smoke --workers 2
          minigan study run studies/smoke --scheduler tcp://192.0.2.1:8786
          minigan study report studies/smoke"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the four commands."""
    commands = parser.add_subparsers(dest="act_of_study", required=True)
    generate = commands.add_parser("generate", help="write the tasks of a study into a folder")
    generate.add_argument("spec", metavar="SPEC", help=f"{', '.join(tasks.names())}, or a JSON file")
    generate.add_argument("--out", type=Path, help="the folder; default studies/SPEC")
    generate.add_argument("--data", help=f"other data sets, separated by commas: some of {', '.join(datasets.NAMES)}")
    generate.add_argument("--steps", type=int, help="another number of D steps")
    generate.set_defaults(act=_generate)
    run = commands.add_parser("run", help="run the tasks that have no result")
    run.add_argument("folder", type=Path, metavar="FOLDER", help="the folder of the study")
    run.add_argument("--workers", type=int, default=1, help="processes of this machine (default 1)")
    run.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster, such as tcp://192.0.2.1:8786")
    run.add_argument("--local-cluster", type=int, metavar="N", help="a Dask cluster of N processes on this machine")
    run.set_defaults(act=_run)
    for name, what, act in (("analyse", "tables and claims", _analyse), ("report", "one HTML page", _report)):
        command = commands.add_parser(name, help=what)
        command.add_argument("results", type=Path, metavar="RESULTS", help="the folder of a study, or a table (.csv)")
        command.add_argument("--out", type=Path, help="where to write; default beside or in RESULTS")
        if name == "analyse":
            command.add_argument("--markdown", action="store_true", help="print tables and claims as Markdown")
        command.set_defaults(act=act)


def _generate(flags: argparse.Namespace) -> int:
    spec = chosen(Spec.load(flags.spec), flags.data, flags.steps)
    folder = flags.out or Path("studies") / spec.name
    n = len(Store.create(folder, spec).tasks())
    more = f", and later {len(spec.models) * len(spec.data) * spec.repeats} repeats" if spec.repeats else ""
    print(f"{folder}: {n} tasks{more}\nRun them: minigan study run {folder}")
    return 0


def chosen(spec: Spec, data: str | None, steps: int | None) -> Spec:
    """A spec with other data sets, whose sizes are those of its first one, and another number of steps."""
    sizes = dict(spec.sizes)
    if data is not None:
        names = tuple(name.strip() for name in data.split(","))
        unknown = [name for name in names if name not in datasets.NAMES]
        if unknown:
            raise ValueError(f"--data must be some of {', '.join(datasets.NAMES)}, got {', '.join(unknown)}")
        sizes = {name: spec.sizes.get(name, spec.sizes[spec.data[0]]) for name in names}
        spec = dataclasses.replace(spec, data=names)
    if steps is not None:
        sizes = {name: {**size, "steps": steps} for name, size in sizes.items()}
    spec = dataclasses.replace(spec, sizes=sizes)
    spec.check()
    return spec


def _run(flags: argparse.Namespace) -> int:
    if flags.scheduler is not None and flags.local_cluster is not None:
        raise ValueError("--scheduler and --local-cluster are two clusters: leave out one of them")
    if flags.scheduler is None and flags.local_cluster is None:
        left = workers.run(flags.folder, flags.workers)
    else:
        if flags.local_cluster is not None and flags.local_cluster < 1:
            raise ValueError(f"--local-cluster must be at least 1, got {flags.local_cluster}")
        Store(flags.folder)  # here: a wrong folder shows before a cluster starts
        with cluster.connected(flags.scheduler, flags.local_cluster or 0) as client:
            left = workers.run(flags.folder, runner=cluster.runner(client))
    state = f"other processes work on the last {left} tasks" if left else "every task has a result"
    print(f"{flags.folder}: {state}\nSee it: minigan study report {flags.folder}")
    return 0


def _analyse(flags: argparse.Namespace) -> int:
    rows, folder = _rows(flags.results), _folder(flags)
    folder.mkdir(parents=True, exist_ok=True)
    if flags.results.is_dir():
        analysis.write(folder / "table.csv", rows)
    decided = claims.verdicts(rows)
    numbers = {
        "claims": [dataclasses.asdict(verdict) for verdict in decided],
        "best": {f"{data}/{model}": params for (model, data), (_, params) in analysis.best(rows).items()},
        "wide": {f"{data}/{model}": _numbers(rows, model, data, "wide") for model, data in analysis.pairs(rows)},
        "repeat": {f"{data}/{model}": _numbers(rows, model, data, "repeat") for model, data in analysis.pairs(rows)},
    }
    with replacing(folder / "analysis.json") as file:
        file.write(analysis.dumps(numbers).encode())
    for name, draw in FIGURES.items():
        figure = draw(rows)
        if figure is not None:
            with replacing(folder / f"{name}.png") as file:
                file.write(page.png(figure))
    if flags.markdown:
        print(markdown.text(rows))
        return 0
    print(table(rows))
    for verdict in decided:
        print(f"{verdict.verdict:<12} {verdict.claim}\n{'':<13}{verdict.because}")
    print(f"\n{folder}: analysis.json and figures of {len(rows)} runs")
    return 0


FIGURES = {
    "budgets": figures.budgets,
    "search": figures.boxes,
    "seeds": figures.seeds,
    "precision_recall": figures.precision_recall,
}


def table(rows: list[analysis.Row]) -> str:
    """For every model and data set: how many runs, the best and the median score, and the seeds of the best."""
    head = f"{'data':<10} {'model':<8} {'runs':>5} {'failed':>6} {'best':>8} {'median':>8} {'default':>8}"
    lines = [f"{head}   best, further seeds: mean ± deviation (number)"]
    for model, data in analysis.pairs(analysis.of(rows, role="wide")):
        runs = analysis.of(rows, model=model, data=data, role="wide")
        summary = analysis.summary(analysis.values(runs))
        seeds = analysis.seeds(analysis.values(analysis.of(rows, model=model, data=data, role="repeat")))
        numbers = [summary.get("min", math.inf), summary.get("median", math.inf)]
        numbers += analysis.values(analysis.of(runs, sample=0)).tolist()
        shown = " ".join(f"{number:8.4g}" for number in numbers)
        lines.append(
            f"{data:<10} {model:<8} {summary['runs']:5.0f} {summary['failed']:6.0f} {shown}   {seeds}".rstrip()
        )
    return "\n".join(lines)


def _numbers(rows: list[analysis.Row], model: str, data: str, role: str) -> dict[str, object]:
    runs = analysis.of(rows, model=model, data=data, role=role)
    if not runs:
        return {}
    return {**analysis.summary(analysis.values(runs)), "sensitivity": analysis.sensitivity(runs)}


def _report(flags: argparse.Namespace) -> int:
    results = flags.results
    path = flags.out or (results / "report.html" if results.is_dir() else results.with_suffix(".html"))
    page.write(path, _rows(results), f"The study, {results.stem}")
    print(f"{path}: the study as one page, {path.stat().st_size / 1e6:.2g} MB")
    return 0


def _rows(results: Path) -> list[analysis.Row]:
    if not results.exists():
        raise FileNotFoundError(f"{results}: there is no such folder or table of results")
    rows = analysis.table(results)
    if not rows:
        raise ValueError(f"{results}: there is no result yet; minigan study run makes them")
    return rows


def _folder(flags: argparse.Namespace) -> Path:
    return flags.out or (flags.results if flags.results.is_dir() else flags.results.with_suffix(""))
