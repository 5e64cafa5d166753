"""What every page's template is given."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def project(request: HttpRequest) -> dict[str, Any]:
    """Return the project's own name and description, as `project`."""
    return {"project": settings.PROJECT}
