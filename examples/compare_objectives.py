"""Which objective finds every mode, which makes the best digits? All objectives on the same data, from the same seed.

    python examples/compare_objectives.py                                   every objective on the ring of Gaussians
    python examples/compare_objectives.py --only minimax wgan-gp r1         some of them
    python examples/compare_objectives.py --data mnist-10k --seconds 60     the digits, a minute of one core for each
    python examples/compare_objectives.py --same-rates                      one set of optimizer numbers for all

The comparison is paired. Every random number of a run is a function of seed, step and name of its stream, whatever is
drawn elsewhere: all objectives start from the same weights wherever their networks agree, and, at one batch size, see
the same batches in the same order and the same noise at the same step. What differs is the objective, and its
recipe (minigan/training/recipes.py). With --same-rates all train with what the recipes have in common, and only the
objective differs: its paper's hyper-parameters and D steps per G step. A run lasts so many passes over the data; an
objective with more D steps makes fewer steps of G from them.

objectives.png has a row for each, table.json the numbers. On points: the modes that at least one good point reaches,
and the share of good points, those within three deviations of a Gaussian. On digits: the share of samples that a small
classifier recognises, and how many classes get half their fair share or more. Seconds are the processor's, of training
alone.
"""

import argparse
import json
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, replace
from itertools import islice
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any

import numpy as np
from compare_recipes import judge, samples, train_classifier
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from minigan import Config, Network, Streams, Trainer, data, objective_cards, objectives, plots
from minigan.atomic import replacing
from minigan.data.mixtures import Coverage
from minigan.runs.friendly import friendly_errors
from minigan.training import recipes
from minigan.training.config import DEFAULTS

MIXTURES = {"ring": data.ring(), "grid": data.grid()}
LOOKS, POINTS = 20, 2500  # moments of a run at which so many points are measured
PICTURED = (1, 3, 7, 12, 20)  # those of the looks that get a picture: the beginning is where most happens
IMAGES = 16
RECORDED = {"ring": "ring", "mnist-10k": "digits"}  # the data of minigan/measured.json, and what they are called there

Line = dict[str, Any]
Row = plots.PointsRow | plots.ImagesRow
Result = tuple[Line, Row]


def base(data_name: str) -> dict[str, Any]:
    """The base of all recipes: the choices of an objective that has none of its own."""
    return recipes.choices("", points=data_name in MIXTURES)


def specific_choices(name: str, data_name: str) -> dict[str, Any]:
    """The choices of an objective's recipe that are not the base's."""
    common = base(data_name)
    recipe = recipes.choices(name, points=data_name in MIXTURES)
    return {key: value for key, value in recipe.items() if key not in common or value != common[key]}


def choose(name: str, flags: argparse.Namespace) -> Config:
    """The recipe of an objective, or with --same-rates what all recipes start from."""
    choices = {"objective": name, "data": flags.data, "seed": flags.seed}
    if flags.epochs is not None:
        choices["epochs"] = flags.epochs
    if flags.same_rates:
        common = DEFAULTS | base(flags.data) | {"n_critic": objectives.find(name).defaults.n_critic}
        return Config(**common | choices)  # with every choice named, no recipe fills in the rest
    return Config(**choices)


def within(config: Config, seconds: float) -> Config:
    """The config with as many epochs as fit into the time, by the fastest of a few steps."""
    clock: list[tuple[float, int]] = []

    def look(trainer: Trainer) -> None:
        clock.append((time.perf_counter(), trainer.draw.seen["real"]))
        trainer.schedule.total = min(trainer.total, 8)

    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer.start(replace(config, epochs=10.0), Path(folder), hooks=[look], quiet=True)
        trainer.train()
    times, batches = np.diff(clock, axis=0).T
    return replace(config, epochs=seconds / (times / batches).min() / trainer.draw.per_epoch())


class Watch:
    """A hook that looks at some moments where G's points lie; the noise is that of every other run."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.moments = {max(1, round(total * k / LOOKS)): k for k in range(1, LOOKS + 1)}
        self.looks: dict[int, Coverage] = {}
        self.pictures: dict[int, np.ndarray] = {}

    def __call__(self, trainer: Trainer) -> None:
        if trainer.step in self.moments and trainer.config.data in MIXTURES:
            points = samples(trainer, POINTS, "points")
            if not np.isfinite(points).all():
                raise FloatingPointError(f"step {trainer.step}: the generator's points are not finite")
            self.looks[trainer.step] = MIXTURES[trainer.config.data].coverage(points)
            if self.moments[trainer.step] in PICTURED:
                self.pictures[trainer.step] = points

    def row(self, name: str, note: str) -> plots.PointsRow:
        captured = [look.captured for look in self.looks.values()]
        good = [look.high_quality for look in self.looks.values()]
        return plots.PointsRow(name, self.pictures, list(self.looks), captured, good, self.total, note)


def run(config: Config, seconds: float | None, classifier: Network | None, folder: Path) -> Result:
    """Train one objective on one core: its line of the table, its row of the figure. Divergence is reported."""
    with threadpool_limits(1, user_api="blas"):
        config = config if seconds is None else within(config, seconds)
        trainer = Trainer.start(config, folder, quiet=True)
        watch = Watch(trainer.total)
        trainer.hooks.append(watch)
        line: Line = {"name": config.objective}
        start = time.process_time()
        try:
            trainer.train()
        except (FloatingPointError, np.linalg.LinAlgError):  # the latter: singular values of NaN
            line["note"] = f"not finite at step {trainer.step:,}"
        line |= {"seconds": round(time.process_time() - start, 1), "steps": trainer.step}
        if "note" not in line:
            line |= verdict(trainer, watch, classifier)
        if classifier is None:
            return line, watch.row(config.objective, line.get("note", ""))
        images = None if "note" in line else samples(trainer, IMAGES, "grid", seed=2)
        return line, plots.ImagesRow(config.objective, images, outcome(line))


def verdict(trainer: Trainer, watch: Watch, classifier: Network | None) -> Line:
    """The table's cell for a run without errors."""
    if classifier is None:
        last = watch.looks[trainer.step]
        return {"found": last.captured, "modes": last.modes, "good": round(last.high_quality, 3)}
    judged = judge(trainer, classifier)
    return {"recognised": round(judged["recognised"], 3), "classes": judged["classes"]}


