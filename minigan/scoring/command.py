"""`minigan score`: its flags, and what it does."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from minigan import device
from minigan.metrics import references, suite
from minigan.metrics.score import NonFiniteSamples, Score, read_scores, write_scores
from minigan.scoring import captions
from minigan.scoring.conditions import condition_scores
from minigan.scoring.held_out import held_out_scores
from minigan.scoring.reference import EXTRACTORS, VARIANTS, choose_extractor, find_reference
from minigan.scoring.report import table
from minigan.scoring.samples import Samples, collect

TEXT = """How good are samples? A table, and scores.json with everything that each score was measured with.

SAMPLES is the folder of a run (samples are generated from its newest checkpoint), a .npz with the array "samples" or a
.npy (uint8, or floating point in [0, 1]; N x H x W or N x H x W x C), or a folder of pictures of one size.

examples: minigan score runs/20260102-120000-infogan-nonsaturating
          minigan score samples.npz --against fashion-mnist --metric fid,modes
          minigan score samples.npz --against stats.npz --extractor inception --weights pt_inception.pth"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `minigan score`."""
    parser.add_argument("samples", type=Path, metavar="SAMPLES", help="a run, a file or a folder")
    parser.add_argument("--against", help="mnist, fashion-mnist, a data set/split, a folder or a statistics .npz")
    known, usual = ", ".join(suite.METRICS), ",".join(suite.USUAL)
    parser.add_argument("--metric", default=usual, help=f"some of {known}, separated by commas (default {usual})")
    parser.add_argument("-n", type=int, default=10_000, help="samples to generate from a run (default 10,000)")
    parser.add_argument("--best", action="store_true", help="of a run: its best checkpoint, not the newest")
    parser.add_argument("--extractor", choices=EXTRACTORS, help="the feature network; default that of --against")
    parser.add_argument("--variant", choices=VARIANTS, default="pt", help="how Inception's input is resized")
    parser.add_argument("--weights", type=Path, help="Inception's weights; default $MINIGAN_INCEPTION_WEIGHTS")
    parser.add_argument("--no-quantise", action="store_true", help="do not round floating-point samples to 8 bits")
    parser.add_argument("--than", type=Path, metavar="SCORES", help="an earlier scores.json, or its folder, to compare")
    parser.add_argument("--seed", type=int, default=0, help="of the samples and of the metrics' choices (default 0)")
    parser.add_argument("--out", type=Path, help="file to write; default scores.json beside or in SAMPLES")
    parser.add_argument("--device", default=None, help="of all networks and roots: cpu, cuda, cuda:N or auto")


def score(flags: argparse.Namespace) -> int:
    """Measure, print the table, write the file."""
    metrics = _metrics(flags.metric)
    if flags.n < 2:
        raise ValueError(f"-n must be at least 2, got {flags.n}")
    if not 0 <= flags.seed < 2**64:
        raise ValueError(f"--seed must be an integer from 0 to 2^64 - 1, got {flags.seed}")
    on = device.choose(flags.device)  # here: what is wrong with the choice shows before anything is generated
    on.use()
    if flags.against is not None:
        references.check_name(flags.against)
    earlier = [] if flags.than is None else read_scores(flags.than)
    choices = {"n": flags.n, "seed": flags.seed, "best": flags.best, "on": str(on)}
    held = held_out_scores(flags.samples, n=flags.n, best=flags.best, on=str(on))
    if held is not None:
        print(held.text)
        return _write(flags.out or flags.samples / "scores.json", held.scores)
    captioned = captions.of_run(flags.samples, n=min(flags.n, 1000), best=flags.best, on=str(on))
    if captioned is not None:
        print(captioned[1])
        return _write(flags.out or flags.samples / "scores.json", captioned[0])
    samples = collect(flags.samples, quantise=not flags.no_quantise, **choices)
    against = _against(flags.against, samples)
    extractor = choose_extractor(flags.extractor, flags.variant, flags.weights, against).to_device(on)
    reference = find_reference(against, extractor)
    print(f"{samples.source}\nagainst {reference.statistics.origin.dataset}, seen by {extractor.id}\n")
    scores, left_out = _measured(suite.Exhibit(extractor, samples.images, reference, flags.seed), metrics)
    if samples.generator is not None:
        scores += condition_scores(samples.generator, extractor, reference, flags.n)
    print(table(scores, earlier))
    for reason in left_out:
        print(reason)
    return _write(
        flags.out or (flags.samples if flags.samples.is_dir() else flags.samples.parent) / "scores.json", scores
    )


def _write(out: Path, scores: Sequence[Score]) -> int:
    write_scores(out, scores)
    print(f"\n{out}: {len(scores)} scores with their protocols")
    return 0


def _metrics(names: str) -> list[str]:
    metrics = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in metrics if name not in suite.METRICS]
    if unknown or not metrics:
        raise ValueError(f"--metric {names}: expected some of {', '.join(suite.METRICS)}, separated by commas")
    return list(dict.fromkeys(metrics))


def _against(given: str | None, samples: Samples) -> str:
    against = given or samples.reference
    if against is None:
        raise ValueError(
            f"{samples.source}: say what to compare them with, by --against mnist, --against fashion-mnist, "
            f"a folder of pictures, or a .npz of statistics"
        )
    return against


def _measured(exhibit: suite.Exhibit, metrics: list[str]) -> tuple[list[Score], list[str]]:
    """The scores, and for each metric that these samples or this reference do not allow, why."""
    scores: list[Score] = []
    left_out = []
    with tqdm(total=len(metrics), unit="metric", leave=False) as bar:
        for name in metrics:
            bar.set_description(name)
            try:
                scores += suite.measure(exhibit, name)
            except NonFiniteSamples:
                raise
            except ValueError as error:
                left_out.append(f"{name} is left out: {error}")
            bar.update()
    if not scores:
        raise ValueError("; ".join(left_out))
    return scores, left_out
