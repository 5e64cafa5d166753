"""The environment's variables, whose errors are one line that says what to do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from environs import Env, EnvError

from config.server_urls import FORMS, split

REMEDY = "Run `uv run start.py`, which makes them up, or set them as README.md says."
ROOT = Path(__file__).resolve().parent.parent


class Environment:
    """An `environs.Env` that ends the process with one line where a variable is missing or wrong.

    Settings are read by every command, so a traceback would be what each of them shows. No line
    shows a value: it may hold a password.
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
            raise SystemExit(f"Not set in the environment: {', '.join(missing)}. {REMEDY}")

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        """Return Env's reader of this kind (`str`, `bool`, `dj_db_url`...)."""
        read = getattr(self._env, kind)

        def read_or_end(name: str, *args: Any, **kwargs: Any) -> Any:
            try:
                if name in FORMS and (url := self._env.str(name, "")):
                    split(name, url)
                return read(name, *args, **kwargs)
            except EnvError as error:
                _end(name, str(error).rpartition("invalid: ")[2])
            except ValueError as error:
                _end(name, str(error))

        return read_or_end


def project_environment() -> Environment:
    """Return the environment with what `.env`, and then a running `start.py`, add to it."""
    return Environment(ROOT / ".env", ROOT / "var" / "servers.env")


def _end(name: str, why: str) -> NoReturn:
    reason = " ".join(why.split()).strip("[]'\". ")
    raise SystemExit(
        f'Environment variable "{name}" invalid: {reason}. Correct it as README.md says.'
    )
