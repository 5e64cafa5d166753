"""How a test lets a request do something, and which line of this folder that is."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from django.test import AsyncClient, Client

from tests.external_contact import contacting, site


def ask(path: str, does: Callable[[], Any]) -> Any:
    """Let a request under WSGI do this."""
    site.told[:] = [does]
    return Client().get(path)


def ask_async(path: str, does: Callable[[], Any], loop_factory: Any = None) -> Any:
    """Let a request under ASGI do this."""
    site.told[:] = [does]

    async def asked() -> Any:
        response: Any = await AsyncClient().get(path)
        if response.streaming:
            assert b"".join([part async for part in response]) == b"onetwo"
        return response

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(asked())


def line(does: Callable[..., Any]) -> str:
    """Return the place of a function's line that is marked "here"."""
    if isinstance(does, partial):
        does = does.func
    return _place(Path(contacting.__file__), does.__name__, "# here")


def view_line(view: str, name: str = "") -> str:
    """Return the place of a view's line that is marked "the view"."""
    return _place(Path(site.__file__), view, "# the view", name)


def _place(file: Path, function: str, mark: str, name: str = "") -> str:
    lines = file.read_text().splitlines()
    begin = next(n for n, text in enumerate(lines) if f"def {function}(" in text)
    number = next(n for n, text in enumerate(lines[begin:], begin + 1) if mark in text)
    return f"{file.relative_to(Path.cwd())}:{number} in {name or function}"
