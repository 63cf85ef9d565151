"""A judge of samples, trained with the layers that it will judge: the feature network of the digits' scores, or one for
pictures of your own.

    python examples/train_extractor.py mnist --out judges                   the network lenet-mnist-v1
    python examples/train_extractor.py fashion-mnist --out judges           the network lenet-fashion-v1
    python examples/train_extractor.py photos/ --size 64 --out judges       pictures in a subfolder for each class
    minigan score RUN --extractor judges/extractors/lenet-photos.json       a run on these pictures, judged by it

The loop in `train` is all there is to a classifier: forward, loss, backward, optimizer. The best epoch is chosen on
images that it was not shown; its accuracy on test images and the sanity battery decide whether the network is written
at all: weights and card (recipe, digests, accuracy, golden features) into extractors/, and the statistics of the test
images into refs/, as the package keeps them in minigan/data.

Of pictures of your own a tenth chooses the epoch and a fifth is the test, both drawn at random. The network must name
more of them than a guess of the most frequent class would. What the battery finds bad is printed and is in the card.
"""

import argparse
import hashlib
import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from minigan import Adam, Streams, __version__, data, device
from minigan.data import Dataset
from minigan.data.held import rows
from minigan.metrics import references
from minigan.metrics.features import LeNet, sanity
from minigan.metrics.features.cross_entropy import cross_entropy
from minigan.metrics.statistics import Statistics
from minigan.runs.friendly import friendly_errors

DIGITS = tuple("0123456789")
CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
# Data set: name of its network, classes, least accuracy on the test images, a set that shows something else.
WANTED = {
    "mnist": ("lenet-mnist-v1", DIGITS, 0.990, "fashion-mnist"),
    "fashion-mnist": ("lenet-fashion-v1", CLOTHES, 0.905, "mnist"),
}
HELD_OUT = 5000  # the last training images: for the choice of the epoch
BATCH = 128
LR = 1e-3
HALVED = (0.6, 0.8)  # shares of the training after which the learning rate is halved
WEIGHT_DECAY = (
    1e-4  # of weights, not of biases; times the learning rate, beside the gradient (Loshchilov & Hutter 2019)
)
SHIFT = 2  # images are moved by up to so many pixels either way
RECIPE = {"held_out": HELD_OUT, "batch": BATCH, "optimizer": "Adam", "lr": LR, "halved_at": HALVED}
RECIPE |= {"weight_decay": WEIGHT_DECAY, "shift": SHIFT, "init": "He uniform"}
TRACE = 100.0  # of the features' covariance over all training images: the unit of the distances


@dataclass(frozen=True, eq=False)
class Task:
    """The classes, the data and the least accuracy that a network is trained for.

    name, classes  of the network
    gate           its least accuracy on the test images
    held           the last training images, for the choice of the epoch
    foreign        images that show something else; None for pictures of one's own
    """

    name: str
    classes: tuple[str, ...]
    gate: float
    held: int
    train: Dataset
    test: Dataset
    foreign: np.ndarray | None


def published(name: str) -> Task:
    """The task of a data set of this library."""
    network, classes, gate, other = WANTED[name]
    pair = data.load(name), data.load(name, split="test")
    return Task(network, classes, gate, HELD_OUT, *pair, data.load(other, split="test").images)


def of_folder(path: str, size: int | None, seed: int) -> Task:
    """The task of a folder with a subfolder for each class, or of another labelled data set by its path."""
    whole = data.load(path, size=size)
    if whole.labels is None:
        raise ValueError(f"{path} has no classes: put the pictures of each class into a subfolder of its name")
    classes = whole.classes or tuple(map(str, range(int(whole.labels.max()) + 1)))
    n, counts = len(whole), np.bincount(whole.labels, minlength=len(classes))
    held, tested = n // 10, n // 5
    if len(classes) < 2 or held < 1 or counts.min() < 5:
        raise ValueError(
            f"{path}: expected at least 2 classes of 5 pictures, got {dict(zip(classes, counts.tolist(), strict=True))}"
        )
    order = Streams(seed).at("split", 0).permutation(n)
    train, test = (rows(whole, chosen) for chosen in (order[:-tested], order[-tested:]))
    most = counts.max() / n
    gate = min(0.99, most + 3 * math.sqrt(most * (1 - most) / tested))  # no luck explains more
    slug = re.sub(r"[^a-z0-9]+", "-", whole.name.lower()).strip("-") or "pictures"
    return Task(f"lenet-{slug}", classes, gate, held, train, test, None)


