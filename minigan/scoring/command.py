"""`minigan score`: its flags, and what it does."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from minigan import data, device
from minigan.metrics import references, suite
from minigan.metrics.features import Extractor
from minigan.metrics.references import Reference
from minigan.metrics.score import NonFiniteSamples, Score, read_scores, write_scores
from minigan.scoring import captions
from minigan.scoring.conditions import condition_scores
from minigan.scoring.held_out import held_out_scores
from minigan.scoring.reference import EXTRACTORS, VARIANTS, choose_extractor, find_reference, of_run
from minigan.scoring.report import check_earlier, free_place, table
from minigan.scoring.samples import Samples, open_samples, quantised, same_channels

TEXT = """Measure samples: print a table, and write a file of scores with the protocol of each.

SAMPLES is the folder of a run (samples are generated from its newest checkpoint), a .npz with the array "samples" or a
.npy (whole numbers from 0 to 255, or floating point in [0, 1]; N x H x W or N x H x W x C), or a folder of pictures.

A run is compared with its own data, as it reads them. Where there is a feature network for these data, the scores are
FID and others; where there is none, as for your own pictures, they compare pixels and need no download: swd, ms-ssim
and nearest, each with the score of real pictures beside it.

examples: minigan score runs/20260102-120000-infogan-nonsaturating
          minigan score samples.npz --against fashion-mnist --metric fid,modes
          minigan score generated/ --against photos/ --size 64
          minigan score samples.npz --against stats.npz --extractor inception --weights pt_inception.pth"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `minigan score`."""
    parser.add_argument("samples", type=Path, metavar="SAMPLES", help="a run, a file or a folder")
    what = "mnist, fashion-mnist, a data set/split, pictures by their path, or a statistics .npz; default a run's data"
    parser.add_argument("--against", help=what)
    known, usual, pixels = ", ".join(suite.METRICS), ",".join(suite.USUAL), ",".join(suite.PIXELS)
    what = f"some of {known}, separated by commas (default {usual}; without a feature network {pixels})"
    parser.add_argument("--metric", help=what)
    parser.add_argument("-n", type=int, default=10_000, help="samples to generate from a run (default 10,000)")
    parser.add_argument("--best", action="store_true", help="of a run: its best checkpoint, not the newest")
    what = f"{', '.join(EXTRACTORS)}, or the .json of a network of your own; default that of the data"
    parser.add_argument("--extractor", help=what)
    parser.add_argument("--variant", choices=VARIANTS, default="pt", help="how Inception's input is resized")
    parser.add_argument("--weights", type=Path, help="Inception's weights; default $MINIGAN_INCEPTION_WEIGHTS")
    parser.add_argument("--size", type=int, help="pictures of folders are cropped and resized to this side")
    parser.add_argument("--no-quantise", action="store_true", help="do not round floating-point samples to 8 bits")
    parser.add_argument("--than", type=Path, metavar="SCORES", help="earlier scores, or their folder, to compare")
    parser.add_argument("--seed", type=int, default=0, help="of the samples and of the metrics' choices (default 0)")
    parser.add_argument("--out", type=Path, help="file to write; default scores.json in a run or a folder")
    parser.add_argument("--device", default=None, help="cpu, cuda, cuda:N or auto; default $MINIGAN_DEVICE, then cpu")


def score(flags: argparse.Namespace) -> int:
    """Measure, print the table, write the file. What can be checked is checked before anything is generated."""
    wanted = None if flags.metric is None else _metrics(flags.metric)
    if flags.n < 2:
        raise ValueError(f"-n must be at least 2, got {flags.n}")
    if not 0 <= flags.seed < 2**64:
        raise ValueError(f"--seed must be an integer from 0 to 2^64 - 1, got {flags.seed}")
    on = device.choose(flags.device)  # here: what is wrong with the choice shows before anything is generated
    on.use()
    if flags.against is not None:
        references.check_name(flags.against)
    out, earlier = free_place(flags.samples, flags.out), [] if flags.than is None else read_scores(flags.than)
    choices = {"n": flags.n, "best": flags.best, "on": str(on)}
    held = held_out_scores(flags.samples, **choices)
    if held is not None:
        print(held.text)
        return _write(out, held.scores)
    captioned = captions.of_run(flags.samples, **{**choices, "n": min(flags.n, 2000)})
    if captioned is not None:
        print(captioned[1])
        return _write(out, captioned[0])
    exhibit, metrics, source = _prepare(flags, wanted, on, choices, earlier)
    scores, left_out = _measured(exhibit, metrics)
    if source.generator is not None:
        scores += condition_scores(source.generator, exhibit, flags.n)
    print(table(scores, earlier))
    for reason in left_out:
        print(reason)
    return _write(out, scores)


