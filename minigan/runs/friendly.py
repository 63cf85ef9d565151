"""For commands and examples: an error that a person can mend is one line, not a traceback."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from minigan.runs.interrupt import Interrupted
from minigan.runs.output import any_encoding

# What wrong input, missing files and broken runs raise. Any other exception is a fault of the program itself.
OURS = (ValueError, TypeError, OSError, RuntimeError, ArithmeticError, MemoryError)
FAULTS = (NotImplementedError, RecursionError)  # RuntimeErrors that no message of ours comes with


@contextmanager
def friendly_errors(name: str) -> Iterator[None]:
    """Turn wrong input, missing files and broken runs into a message and an exit code; Ctrl-C exits with 130.

    MINIGAN_TRACEBACK=1 shows where the error came from.
    """
    any_encoding()
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *rest: print(f"{name}: warning: {message}", file=sys.stderr)
            yield
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a closed pipe or a full disk is understood
    except KeyboardInterrupt as error:
        reason = str(error) if isinstance(error, Interrupted) else "stopped"
        print(f"\n{name}: {reason}", file=sys.stderr)
        raise SystemExit(130) from None
    except BrokenPipeError:  # whoever read our output has seen enough: `minigan gradcheck | head`
        _drop_output()
        raise SystemExit(1) from None
    except Exception as error:
        if os.environ.get("MINIGAN_TRACEBACK") == "1":
            raise
        print(f"{name}: error: {in_words(error)}", file=sys.stderr)
        try:
            sys.stdout.flush()
        except (OSError, AttributeError):  # it is what failed
            _drop_output()
        raise SystemExit(2) from None


def in_words(error: Exception) -> str:
    """The message of an error for people."""
    if isinstance(error, MemoryError):
        return str(error) or "out of memory"
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror[:1].lower()}{error.strerror[1:]}"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror[:1].lower()}{error.strerror[1:]}"
    if isinstance(error, OURS) and not isinstance(error, FAULTS) and str(error):
        return str(error)
    return f"{type(error).__name__}: {error}; this is a fault of minigan, and MINIGAN_TRACEBACK=1 shows where it is"


def _drop_output() -> None:
    """Let go of what could not be printed: Python would try again at its end."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
