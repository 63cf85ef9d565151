"""How to repeat a run: a command that is known to ask for the same configuration, and where it ran."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path

from minigan.html import Html, element, joined, paragraphs, rows
from minigan.report.loaded import Evidence
from minigan.training.config import RECIPE, Config
from minigan.training.flags import add_flags, from_flags
from minigan.version import __version__

LIBRARIES = ("numpy", "scipy", "matplotlib", "pillow", "cupy-cuda12x", "cupy-cuda13x")
IDENTITY = ("model", "objective", "data")
OWN_FLAG = {"epochs", "batch_size", "n_critic", "same_noise", "width", "hidden", "z_dim", "decay", "average", "size"}
OWN_FLAG |= {"real_label", "penalty", "penalty_weight", "spectral_norm", "score_every", "seed", "threads"}


def repeat(evidence: Evidence) -> Html:
    """The command, or where flags do not suffice, three lines of Python."""
    if evidence.config is None:
        return paragraphs("Without its configuration the run cannot be repeated.")
    flags = command(evidence.config)
    if flags is not None:
        bits = "One seed and one number of threads give one result, to the last bit, on machines and libraries alike."
        return joined([element("pre", element("code", flags)), paragraphs(bits)])
    script = (
        "from pathlib import Path\nfrom minigan import Config, Trainer\n\n"
        'file = Path("config.json")  # the text below\n'
        "Trainer.start(Config.load(file.read_text(), file)).train()"
    )
    told = "Flags cannot say all that this run chose; Python can, with its config.json:"
    values = {**asdict(evidence.config), "data": _shown(evidence.config.data)}
    return joined([paragraphs(told), *(element("pre", element("code", text)) for text in (script, json.dumps(values)))])


def command(config: Config) -> str | None:
    """`minigan train ...` whose flags ask for exactly this config, tried out; None where none do.

    The path of a folder of pictures is shortened to its name.
    """
    words = [word for name in IDENTITY for word in (f"--{name}", getattr(config, name))]
    words += ["--threads", str(config.threads), "--device", "cpu"]
    wanted = replace(config, device="cpu")  # what computes it need not be on this machine
    for _ in range(2):  # what flags change may change what the recipe gives
        given = asdict(_asked_for(words))
        words += _flags(asdict(wanted), given)
    if _asked_for(words) != wanted:
        return None
    words[words.index("--device") + 1] = config.device
    words[words.index("--data") + 1] = _shown(config.data)
    return "minigan train " + shlex.join(words)


def environment(evidence: Evidence) -> Html:
    """Versions and the kind of machine; no names of people, folders or hosts."""
    kind = f"{platform.system()}, {platform.machine()}, {os.cpu_count()} cores"
    facts = [["minigan", __version__], ["Python", f"{platform.python_implementation()} {platform.python_version()}"]]
    facts += [[name, version] for name in LIBRARIES if (version := _version(name))]
    facts += [["machine", kind], ["processor", _processor()]]
    if evidence.config is not None:
        facts.append(["trained on", f"{evidence.config.device}; threads: {evidence.config.threads}"])
    table = rows(["", ""], [fact for fact in facts if fact[1]], "Where this page was written")
    return joined([table, paragraphs("A run may have been trained elsewhere: its folder keeps no versions.")])


def _asked_for(words: list[str]) -> Config:
    parser = argparse.ArgumentParser(exit_on_error=False, allow_abbrev=False)
    add_flags(parser)
    return from_flags(parser.parse_args(words), RECIPE)


def _flags(wanted: dict[str, object], given: dict[str, object]) -> list[str]:
    """A flag for each choice that is not given yet, as far as there are flags."""
    words: list[str] = []
    for name, value in wanted.items():
        if value == given[name] or value is None:
            continue
        flag = f"--{name.replace('_', '-')}"
        if name == "hyper" and isinstance(value, dict):
            words += [word for key, one in value.items() for word in ("--hyper", f"{key}={json.dumps(one)}")]
        elif name in OWN_FLAG:
            words += [flag] if value is True else [] if value is False else [flag, str(value)]
    if wanted["d_lr"] != given["d_lr"] and wanted["d_lr"] == wanted["g_lr"]:
        words += ["--lr", str(wanted["d_lr"])]
    return words


def _shown(name: str) -> str:
    """The name of a data set; of a folder its last part, since the rest is about a person's machine."""
    return Path(name).name if len(Path(name).parts) > 1 else name


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _processor() -> str:
    """What the processor calls itself, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
