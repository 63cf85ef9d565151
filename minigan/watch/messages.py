"""The messages of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from minigan.data import Dataset
from minigan.runs.folder import quoted
from minigan.training import registry
from minigan.training.config import OWN, Config

NAMES = {"d_loss": "D loss", "g_loss": "G loss", "d_real": "D(x)", "d_fake": "D(G(z))", "fid": "FID", "swd": "SWD"}


def objective(config: Config) -> str:
    """The objective, with what was chosen about it."""
    chosen = {**config.hyper, **({} if config.real_label is None else {"real_label": config.real_label})}
    parts = [config.objective, *(f"{name} {value}" for name, value in chosen.items())]
    if config.penalty is not None:
        weight = "" if config.penalty_weight is None else f" {config.penalty_weight:g}"
        parts.append(f"with the penalty of {config.penalty}{weight}")
    if config.spectral_norm:
        parts.append("D spectrally normalised")
    return ", ".join(parts)


def machine(config: Config) -> str:
    """The device that computes, and how."""
    if config.device == "cpu":
        return f"cpu, {config.threads} thread{'s' if config.threads > 1 else ''}"
    steps = "steps recorded once and replayed" if config.graph else "steps launched operation by operation (--no-graph)"
    return f"{config.device}, {config.precision}, {steps}"


def title(config: Config) -> str:
    """A run in a line: its networks, its objective and its data."""
    return ", ".join(filter(None, [config.model, config.objective, config.data]))


def plan(config: Config, dataset: Dataset, step: int, total: int, folder: Path, notes: Sequence[str] = ()) -> str:
    """The lines before training; `notes`: sentences about how it is computed."""
    lines = [f"system: {config.system}"] if config.system != "gan" else []
    lines += [f"objective: {objective(config)}"] if config.objective else []
    lines += [f"data: {dataset.name}, {dataset.source}"]
    lines += [f"device: {machine(config)}", f"{total:,} steps of {config.batch_size} into {folder}"]
    lines += notes
    if step >= total:
        lines.append(f"All of them are done; --resume {quoted(folder)} --epochs N goes further.")
    return "\n".join(lines)


def point(numbers: Mapping[str, float | None]) -> str:
    """A log point, for the end of a progress bar."""
    return "  ".join(
        f"{NAMES.get(name, name)} {value}" if isinstance(value, int) else f"{NAMES.get(name, name)} {value:.3f}"
        for name, value in numbers.items()
        if value is not None
    )


def outcome(step: int, epochs: float, seconds: float, folder: Path, files: Mapping[str, str], next_: str = "") -> str:
    """The lines after training: what happened, the files that show it, and what to do next."""
    minutes, rest = divmod(round(seconds), 60)
    lines = [
        f"{step:,} steps ({epochs:.4g} epochs) in {minutes}:{rest:02d} minutes, "
        f"{step / max(seconds, 1e-9):.1f} steps per second. In {folder}:"
    ]
    lines += [f"  {name:<14}{what}" for name, what in files.items()]
    return "\n".join([*lines, next_] if next_ else lines)


def commands(config: Config, folder: Path, *, images: bool) -> str:
    """Commands for a finished run; none for one whose networks no name can build again."""
    if config.system == OWN:
        return ""
    entry, run = registry.entry(config.system), quoted(folder)
    if entry.use:
        return f"{entry.use.format(run=run)}\nScores: minigan score {run}"
    lines = [f"More samples: minigan sample {run} -n 64 --out more.png"]
    return "\n".join([*lines, f"Scores: minigan score {run}"] if images else lines)
