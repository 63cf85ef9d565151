"""What commands and examples share: errors that a person can mend are one line, not a traceback."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from minigan.runs.interrupt import Interrupted


@contextmanager
def friendly_errors(name: str) -> Iterator[None]:
    """Turn wrong input, missing files and broken runs into a message and an exit code; Ctrl-C exits with 130.

    MINIGAN_TRACEBACK=1 shows where the error came from.
    """
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *rest: print(f"{name}: warning: {message}", file=sys.stderr)
            yield
    except KeyboardInterrupt as error:
        words = str(error) if isinstance(error, Interrupted) else "stopped"
        print(f"\n{name}: {words}", file=sys.stderr)
        raise SystemExit(130) from None
    except BrokenPipeError:  # whoever read our output has seen enough: `minigan gradcheck | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except (ValueError, OSError, RuntimeError, FloatingPointError, OverflowError, MemoryError) as error:
        if os.environ.get("MINIGAN_TRACEBACK") == "1":
            raise
        message = str(error) or "out of memory" if isinstance(error, MemoryError) else str(error)
        print(f"{name}: error: {message}", file=sys.stderr)
        raise SystemExit(2) from None
