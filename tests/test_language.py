"""Plain English: phrases that readers who are not native speakers stumble over, and what to write instead."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from unicodedata import combining

import pytest

ROOT = Path(__file__).parent.parent
HERE = Path(__file__).relative_to(ROOT).as_posix()
# A regular expression, and what to write instead. `_` ends a word: names are read, too.
PHRASES: list[tuple[str, str]] = [
    (r"paint(s|ed|er|ers|ing|ings)?", "generate, sample"),
    (r"(?<!minimax )(?<!minimax_)(?<!zero-sum )games?", "objective"),
    (r"ow(e|es|ed|ing)", "contribute, contribution"),
    (r"(?<!\.)(tell|tells|told|telling)(?!_apart| apart)", "report, print, name, distinguish"),
    (r"(?<![\"'])says|said", "states, reports, returns, describes"),
    (r"knows", "contains, has, is aware of"),
    (r"know again", "restore, load"),
    (r"(go|goes|come|comes|gets?|brings?|takes?|took|copied) (\w+ )?home", "returns, copies to the host"),
    (r"in front of", "before"),
    (r"behind", "after, below, beyond"),
    (r"(?<!there )(is|are) no(?! (longer|more|less|better|worse|\w+er )| *$)", "is not a"),
    (r"by itself|by themselves", "alone, separately"),
    (r"for ever", "without end"),
    (r"in the place of", "instead of, in place of"),
    (r"(go|goes|went) on", "continues"),
    (r"speaks? (of|about)", "names, refers to"),
    (r"(takes?|taking) (\w+ ){0,4}along(?!_axis)", "together with"),
    (r"where a subclass says otherwise", "except where a subclass overrides it"),
    (r"mercy", "property"),
    (r"lets? (\w+ )+down", "fails"),
    (r"cannot bear", "cannot have"),
    (r"let (\w+ )+be\.", "does nothing"),
    (r"eyes on|its voice", "measures, prints"),
    (r"left on the table", "written at the end"),
    (r"where people live|could rest|come to rest", "around the data; near the equilibrium"),
    (r"w[ao]ke up|wakes? up", "starts to learn"),
    (r"in today's dress", "in modern form"),
    (r"no hand wrote", "generated"),
    (r"patient work", "slow"),
    (r"nobody knows", "not measured yet"),
    (r"crawls?|crawling", "is slow, moves"),
    (r"befell|befall|befalls", "happened to"),
    (r"spy|spies", "wrapper, recorder"),
    (r"third sweep|sweep that|down_sweep|down sweep", "second-order pass, backward pass"),
    (r"sharp where", "steep"),
    (r"meets? the other", "exchanges with"),
    (r"look(s)? across a team", "sums over all threads"),
    (r"must not hide|hides in", "contains"),
    (r"whatever else it is asked", "its calls"),
    (r"reach for the", "use the"),
    (r'r?"""What(?! [^\n"]*\?)', "a sentence that states what is returned or done"),
]


# Pages about game theory.
THEORY = ("examples/theory/", "tests/theory/", "examples/README.md")
LEGITIMATE = {"game": THEORY}
ENDS = {".py", ".md", ".cu", ".js", ".css", ".h", ".cfg", ".ipynb"}
FOLDERS = ("minigan", "examples", "tests", ".github")
FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.*"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*")))
    if path.suffix in ENDS and path.relative_to(ROOT).as_posix() != HERE
)
WORD = r"(?<![a-z])(?:{})(?![a-z])"  # in names, too: a space stands for itself and for `_`
BANNED = [
    (re.compile(WORD.replace("{}", phrase.replace(" ", "[ _]")), re.IGNORECASE), instead) for phrase, instead in PHRASES
]


def faults(text: str, name: str = "") -> list[str]:
    """The banned phrases of a text, each with its line and what to write instead."""
    lines = []
    for banned, instead in BANNED:
        for match in banned.finditer(text):
            word = match[0].lower().removesuffix("s")
            if not name.startswith(LEGITIMATE.get(word, ("no such file",))):
                line = text.count("\n", 0, match.start()) + 1
                lines.append(f"{name}:{line}: {match[0]!r}; write {instead}")
    return lines


def test_at_least_thirty_phrases_are_banned() -> None:
    assert len(PHRASES) >= 30


@pytest.mark.parametrize(
    "text",
    [
        "Digits that no hand wrote.",
        "what a layer owes its input",
        "The layer is no leaf.",
        "def test_g_paints_digits() -> None:",
        "the ReLU behind it",
        "The file says so.",
        "The gradients come home.",
        "a run goes on",
        "How fast it is, nobody knows",
    ],
)
def test_a_banned_phrase_is_found(text: str) -> None:
    assert faults(text)


@pytest.mark.parametrize(
    "text",
    [
        "There is no cache.",
        "It is no longer locked.",
        "stream.tell()",
        "for every sample",
        'entry["says"]',
        "minimax_game.py",
        "retold stories, ensigns and argon",
    ],
)
def test_plain_english_is_let_through(text: str) -> None:
    assert faults(text) == []


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_in_plain_english(name: str) -> None:
    assert faults((ROOT / name).read_text(encoding="utf-8"), name) == []


# Variables whose names do not state what they contain; in the benchmark two of them are the sides that it compares.
VAGUE = ("found", "told", "own", "they", "ours", "theirs")
COMPARED, SIDES = "examples/benchmark", ("ours", "theirs")
MAY_BE_VAGUE = re.compile(rf"\b({'|'.join(VAGUE)})\b( =|:|,|\)| in )")


def vague(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of the variables and arguments of these names."""
    for node in ast.walk(ast.parse(source)) if MAY_BE_VAGUE.search(source) else ():
        name = getattr(node, "id", None) if isinstance(getattr(node, "ctx", None), ast.Store) else None
        name = node.arg if isinstance(node, ast.arg) else name
        if name in VAGUE and isinstance(node, ast.Name | ast.arg):
            yield node.lineno, name


def test_a_vague_name_is_found() -> None:
    source = "def f(own):\n    for theirs in own:\n        found = theirs\n    x.found = found(own=1)\n"
    assert list(vague(source)) == [(1, "own"), (2, "theirs"), (3, "found")]


def test_variables_are_named_after_what_they_contain() -> None:
    pages = [name for name in FILES if name.endswith(".py") and not name.startswith("tests/")]
    fields = {("minigan/objective_cards.py", "found"), ("minigan/plots/panels.py", "found")}
    fields.add(("examples/theory/mode_collapse.py", "found"))
    names = {(page, name) for page in pages for _, name in vague((ROOT / page).read_text(encoding="utf-8"))}
    compared = {(page, name) for page, name in names if page.startswith(COMPARED) and name in SIDES}
    assert names - fields - compared == set()


def test_a_page_of_the_book_is_at_most_100_columns_wide() -> None:
    rooms = ("layers", "objectives", "optim", "systems")  # `.ruff.toml` of each room has the formatter keep to it
    pages = [path for room in rooms for path in (ROOT / "minigan" / room).glob("*.py")]
    pages += [ROOT / "minigan" / name for name in ("losses.py", "penalties.py", "training/steps.py")]
    wide = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in pages
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if sum(not combining(letter) for letter in line) > 100
    ]
    assert wide == []
