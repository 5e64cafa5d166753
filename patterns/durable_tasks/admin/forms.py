"""What forms carry from one page to the next, and who sends them."""

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, QueryDict

from .choosing import Choice

if TYPE_CHECKING:
    from .pages import Pages


def sent(request: HttpRequest) -> QueryDict:
    """Return what a request says: in its form, else in its address."""
    return request.POST if request.method == "POST" else request.GET


def person(request: HttpRequest) -> str:
    """Return who asks, for the history: the name may change, the number does not."""
    user: Any = request.user
    return f"{user} (#{user.pk})"


def hidden(request: HttpRequest, choice: Choice, **more: str) -> list[tuple[str, str]]:
    """Return the hidden fields of the next form: the choice, and what else must not be lost."""
    data = sent(request)
    kept = [(name, data.get(name, "")) for name in ("all", "back") if name in data]
    return [*choice.pairs(), *kept, *more.items()]


def back(pages: "Pages", request: HttpRequest) -> str:
    """Return the list's address, narrowed as it was where the request says so."""
    query = sent(request).get("back", "").replace("\n", "")
    return pages.address("changelist") + (f"?{query}" if query else "")
