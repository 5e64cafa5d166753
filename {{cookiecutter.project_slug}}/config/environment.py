"""The environment's variables, whose errors are one line that says what to do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from environs import Env, EnvError

REMEDY = "Run `uv run start.py`, which makes them up, or set them as README.md says."


class Environment:
    """An `environs.Env` that ends the process with one line where a variable is missing or wrong.

    Settings are read by every command, so a traceback would be what each of them shows.
    """

    def __init__(self, *files: Path) -> None:
        """Read `files`, the first one first; what is set already stays."""
        self._env = Env()
        for file in files:
            self._env.read_env(file, recurse=False)

    def require(self, *names: str) -> None:
        """End the process where any of `names` is missing or empty, naming all of them."""
        missing = [name for name in names if not self._env.str(name, "")]
        if missing:
            _end(f"Not set in the environment: {', '.join(missing)}.")

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        """Return Env's reader of this kind (`str`, `bool`, `dj_db_url`...)."""
        read = getattr(self._env, kind)

        def read_or_end(*args: Any, **kwargs: Any) -> Any:
            try:
                return read(*args, **kwargs)
            except EnvError as error:
                _end(str(error).rstrip(".") + ".")

        return read_or_end


def _end(what: str) -> NoReturn:
    raise SystemExit(f"{what} {REMEDY}")