def outcome(line: Line) -> str:
    if "note" in line:
        return line["note"]
    if "found" in line:
        return f"{line['found']} of {line['modes']} modes found, {line['good']:.1%} good"
    return f"{line['recognised']:.1%} recognised, {line['classes']} classes"


def trained(configs: dict[str, Config], flags: argparse.Namespace, classifier: Network | None) -> Iterator[Result]:
    """Results as they come, several processes side by side; leaving early stops them."""
    # A worker that waits leaves Ctrl-C to this process; one that trains stops after its step, as every run does.
    quiet = {"initializer": signal.signal, "initargs": (signal.SIGINT, signal.SIG_IGN)}
    pool, todo = ProcessPoolExecutor(flags.jobs, get_context("spawn"), **quiet), iter(configs.items())

    def start(count: int) -> set[Future[Result]]:
        return {pool.submit(run, c, flags.seconds, classifier, flags.out / n) for n, c in islice(todo, count)}

    try:
        running = start(flags.jobs)
        while running:  # no more are handed over than can run: what waits in a worker's queue cannot be called back
            done, running = wait(running, return_when=FIRST_COMPLETED)
            running |= start(len(done))
            yield from (one.result() for one in done)
    except BaseException:
        for child in active_children():
            child.terminate()
        raise
    finally:
        pool.shutdown()


def draw(rows: Sequence[Row], data_name: str, path: Path) -> None:
    if data_name in MIXTURES:
        mixture = MIXTURES[data_name]
        real = mixture.sample(POINTS, Streams(0)("outline"))
        plots.save_points_rows(path, rows, real=real, modes=len(mixture.centres))
    else:
        plots.save_images_rows(path, rows)


def record(lines: Sequence[Line], data_name: str) -> None:
    """Put what went well into the package's own table, in place of its rows of these objectives on these data."""
    kind = RECORDED[data_name]
    results, card = objective_cards.measured(), {"ring": objective_cards.Ring, "digits": objective_cards.Digits}[kind]
    for line in (line for line in lines if "note" not in line):
        numbers = {key: value for key, value in line.items() if key != "name"}
        results.setdefault(line["name"], {})[kind] = card(**numbers, choices=specific_choices(line["name"], data_name))
    plain = {name: {kind: asdict(part) for kind, part in parts.items()} for name, parts in results.items()}
    write(objective_cards.MEASURED, plain, sort_keys=True)


def write(path: Path, content: Any, **options: Any) -> None:
    with replacing(path) as file:
        file.write(json.dumps(content, indent=1, **options).encode() + b"\n")


def flags_of(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=[*MIXTURES, "mnist-10k"], default="ring")
    parser.add_argument("--only", nargs="+", choices=objectives.names(), default=objectives.names(), metavar="NAME")
    parser.add_argument("--seed", type=int, default=DEFAULTS["seed"])
    parser.add_argument("--jobs", type=int, default=2, help="objectives that train side by side, on one core each")
    parser.add_argument("--same-rates", action="store_true", help="what all recipes start from, for everybody")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=float, help="passes over the data, in place of the recipe's")
    length.add_argument("--seconds", type=float, help="as many steps as fit into this time of one core, for each")
    parser.add_argument("--out", type=Path, default=Path("runs/objectives"), help="folder for runs, figure and table")
    parser.add_argument("--record", action="store_true", help="put the results into minigan/measured.json")
    flags = parser.parse_args(arguments)
    changed = flags.seed != DEFAULTS["seed"] or flags.same_rates or flags.epochs or flags.seconds
    if flags.record and (flags.data not in RECORDED or changed):
        known = " or ".join(RECORDED)
        measured = f"on {known} with seed {DEFAULTS['seed']}"
        raise ValueError(f"--record keeps what the recipes do, whole, {measured}; leave it out")
    if flags.out.exists() and (not flags.out.is_dir() or any(flags.out.iterdir())):
        raise ValueError(f"{flags.out} exists already: choose another --out")
    return flags


def main() -> None:
    flags = flags_of()
    configs = {name: choose(name, flags) for name in objectives.names() if name in flags.only}
    classifier = None if flags.data in MIXTURES else train_classifier(data.load(flags.data))
    flags.out.mkdir(parents=True, exist_ok=True)
    done: dict[str, Result] = {}
    try:
        for line, row in tqdm(trained(configs, flags, classifier), total=len(configs), unit="objective"):
            done[line["name"]] = line, row
            lines, rows = zip(*(done[name] for name in configs if name in done), strict=True)
            write(flags.out / "table.json", lines)
    finally:
        if done:  # after Ctrl-C as well
            draw(rows, flags.data, flags.out / "objectives.png")
            for line in lines:
                print(f"{line['name']:<18}{outcome(line):<36}{line['seconds']:>8.1f} s{line['steps']:>9,} steps")
            if flags.record:
                record(lines, flags.data)


if __name__ == "__main__":
    with friendly_errors("compare_objectives"):
        main()