def _prepare(
    flags: argparse.Namespace,
    wanted: list[str] | None,
    on: device.Device,
    choices: dict[str, Any],
    earlier: Sequence[Score],
) -> tuple[suite.Exhibit, list[str], Samples]:
    """The data to measure, the metrics, and the samples, which are generated last."""
    stacked = wanted is not None and "stacked" in wanted
    samples = open_samples(flags.samples, **choices, seed=flags.seed, size=flags.size, stacked=stacked)
    against = flags.against or samples.reference
    extractor = choose_extractor(flags.extractor, flags.variant, flags.weights, against)
    if extractor is not None:
        extractor.to_device(on).check_shape((*samples.shape[:2], 1) if stacked else samples.shape)
    metrics = wanted or list(suite.USUAL if extractor is not None else suite.PIXELS)
    of = samples.source if samples.generator is None else samples.generator.config.data
    _check_metrics(metrics, against or of, extractor)
    reference = _reference(flags, samples, against, extractor)
    _check_shapes(samples, reference, extractor)
    kinds = {"extractor": "pixels" if extractor is None else extractor.id, "reference": reference.origin.reference}
    n = len(samples.images) if samples.generator is None else flags.n
    check_earlier(earlier, metrics, **kinds, n=n)
    exhibit = _exhibit(samples, reference, extractor, flags)
    seen_by = "pixel by pixel" if extractor is None else f"seen by {extractor.id}"
    print(f"{samples.source}\nagainst {reference.origin.dataset}, {seen_by}\n")
    return exhibit, metrics, samples


def _reference(
    flags: argparse.Namespace, samples: Samples, against: str | None, extractor: Extractor | None
) -> Reference:
    """The reference. For a run on a folder of pictures it has the size in which the run reads them."""
    if against is None and samples.generator is not None:
        return of_run(samples, extractor)
    if against is None:
        raise ValueError(
            f"{samples.source}: --against must name what to compare them with: mnist, fashion-mnist, a folder of "
            f"pictures, or a .npz of statistics"
        )
    size, background = flags.size, "black"
    if samples.generator is not None and samples.generator.config.data not in data.NAMES:
        size, background = size or samples.shape[0], samples.generator.config.background
    return find_reference(against, extractor, size, background)


def _check_metrics(metrics: Sequence[str], against: str, extractor: Extractor | None) -> None:
    """ValueError for metrics that need a network where there is none."""
    if extractor is None and (need := [name for name in metrics if name not in suite.OF_PIXELS]):
        raise ValueError(
            f"--metric {','.join(need)} needs a feature network, and there is none for {against}; choose one by "
            f"--extractor (inception with its --weights, or one of your own: python examples/train_extractor.py "
            f"FOLDER_OF_CLASSES --out judges), or a metric without one: {', '.join(suite.PIXELS)}"
        )


def _check_shapes(samples: Samples, reference: Reference, extractor: Extractor | None) -> None:
    """ValueError for images of different sizes where they are compared pixel by pixel."""
    if extractor is None and reference.images is not None and samples.shape[:2] != reference.images.shape[1:3]:
        mine, expected = (" x ".join(map(str, shape)) for shape in (samples.shape[:2], reference.images.shape[1:3]))
        raise ValueError(
            f"samples of {mine} pixels cannot be compared with pictures of {expected}: --size N crops and resizes the "
            "pictures of folders"
        )


def _exhibit(
    samples: Samples, reference: Reference, extractor: Extractor | None, flags: argparse.Namespace
) -> suite.Exhibit:
    images = samples.images if flags.no_quantise else quantised(samples.images)
    if extractor is None and reference.images is not None:
        images, real = same_channels(images, reference.images)
        reference = Reference(None, real, reference.about)
    return suite.Exhibit(extractor, images, reference, flags.seed)


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
