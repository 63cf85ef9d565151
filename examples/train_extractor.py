"""A judge of samples, trained with the layers that it will judge: the feature network of the digits' scores.

    python examples/train_extractor.py mnist --out judges            the network lenet-mnist-v1
    python examples/train_extractor.py fashion-mnist --out judges    the network lenet-fashion-v1

The loop in `train` is all there is to a classifier: forward, loss, backward, optimizer. The best epoch is chosen on
5,000 training images that it was not shown; its accuracy on the test images and the sanity battery decide whether the
network is written at all: weights and card (recipe, digests, accuracy, golden features) into extractors/, and the
statistics of the test images into refs/, as the package keeps them in minigan/data.
"""

import argparse
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from minigan import Adam, Streams, __version__, data, device
from minigan.data import Dataset
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


def train(network: LeNet, dataset: Dataset, epochs: int, seed: int) -> Iterator[tuple[int, float]]:
    """Trains the network; after each epoch, its number and the accuracy on the images held out."""
    body, head, streams = network.body, network.head, Streams(seed)
    whole = [(f"body.{name}", p) for name, p in body.named_params()]
    whole += [(f"head.{name}", p) for name, p in head.named_params()]
    optimizer = Adam(whole, LR)
    images, labels = dataset.images[:-HELD_OUT], dataset.labels[:-HELD_OUT]
    steps = len(images) // BATCH
    for epoch in range(epochs):
        order = streams.at("order", epoch).permutation(len(images))
        bar = tqdm(range(steps), desc=f"epoch {epoch + 1} of {epochs}", unit="step", mininterval=1, leave=False)
        for step in bar:
            done = (epoch + step / steps) / epochs
            optimizer.lr = LR * 0.5 ** sum(done >= share for share in HALVED)
            chosen = order[step * BATCH : (step + 1) * BATCH]
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
        yield epoch + 1, accuracy(network, dataset.images[-HELD_OUT:], dataset.labels[-HELD_OUT:])


def moved(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The images (N, H, W, 1), each moved by up to `SHIFT` pixels either way; what enters is black. float32."""
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


def show(network: LeNet, test: Dataset, reference: np.ndarray, foreign: np.ndarray, seed: int) -> list[sanity.Row]:
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
    parser.add_argument("data", choices=WANTED)
    parser.add_argument("--out", type=Path, required=True, help="folder for the network and its reference")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", help="cpu, cuda, cuda:N or auto; default $MINIGAN_DEVICE, then cpu")
    flags = parser.parse_args()
    on = device.choose(flags.device)
    on.use()
    name, classes, gate, other = WANTED[flags.data]
    dataset, test = data.load(flags.data), data.load(flags.data, split="test")
    network = LeNet(name, classes, rng=Streams(flags.seed).at("weights", 0)).to_device(on)
    started, best, kept = time.perf_counter(), 0.0, {}
    for epoch, right in train(network, dataset, flags.epochs, flags.seed):
        print(f"epoch {epoch}: {right:.2%} of the images held out, {time.perf_counter() - started:.0f} s", flush=True)
        if right > best:
            best, chosen = right, epoch
            kept = {key: array.copy() for key, array in network.arrays().items()}
    for key, array in network.arrays().items():
        array[...] = kept[key]
    scale, right = fix_unit(network, dataset.images), accuracy(network, test.images, test.labels)
    print(f"{name}: epoch {chosen}, {right:.2%} of the test images (at least {gate:.1%})")
    foreign = data.load(other, split="test").images
    rows = show(network, test, dataset.images[: len(test)], foreign, flags.seed)
    if right < gate or not all(row.good for row in rows):
        raise SystemExit(f"{name} fails and is not written")
    recipe = {"data": flags.data, "epochs": flags.epochs, "chosen_epoch": chosen, "seed": flags.seed, **RECIPE}
    network.write(
        flags.out / "extractors",
        {
            "minigan": __version__,
            "recipe": recipe,
            "data_sha256": {"train": digest(dataset.images), "test": digest(test.images)},
            "accuracy": {"held_out": best, "test": right},
            "feature_scale": scale,
            "sanity": {row.damage: dict(zip(map(str, row.amounts), row.distances, strict=True)) for row in rows},
        },
    )
    reference = references.file_of(flags.out / references.FOLDER, network, f"{flags.data}/test")
    reference.parent.mkdir(parents=True, exist_ok=True)
    references.measure(network, f"{flags.data}/test", test.images).save(reference)
    print(f"{network.id} is in {flags.out / 'extractors'}, its reference in {reference}")


if __name__ == "__main__":
    with friendly_errors("train_extractor"):
        main()
