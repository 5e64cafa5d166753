"""A middleware that fails before there is a view, and names the path."""

from typing import Any


def broken(get_response: Any) -> Any:
    def fail(request: Any) -> None:
        raise RuntimeError(f"no way to {request.path}")

    return fail
