"""How to repeat a run: the command that began it, and the versions that it began with."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import asdict

from minigan.html import Html, element, joined, paragraphs, rows
from minigan.report.loaded import Evidence
from minigan.training.config import OWN

BITS = "With the same seed, threads, libraries and kind of machine, the result is the same to the last bit."
SCRIPT = """from pathlib import Path
from minigan import Config, Trainer

file = Path("config.json")  # the text below
Trainer.start(Config.load(file.read_text(), file)).train()"""


def repeat(evidence: Evidence) -> Html:
    """The command that began the run; where none was kept, as until version 0.1, lines of Python for its config."""
    if evidence.command:
        shown = evidence.attempt("command", lambda: command(evidence.command))
        if shown is not None:
            note = "Paths are shortened to their last part." if shown != evidence.command.strip() else ""
            return joined([_code(shown), paragraphs(BITS, note, *_changes(evidence))])
    if "command" in evidence.missing:
        return paragraphs(f"The command cannot be read: {evidence.missing['command']}.")
    if evidence.config is None:
        return paragraphs("Without its configuration the run cannot be repeated.")
    if evidence.config.system == OWN:
        return paragraphs(
            "This run was started with objects, and its command was not kept: only its script repeats it."
        )
    values = {**asdict(evidence.config), "data": _last_part(evidence.config.data)}
    text = "The command of this run was not kept. Python repeats it from its config.json:"
    return joined([paragraphs(text), _code(SCRIPT), _code(json.dumps(values)), paragraphs(BITS)])


def command(line: str) -> str:
    """A command line with its paths shortened to their last part: the rest is about a person's machine."""
    return shlex.join(_shortened(word) for word in shlex.split(line))


def environment(evidence: Evidence) -> Html:
    """Versions and the kind of machine; no names of people, folders or hosts."""
    facts = [[name, version] for name, version in evidence.versions.items()]
    if evidence.config is not None:
        facts.append(["trained on", f"{evidence.config.device}; threads: {evidence.config.threads}"])
    kept = "" if facts and evidence.versions else "The versions that this run began with were not kept."
    if "versions" in evidence.missing:
        kept = f"The versions cannot be read: {evidence.missing['versions']}."
    table = rows(["", ""], facts, "When the run began") if facts else Html()
    return joined([table, paragraphs(kept)])


def _changes(evidence: Evidence) -> list[str]:
    """A sentence for each time that the choices of the run changed."""
    entries = evidence.changes
    if "changes" in evidence.missing:
        return [f"Its later changes cannot be read: {evidence.missing['changes']}."]
    return [f"From step {entry['step']:,} on it had other choices: {', '.join(entry['changed'])}." for entry in entries]


def _shortened(word: str) -> str:
    """A word of a command line; of a path its last part, also after "--flag="."""
    flag, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
    return flag + equals + _last_part(value)


def _last_part(path: str) -> str:
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def _code(text: str) -> Html:
    return element("pre", element("code", text))
