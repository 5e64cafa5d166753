"""Who may see the page "Tasks", and who may pause a queue."""

from django.http import HttpRequest

# Both are in the group "On call".
SEE = "durable_tasks.view_taskrow"
PAUSE = "durable_tasks.pause_queuerow"
FAILED = "durable_tasks.view_failedtask"


def may(request: HttpRequest, permission: str) -> bool:
    """Tell whether the visitor is staff, active, and has the permission, as of now."""
    return request.user.is_staff and request.user.has_perm(permission)
