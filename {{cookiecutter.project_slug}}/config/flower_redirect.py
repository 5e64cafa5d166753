"""/flower/ on the site's own port: who may see Flower is led to one, everybody else is not."""

from urllib.parse import quote

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.request import split_domain_port
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from patterns.flower_auth.permission import may_see_flower


@require_safe
@login_required
def choose_flower(request: HttpRequest) -> HttpResponse:
    """Offer the Flower of each broker, or lead to the only one."""
    _require_right(request)
    names = list(settings.FLOWER_PORTS)
    if len(names) == 1:
        return redirect("flower_of", names[0])
    return render(request, "flower.html", {"names": names})


@require_safe
@login_required
def redirect_to_flower(request: HttpRequest, name: str, path: str = "") -> HttpResponse:
    """Send staff on to that Flower's port, where the same session counts: cookies ignore ports.

    In production a proxy maps /flower/NAME/ to that port, and this view is never reached.
    """
    _require_right(request)
    if name not in settings.FLOWER_PORTS:
        raise Http404
    base = settings.FLOWER_URL or _development_address(request, name)
    if not base:
        return HttpResponse(NOT_MAPPED, status=503, content_type="text/plain")
    query = request.META.get("QUERY_STRING", "")
    # Without its slash, a path such as `.evil.example` would become part of the host's name.
    base = f"{base.rstrip('/')}/{name}/"
    return HttpResponseRedirect(f"{base}{quote(path)}{'?' if query else ''}{query}")


NOT_MAPPED = (
    "Flower runs on ports of its own. Let the proxy in front of this site map /flower/shop/ and "
    "its like to them, as deploy/nginx.conf does, or set FLOWER_URL."
)


def _require_right(request: HttpRequest) -> None:
    if not may_see_flower(request.user):
        raise PermissionDenied(
            "Flower is for those of the staff who have the permission to see it. "
            "Ask an administrator for both."
        )


def _development_address(request: HttpRequest, name: str) -> str:
    # The name that the browser used: under another one it would not send the session's cookie.
    host, _ = split_domain_port(request.get_host())
    return f"http://{host}:{settings.FLOWER_PORTS[name]}/flower" if settings.DEBUG else ""
