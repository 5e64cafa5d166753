"""Who may do what: Django's own permissions, on pages, actions and crafted requests alike.

To act on tasks one must be allowed to see them: what somebody cannot see, they cannot mean.
"""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

VIEW_FAILED = "durable_tasks.view_failedtask"
REPLAY = "durable_tasks.replay_failedtask"
DISCARD = "durable_tasks.discard_failedtask"
VIEW_TASKS = "durable_tasks.view_taskrow"
CANCEL = "durable_tasks.cancel_taskrow"
SEE_ARGUMENTS = "durable_tasks.see_arguments"


def may(request: HttpRequest, *permissions: str) -> bool:
    """Tell whether somebody has all of these permissions."""
    user: Any = request.user
    return bool(user.has_perms(permissions))


def allow(request: HttpRequest, *permissions: str) -> None:
    """Refuse (403) who has not all of these permissions."""
    if not may(request, *permissions):
        raise PermissionDenied
