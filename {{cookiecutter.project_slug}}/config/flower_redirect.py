"""/flower/ on the site's own port: staff are sent on to Flower, everybody else is not."""

from urllib.parse import quote

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.request import split_domain_port
from django.views.decorators.http import require_safe


@require_safe
@login_required
def redirect_to_flower(request: HttpRequest, path: str = "") -> HttpResponse:
    """Send staff on to Flower's own port, where the same session counts: cookies ignore ports.

    In production a proxy maps /flower/ to that port, and this view is never reached.
    """
    if not (request.user.is_active and request.user.is_staff):
        raise PermissionDenied("Flower is for staff. Ask an administrator for staff status.")
    base = settings.FLOWER_URL or _development_address(request)
    if not base:
        return HttpResponse(NOT_MAPPED, status=503, content_type="text/plain")
    query = request.META.get("QUERY_STRING", "")
    # Without its slash, a path such as `.evil.example` would become part of the host's name.
    base = f"{base.rstrip('/')}/"
    return HttpResponseRedirect(f"{base}{quote(path)}{'?' if query else ''}{query}")


NOT_MAPPED = (
    "Flower runs on a port of its own. Let the proxy in front of this site map /flower/ to it "
    "(README.md has the lines, at `Deploy it`), or set FLOWER_URL."
)


def _development_address(request: HttpRequest) -> str:
    # The name that the browser used: under another one it would not send the session's cookie.
    name, _ = split_domain_port(request.get_host())
    return f"http://{name}:{settings.FLOWER_PORT}/flower/" if settings.DEBUG else ""
