"""A task that its base refuses when it is defined."""

from typing import Any

from .lanes import app


class Refusing(app.Task):  # type: ignore[name-defined, misc]  # made by the app
    """Wants something that no task here has."""

    @classmethod
    def on_bound(cls, app: Any) -> None:
        raise TypeError(f"Task {cls.name} is refused.")


@app.task(name="lanes.refused", base=Refusing, shared=False, lazy=False)
def refused() -> None: ...
