"""Which one is real? A page with pairs of a real and a generated image, which keeps the score."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from importlib import resources

import numpy as np

from minigan.html import Html, document, element, paragraphs, picture_uri
from minigan.plots.grids import zoom

SIDE = 224  # pixels of an image on the page, about
CHUNK = 100  # images whose distances are computed at a time


@dataclass(frozen=True, eq=False)
class Quiz:
    """Pairs of a real and a generated image.

    real, fake   uint8 (k, H, W, C)
    left         is the real one on the left? (k,)
    nearest      to each generated image, that of the training images, uint8 (k, H, W, C)
    d_right      share of pairs in which D scores the real one higher
    nn_right     share of pairs in which the real one is the nearer to (another) training image
    """

    real: np.ndarray
    fake: np.ndarray
    left: np.ndarray
    nearest: np.ndarray
    d_right: float
    nn_right: float


def quiz(
    fake: np.ndarray,
    training: np.ndarray,
    scores: tuple[np.ndarray, np.ndarray],
    rows: np.ndarray,
    rng: np.random.Generator,
) -> Quiz:
    """The quiz of the generated images `fake` (k, H, W, C) and the training images of these rows (k,).

    scores  of D, of the real and of the generated ones
    """
    real = training[rows]
    of_real, _ = nearest_to(real, training, without=rows)
    of_fake, places = nearest_to(fake, training)
    return Quiz(
        real,
        fake,
        rng.random(len(fake)) < 0.5,
        training[places],
        float((scores[0].ravel() > scores[1].ravel()).mean()),
        float((of_real < of_fake).mean()),
    )


def nearest_to(
    images: np.ndarray, training: np.ndarray, without: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The squared distance of each image (k, H, W, C) to its nearest training image, and that one's row; `without`:
    a row for each image that does not count, its own."""
    flat = training.reshape(len(training), -1).astype(np.float32) / 255
    squares, distances, places = (flat * flat).sum(axis=1), [], []
    for start in range(0, len(images), CHUNK):
        some = images[start : start + CHUNK].reshape(len(images[start : start + CHUNK]), -1).astype(np.float32) / 255
        block = (some * some).sum(axis=1)[:, np.newaxis] - 2 * some @ flat.T + squares
        if without is not None:
            block[np.arange(len(some)), without[start : start + CHUNK]] = np.inf
        places.append(block.argmin(axis=1))
        distances.append(block.min(axis=1))
    return np.concatenate(distances), np.concatenate(places)


def quiz_page(quiz: Quiz, title: str) -> str:
    """The page as text: it needs nothing but itself, a mouse, a finger or the keys ← and →.

    Which side is real stands in the script as scrambled bits, and nowhere else: files, sizes, names and attributes of
    both images are alike.
    """
    k = len(quiz.real)
    pairs = [_pair(i, *_sides(quiz, i)) for i in range(k)]
    nearest = [_image(image, f"Pair {i + 1}, the nearest training image") for i, image in enumerate(quiz.nearest)]
    key = "".join(chr(bit + 2 * ((7 * i * i + 3 * i) % 60)) for i, bit in enumerate(map(int, quiz.left)))
    facts = {"key": base64.b64encode(key.encode()).decode()}
    script = f"const FACTS = {json.dumps(facts)};\n{_file('quiz.js')}"
    notes = (
        f"D, the network that was trained to answer this question, is right in {100 * quiz.d_right:.0f} % of these "
        f"pairs; a rule that takes the image nearer to a training image for real, in {100 * quiz.nn_right:.0f} %."
    )
    body = element(
        "main",
        element("h1", "Which one is real?"),
        element("p", f"{title}. One of two images is from the data, the other is generated. Click the real one, or "
                     "press ← or →.", id="how"),
        element("p", f"Pair 1 of {k}", id="count", aria_live="polite"),
        element("div", *pairs, id="pairs"),
        element("p", id="answer", role="status", aria_live="polite"),
        element("section", element("h2", "The result"), element("p", id="result"), paragraphs(notes),
                element("div", id="all"), element("div", *nearest, id="nearest", hidden=True), id="end", hidden=True,
                tabindex=-1),
    )  # fmt: skip
    return document("Which one is real?", body, style=_file("quiz.css"), script=script)


def _sides(quiz: Quiz, i: int) -> tuple[np.ndarray, np.ndarray]:
    return (quiz.real[i], quiz.fake[i]) if quiz.left[i] else (quiz.fake[i], quiz.real[i])


def _pair(i: int, left: np.ndarray, right: np.ndarray) -> Html:
    buttons = [
        element("button", _image(image, f"Pair {i + 1}, {side} image"), type="button", aria_label=f"The {side} one")
        for side, image in (("left", left), ("right", right))
    ]
    return element("div", *buttons, class_="pair", hidden=i > 0)


def _image(image: np.ndarray, alt: str) -> Html:
    large = zoom(image, max(1, SIDE // image.shape[0]))
    return element("img", src=picture_uri(large), alt=alt, width=large.shape[1], height=large.shape[0])


def _file(name: str) -> str:
    return resources.files("minigan.styles").joinpath(name).read_text(encoding="utf-8")
