"""The names of tensors, where a PyTorch module has others than a torch.nn.Sequential."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def renamed(tensors: Iterable[str], names: Mapping[str, str]) -> dict[str, str]:
    """The name in the file of each of the tensors.

    The keys of `names` are whole names or beginnings that end before a dot; of several that fit the longest counts, and
    "" fits all. {"1": "main.0"} makes "main.0.weight" of "1.weight", {"": "main"} "main.1.weight".

    ValueError: a key fits nothing, or two tensors get one name.
    """
    new = {name: _renamed(name, names) for name in tensors}
    unused = [key for key in names if not any(_fits(key, name) for name in new)]
    if unused:
        raise ValueError(f"no tensor is called {', '.join(map(repr, unused))}; there are {', '.join(new)}")
    given = list(new.values())
    twice = sorted({name for name in given if given.count(name) > 1 or not name})
    if twice:
        raise ValueError(f"the new names must differ from one another; given more than once are {', '.join(twice)}")
    return new


def _renamed(name: str, names: Mapping[str, str]) -> str:
    key = max((key for key in names if _fits(key, name)), key=len, default=None)
    if key is None:
        return name
    return ".".join(part for part in (names[key], name[len(key) :].removeprefix(".")) if part)


def _fits(key: str, name: str) -> bool:
    return key in ("", name) or name.startswith(f"{key}.")
