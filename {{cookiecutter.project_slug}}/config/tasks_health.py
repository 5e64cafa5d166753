"""/health/tasks: whether tasks are well, as the failure checks see it; for an uptime monitor."""

import logging
from dataclasses import dataclass

from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config import watching
from config.bearer import bears_metrics_token
from config.bounded import Bounded, NoAnswer
from config.health import ANSWER_SECONDS, said
from patterns.failure_check.models import Alarm
from tasks_page.access import SEE, may

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class State:
    """What is known: `alarms` that hold, and whether anybody looks."""

    alarms: list[Alarm]
    is_checked: bool
    # Whether whoever asks may know more than one word.
    is_detailed: bool

    @property
    def is_well(self) -> bool:
        """Tell whether nobody has to get up."""
        return self.is_checked and all(alarm.severity != "critical" for alarm in self.alarms)


@never_cache
@require_safe
def tasks(request: HttpRequest) -> HttpResponse:
    """Say "ok" while no critical alarm holds and the checks run; 503 and "not ok" otherwise.

    Who may see the page "Tasks", and the bearer of METRICS_TOKEN, are told which, as JSON.
    """
    try:
        # The session is read there too: its table may be what is frozen.
        state = _bounded.ask(lambda: _state(request), seconds=ANSWER_SECONDS)
    except (Error, NoAnswer) as error:
        logger.warning("The state of tasks is not known: %s", error)
        return said(False)
    return _in_detail(state) if state.is_detailed else said(state.is_well)


_bounded = Bounded()


def _state(request: HttpRequest) -> State:
    return State(
        alarms=list(watching.open_alarms()),
        is_checked=watching.is_checked(),
        is_detailed=bears_metrics_token(request) or _may_see(request),
    )


def _may_see(request: HttpRequest) -> bool:
    # Without a cookie no session is looked at, so none is made and no answer varies by it.
    return settings.SESSION_COOKIE_NAME in request.COOKIES and may(request, SEE)


def _in_detail(state: State) -> HttpResponse:
    shown = ("name", "severity", "sentence", "remedy", "raised_at")
    details = {
        "is_well": state.is_well,
        "is_checked": state.is_checked,
        "problems": [{name: getattr(alarm, name) for name in shown} for alarm in state.alarms],
    }
    return JsonResponse(details, status=200 if state.is_well else 503)