def train(
    network: LeNet, dataset: Dataset, epochs: int, seed: int, held: int | None = None
) -> Iterator[tuple[int, float]]:
    """Trains the network; after each epoch, its number and the accuracy on the last `held` images, held out."""
    held = HELD_OUT if held is None else held
    body, head, streams = network.body, network.head, Streams(seed)
    whole = [(f"body.{name}", p) for name, p in body.named_params()]
    whole += [(f"head.{name}", p) for name, p in head.named_params()]
    optimizer = Adam(whole, LR)
    images, labels = dataset.images[:-held], dataset.labels[:-held]
    batch = min(BATCH, len(images))
    steps = len(images) // batch
    for epoch in range(epochs):
        order = streams.at("order", epoch).permutation(len(images))
        bar = tqdm(range(steps), desc=f"epoch {epoch + 1} of {epochs}", unit="step", mininterval=1, leave=False)
        for step in bar:
            done = (epoch + step / steps) / epochs
            optimizer.lr = LR * 0.5 ** sum(done >= share for share in HALVED)
            chosen = order[step * batch : (step + 1) * batch]
            x = network.bring(moved(images[chosen], streams.at("shifts", epoch, step)))
            features, cache = body.forward(x)
            a, head_cache = head.forward(features)
            loss, da = cross_entropy(a, labels[chosen])
            grads = {"body": {}, "head": {}}
            body.backward(head.backward(da, head_cache, grads["head"]), cache, grads["body"], need_dx=False)
            optimizer.step(grads)
            for name, p in whole:
                if name.endswith("weight"):
                    p *= np.float32(1 - optimizer.lr * WEIGHT_DECAY)
        yield epoch + 1, accuracy(network, dataset.images[-held:], dataset.labels[-held:])


