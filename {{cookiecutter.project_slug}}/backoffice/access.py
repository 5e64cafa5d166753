"""Who may enter the back office."""

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from accounts.models import User


class StaffRequest(HttpRequest):
    """A request behind `staff_only`."""

    user: User


def staff_only(view: Callable[[StaffRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Send who is not logged in to the login page, and refuse who is not staff (403).

    A 403 and not the login page again: somebody who is logged in cannot get further there.
    """

    @wraps(view)
    def checked(request: StaffRequest) -> HttpResponse:
        if not request.user.is_staff:
            raise PermissionDenied
        return view(request)

    return login_required(checked)
