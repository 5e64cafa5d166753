"""Name a request without what its path may hold: a token that sets a password, say."""

from contextlib import suppress
from typing import Any

from django.urls import ResolverMatch, resolve


def shown_path(request: Any) -> str:
    """Return the path, or the route of one that holds arguments: `/reset/<uidb64>/<token>/`."""
    match = request.resolver_match or looked_up(request)
    if match is None:
        return "(a path of no view)"
    if match.kwargs or match.args:
        return f"{request.path.removesuffix(request.path_info)}/{match.route}"
    return str(request.path)


def without_secrets(text: str, request: Any) -> str:
    """Return a text about a request, with the path as it may be shown."""
    if not hasattr(request, "resolver_match") or shown_path(request) == request.path:
        return text
    return text.replace(request.path, shown_path(request))


def looked_up(request: Any) -> ResolverMatch | None:
    """Return the view of a request that failed before one was chosen, in a middleware."""
    # Whatever is wrong with the project's addresses may be what is being reported.
    with suppress(Exception):
        return resolve(request.path_info, getattr(request, "urlconf", None))
    return None
