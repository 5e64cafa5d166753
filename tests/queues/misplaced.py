"""A task whose base asks for its queue when it is defined, and which names none of the list."""

from typing import Any

from . import lanes


class Placed(lanes.app.Task):  # type: ignore[name-defined, misc]  # made by the app
    """Is on a declared queue, or is refused."""

    @classmethod
    def on_bound(cls, app: Any) -> None:
        lanes.LISTS[0].require_of(cls)


@lanes.app.task(name="lanes.misplaced", base=Placed, queue="mial", shared=False, lazy=False)
def misplaced() -> None: ...
