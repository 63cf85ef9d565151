"""Samples of a checkpoint: new ones, and the way from one noise to another."""

from __future__ import annotations

import numpy as np

from minigan import plots
from minigan.data import Mixture
from minigan.device import Array
from minigan.html import Html, element, figure, joined, paragraphs, photograph_uri, picture_uri
from minigan.report.chart import Axes
from minigan.report.loaded import Evidence
from minigan.training.draw import Fixed

SHOWN = 64
POINTS = 2000
ENDS, STEPS = 5, 9  # the walk goes from each of five z to the next, in nine pictures
FINE = 60  # points of a way in the plane
FORMULA = "z(t) = r(t) ( sin((1 − t) Ω) â + sin(t Ω) b̂ ) / sin Ω,  cos Ω = â·b̂,  r(t) = (1 − t) |a| + t |b|"
MANY = 600_000  # numbers from which a picture is kept as a JPEG
SIZE = 400  # units of the plane's picture


class Walk(Fixed):
    """Draws whose noise goes from each of ENDS noises to the next on great circles, and back to the first.

    drawn   was noise drawn at all?
    """

    drawn = False

    def noise(self, n: int, size: int) -> Array:
        """n noises (n, size): ENDS ways of equal length."""
        self.drawn = True
        ends = self.generator.standard_normal((ENDS, size), dtype=np.float32)
        ways = [slerp(ends[i], ends[(i + 1) % ENDS], n // ENDS) for i in range(ENDS)]
        return self.device.asarray(np.concatenate(ways))


def samples(evidence: Evidence, images: np.ndarray | None) -> Html:
    """New samples, of a noise that no picture above has shown."""
    generator = evidence.generator
    if generator is None or images is None:
        return paragraphs(f"Nothing can be generated: {evidence.missing.get('generator', 'there is no generator')}.")
    which = "best" if evidence.best else "newest"
    text = f"From the {which} checkpoint, of step {generator.step:,}, with new noise; none were selected."
    also = f"A remark: {evidence.missing['generator']}." if "generator" in evidence.missing else ""
    if images.ndim == 4:
        picture, what = plots.grid(images[:SHOWN], scale=1), f"{min(SHOWN, len(images))} samples"
    else:
        real = None if evidence.dataset is None else evidence.dataset.images[:POINTS]
        picture = plots.density_frame(images, real=real)
        what = f"The density of {len(images):,} points; outlined, that of the data"
    return joined([paragraphs(text, also), _large(picture, what, what)])


def walk(evidence: Evidence) -> Html:
    """From one z to the next on a great circle, and what G makes of it."""
    generator = evidence.generator
    if generator is None:
        return paragraphs(f"Nothing can be generated: {evidence.missing.get('generator', 'there is no generator')}.")
    fixed = generator.draw("walk")
    draw, shape = Walk(fixed.generator, fixed.device), generator.system.sample_shape
    points = shape is not None and len(shape) == 1
    shown = generator.system.generate(draw, ENDS * (FINE if points else STEPS))
    if not draw.drawn:
        return paragraphs("These samples do not come from noise: none can be computed between two of them.")
    if points:
        text = (
            "G maps each way from one noise to another to a line in the plane, which must cross regions without data."
        )
        view = _plane(evidence, np.split(shown, ENDS))
    else:
        text = (
            "Each row goes from one noise to another; the next row begins where it ends. If the generator has learned, "
            "and not stored, its samples, those in between are plausible too."
        )
        picture = plots.grid(shown, columns=STEPS, scale=1)
        alt = f"{ENDS} rows of {STEPS} samples, each row a way from one noise to another"
        view = _large(picture, alt, "from left to right t goes from 0 to 1")
    circle = "The direction moves on a great circle (spherical interpolation; Shoemake 1985, White 2016; â = a / |a|): "
    why = "in many dimensions nearly all noise lies near one sphere, and a straight line would leave it."
    return joined([paragraphs(text), element("p", FORMULA, class_="formula"), paragraphs(circle + why), view])


def slerp(a: np.ndarray, b: np.ndarray, n: int) -> np.ndarray:
    """n noises (n, d) from a to b (d,), both ends included: directions on a great circle, lengths in equal steps.

        z(t) = r(t) ( sin((1 - t) Ω) â + sin(t Ω) b̂ ) / sin Ω,   cos Ω = â·b̂,   r(t) = (1 - t) |a| + t |b|

    with â = a / |a| and t = 0 ... 1. Without r the way between noises that are nearly opposite would be far longer
    than either. Noises of one direction, or exactly opposite ones, have no single such circle: the way is straight.
    Source: Shoemake 1985; for latent spaces White 2016 (arXiv 1609.04468).
    """
    t = np.linspace(0, 1, n)[:, np.newaxis]
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    from_a, to_b = (one / max(length, 1e-30) for one, length in zip((a, b), lengths, strict=True))
    angle = np.arccos(np.clip(from_a @ to_b, -1, 1))
    if np.sin(angle) < 1e-4:
        return ((1 - t) * a + t * b).astype(a.dtype)
    way = (np.sin((1 - t) * angle) * from_a + np.sin(t * angle) * to_b) / np.sin(angle)
    return (((1 - t) * lengths[0] + t * lengths[1]) * way).astype(a.dtype)


def _large(picture: np.ndarray, alt: str, caption: str) -> Html:
    uri = photograph_uri(picture) if picture.size > MANY else picture_uri(picture)
    return figure(uri, alt, caption, (picture.shape[1], picture.shape[0]), class_="large")


def _plane(evidence: Evidence, ways: list[np.ndarray]) -> Html:
    """Ways in the plane, and the Gaussians of the data as circles of three deviations."""
    judge = evidence.judge
    inside = np.concatenate([*ways, judge.centres] if isinstance(judge, Mixture) else ways)
    reach = 1.15 * float(np.abs(inside).max()) or 1.0
    plane = Axes((-reach, reach), (-reach, reach), (0, SIZE), (0, SIZE))
    marks = []
    if isinstance(judge, Mixture):
        radius = 3 * judge.sigma / (2 * reach) * SIZE
        for x, y in plane.at(judge.centres[:, 0], judge.centres[:, 1]):
            marks.append(element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=f"{radius:.1f}", class_="truth"))
    for way in ways:
        places = [f"{x:.1f},{y:.1f}" for x, y in plane.at(way[:, 0], way[:, 1])]
        marks.append(element("polyline", points=" ".join(places), class_="line d"))
        marks += [element("circle", cx=x, cy=y, r=2, class_="g") for x, y in (place.split(",") for place in places)]
    label = f"{len(ways)} ways between noises as lines in the plane; circles are the Gaussians of the data"
    drawn = element("svg", *marks, viewBox=f"0 0 {SIZE} {SIZE}", role="img", aria_label=label, class_="chart plane")
    caption = "Lines: G along the ways, a dot at every step. Circles: three deviations around each Gaussian."
    return element("figure", drawn, element("figcaption", caption), class_="large")
