"""Directions: along which ways in the latent space samples change most.

Noise is round: its own principal components mean nothing. So the components are those of the *samples*, and a linear
fit leads from them back to the latents:

    X       samples of n random latents Z (n, d), one per row, without their mean
    X = U S Vᵀ          scores √n U of unit variance; S² / Σ S² is the share of change that each explains
    B       = argmin ‖Z - √n U B‖        row k is the latent that goes with one deviation of component k
    way k   B_k / ‖B_k‖
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

WAYS = 8
MOST, LEAST = 2000, 200  # samples
SECONDS = 2.0  # that generating them may take
FACTS = 3072  # numbers of a sample that are looked at; of larger ones every second, third, ... pixel


@dataclass(frozen=True, eq=False)
class Directions:
    """Unit vectors, float32 (k, d), with the share of change in [0, 1] that each explains, and of how many samples."""

    ways: np.ndarray
    shares: np.ndarray
    samples: int


def directions(latents: np.ndarray, generate: Callable[[np.ndarray], np.ndarray]) -> Directions:
    """The directions of latents (n, d), of which as many are used as SECONDS allow. `generate`: samples of latents."""
    started = time.perf_counter()
    first = flat(generate(latents[:50]))
    took = (time.perf_counter() - started) / 50
    n = int(np.clip(SECONDS / max(took, 1e-9), LEAST, min(MOST, len(latents))))
    rest = [flat(generate(latents[i : i + 250])) for i in range(50, n, 250)]
    return principal(latents[:n], np.concatenate([first, *rest])[:n])


def principal(latents: np.ndarray, x: np.ndarray) -> Directions:
    """The directions of latents (n, d) whose samples are x (n, f)."""
    x = x - x.mean(axis=0)
    n = len(x)
    squares, v = np.linalg.eigh(x.T @ x) if x.shape[1] <= n else _dual(x)
    k = min(WAYS, latents.shape[1], len(squares))
    squares, v = np.maximum(squares[::-1], 0), v[:, ::-1][:, :k]
    scores = x @ v
    scores /= np.maximum(scores.std(axis=0), 1e-12)
    z = latents - latents.mean(axis=0)
    ways = np.linalg.lstsq(scores, z, rcond=None)[0]
    ways /= np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), 1e-12)
    return Directions(ways.astype(np.float32), squares[:k] / max(squares.sum(), 1e-30), n)


def flat(samples: np.ndarray) -> np.ndarray:
    """Samples as rows of at most about FACTS numbers, float32."""
    if samples.ndim == 4:
        step = int(np.ceil(np.sqrt(np.prod(samples.shape[1:]) / FACTS)))
        samples = samples[:, ::step, ::step].astype(np.float32) / 255
    return samples.reshape(len(samples), -1).astype(np.float32)


def _dual(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The eigenvalues and eigenvectors of xᵀx by those of x xᵀ, which is smaller where there are few samples."""
    squares, u = np.linalg.eigh(x @ x.T)
    v = x.T @ u / np.sqrt(np.maximum(squares, 1e-12))
    return squares, v