def moved(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The images (N, H, W, C), each moved by up to `SHIFT` pixels either way; what enters is black. float32."""
    N, H, W, _ = images.shape
    framed = np.pad(images, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0))).astype(np.float32)
    top, left = rng.integers(0, 2 * SHIFT + 1, (2, N))
    rows, columns = top[:, None] + np.arange(H), left[:, None] + np.arange(W)
    return framed[np.arange(N)[:, None, None], rows[:, :, None], columns[:, None, :]]


def accuracy(network: LeNet, images: np.ndarray, labels: np.ndarray) -> float:
    """The share of images that the network puts into their class."""
    return float((network(images).logits.argmax(axis=1) == labels).mean())


def fix_unit(network: LeNet, images: np.ndarray) -> float:
    """Scales the features so that their covariance over the images has trace `TRACE`; the logits stay. The scale."""
    trace = Statistics.of(network(images, progress="unit").features).covariance.trace()
    scale = np.float32((TRACE / trace) ** 0.5)
    arrays = network.arrays()
    for name in ("fc1.w", "fc1.b"):  # a ReLU passes positive factors on
        arrays[name] *= scale
    arrays["fc2.w"] /= scale
    return float(scale)


def show(
    network: LeNet, test: Dataset, reference: np.ndarray, foreign: np.ndarray | None, seed: int
) -> list[sanity.Row]:
    """Prints the sanity battery, distances and the share of images still recognised, and returns it."""
    rows = []
    battery = sanity.Battery(network, reference, test.images, test.labels, foreign)
    for row in battery.rows(Streams(seed).at("sanity", 0)):
        amounts = zip(row.amounts, row.distances, row.recognised, strict=True)
        distances = "  ".join(f"{amount:g}: {distance:.2f} ({share:.0%})" for amount, distance, share in amounts)
        print(f"  {'good' if row.good else 'BAD '}  {row.damage:<16} {distances}", flush=True)
        rows.append(row)
    return rows


def digest(images: np.ndarray) -> str:
    return hashlib.sha256(images.tobytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help=f"{' or '.join(WANTED)}, or the path of labelled pictures")
    parser.add_argument("--size", type=int, help="pixels along a side, for pictures of your own")
    parser.add_argument("--out", type=Path, required=True, help="folder for the network and its reference")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", help="cpu, cuda, cuda:N or auto; default $MINIGAN_DEVICE, then cpu")
    flags = parser.parse_args()
    on = device.choose(flags.device)
    on.use()
    task = published(flags.data) if flags.data in WANTED else of_folder(flags.data, flags.size, flags.seed)
    rng = Streams(flags.seed).at("weights", 0)
    network = LeNet(task.name, task.classes, rng=rng, shape=task.train.shape).to_device(on)
    chosen, best = best_epoch(network, task, flags.epochs, flags.seed)
    scale, right = fix_unit(network, task.train.images), accuracy(network, task.test.images, task.test.labels)
    print(f"{task.name}: epoch {chosen}, {right:.2%} of the test images (at least {task.gate:.1%})")
    battery = show(network, task.test, task.train.images[: len(task.test)], task.foreign, flags.seed)
    bad = [row.damage for row in battery if not row.good]
    if right < task.gate or (bad and task.foreign is not None):
        raise SystemExit(f"{task.name} fails and is not written: more pictures or more --epochs may help")
    if bad:
        print(f"distances do not grow with {', '.join(bad)}: of few pictures they are mostly chance, so take more")
    recipe = {"data": flags.data, "epochs": flags.epochs, "chosen_epoch": chosen, "seed": flags.seed, **RECIPE}
    recipe["held_out"] = task.held
    card = {
        "minigan": __version__,
        "recipe": recipe,
        "data_sha256": {"train": digest(task.train.images), "test": digest(task.test.images)},
        "accuracy": {"held_out": best, "test": right},
        "feature_scale": scale,
        "sanity": {row.damage: dict(zip(map(str, row.amounts), row.distances, strict=True)) for row in battery},
    }
    write(network, task, flags, card)


def best_epoch(network: LeNet, task: Task, epochs: int, seed: int) -> tuple[int, float]:
    """Trains the network and gives it the weights of its best epoch; returns that epoch and its accuracy."""
    started, chosen, best, kept = time.perf_counter(), 0, -1.0, {}
    for epoch, right in train(network, task.train, epochs, seed, task.held):
        print(f"epoch {epoch}: {right:.2%} of the images held out, {time.perf_counter() - started:.0f} s", flush=True)
        if right > best:
            best, chosen = right, epoch
            kept = {key: array.copy() for key, array in network.arrays().items()}
    for key, array in network.arrays().items():
        array[...] = kept[key]
    return chosen, best


def write(network: LeNet, task: Task, flags: argparse.Namespace, card: dict) -> None:
    """Writes the network, and the statistics of the test images; prints how both are used."""
    folder = flags.out / "extractors"
    network.write(folder, card)
    name = f"{flags.data if task.foreign is not None else task.train.name}/test"
    reference = references.file_of(flags.out / references.FOLDER, network, name)
    reference.parent.mkdir(parents=True, exist_ok=True)
    references.measure(network, name, task.test.images).save(reference)
    print(f"{network.id} is in {folder}, its reference in {reference}")
    if task.foreign is None:
        print(f"to judge a run on these pictures: minigan score RUN --extractor {folder / f'{network.name}.json'}")


if __name__ == "__main__":
    with friendly_errors("train_extractor"):
        main()
