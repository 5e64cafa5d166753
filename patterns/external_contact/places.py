"""Which of the project's own lines contacts the outside: not the library's that does it for it."""

import asyncio
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import takewhile
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.handlers import base

HERE = str(Path(__file__).parent)
# Who calls a view, or our middleware, is Django, and middlewares that have no part in it.
OURS = {str(Path(__file__).with_name(name)) for name in ("middleware.py", "streaming.py")}
ENDS = frozenset({*OURS, base.__file__})
# Who runs the loop has nothing to do with what a task of its own does.
LOOPS = frozenset({asyncio.events.__file__, asyncio.runners.__file__})
LIBRARIES = (
    HERE,
    *(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")),
)
# Who calls whom is told for so many of the project's functions.
MOST_LINES = 4


def lines(awaited: Any) -> str:
    """Return the project's lines that led here, "at FILE:LINE in FUNCTION, called from ...".

    Under ASGI a library may connect in a task of its own (anyio does), which has no frame of the
    project's: then it is where the request, whose coroutine is `awaited`, waits for it.
    """
    ends = ENDS if awaited is None else ENDS | LOOPS
    found = _own(_running(), ends) or _own(reversed(list(_waiting(awaited))), ends)
    return f"at {', called from '.join(found)}" if found else "at no line of the project"


def _running() -> Iterator[FrameType]:
    """Return the frames that lead here, the innermost first."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back


def _waiting(awaited: Any) -> Iterator[FrameType]:
    """Return the frames of a suspended coroutine, the outermost first."""
    while awaited is not None:
        if (frame := getattr(awaited, "cr_frame", None)) is not None:
            yield frame
        awaited = getattr(awaited, "cr_await", None)


def _own(frames: Iterable[FrameType], ends: frozenset[str]) -> list[str]:
    own = [
        f"{_shown(frame.f_code.co_filename)}:{frame.f_lineno} in {frame.f_code.co_name}"
        for frame in takewhile(lambda frame: frame.f_code.co_filename not in ends, frames)
        if _is_own(frame.f_code.co_filename)
    ]
    return own[:MOST_LINES]


@cache  # there are only so many files
def _is_own(file: str) -> bool:
    is_installed = "/site-packages/" in file or "/dist-packages/" in file
    return not (file.startswith(("<", *LIBRARIES)) or is_installed)


def _shown(file: str) -> str:
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except ValueError:
        return file
