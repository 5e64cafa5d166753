"""The options of a call: the caller's, the task's own, and what the project's routes say."""

from collections.abc import Mapping
from typing import Any

from celery import Celery, Task
from celery._state import get_current_task

from . import refusals
from .errors import NotKept


def of_call(
    app: Celery, name: str, task: Any, args: Any, kwargs: Any, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the caller's options, the task's, and what the route says; the first one wins.

    Raises `NotKept`, and Celery's QueueNotFound for a queue that may not be made up.
    """
    if options or (given := _of_definition(app, task)) is None:
        given = _asked(app, name, task, args, kwargs, options)
    # Looking up a setting of Celery's takes a while: last.
    parent = get_current_task()
    if "priority" not in given and parent is not None and app.conf.task_inherit_parent_priority:
        given["priority"] = (parent.request.delivery_info or {}).get("priority")
    return given


def queue(app: Celery, name: str, task: Any, args: Any, kwargs: Any, given: dict[str, Any]) -> str:
    """Return the queue's name; take over what else the project's routes say about the task.

    Raises as `of_call`.
    """
    router: Any = app.amqp.router
    if not router.routes:
        asked = given.get("queue") or app.conf.task_default_queue
        if isinstance(asked, str) and (router.create_missing or asked in router.queues):
            return asked
    routed = router.route(dict(given), name, args, kwargs, task)
    found = routed.pop("queue", None)
    if found is None:  # a route to an exchange alone
        raise NotKept(f"{name}: a durable task goes to a queue by name; name one in task_routes.")
    _refuse_other_address(name, router, found, routed)
    refused = refusals.REFUSED.keys()
    given.update((key, routed[key]) for key in routed.keys() - given.keys() - refused)
    return str(getattr(found, "name", found))


def _of_definition(app: Celery, task: Any) -> dict[str, Any] | None:
    """Return what holds for every call without options; None where a call may change it.

    Kept on the task with the router that it was made for, as Celery keeps both.
    """
    router: Any = app.amqp.router
    if task is None or router.routes or type(task).shadow_name is not Task.shadow_name:
        return None
    made_for, known = getattr(task, "_of_definition", (None, {}))
    if made_for is not router:
        known = _asked(app, task.name, task, (), {}, {})
        task._of_definition = (router, known)
    return dict(known)


def _asked(
    app: Celery, name: str, task: Any, args: Any, kwargs: Any, options: Mapping[str, Any]
) -> dict[str, Any]:
    given = dict(options)
    if task is not None:
        if type(task).shadow_name is not Task.shadow_name and not given.get("shadow"):
            given["shadow"] = task.shadow_name(args, kwargs, given)
        given = {**task._get_exec_options(), **given}
    given = {key: value for key, value in given.items() if value is not None}
    refusals.at_call(name, given)
    refusals.time_limits(name, given.get("time_limit"), given.get("soft_time_limit"))
    given["queue"] = queue(app, name, task, args, kwargs, given)
    return given


def _refuse_other_address(name: str, router: Any, queue: Any, routed: Mapping[str, Any]) -> None:
    """Refuse what would reach another queue than the one that its name means to the relay."""
    known = router.queues[queue.name]
    is_other = known.exchange != queue.exchange or known.routing_key != queue.routing_key
    address = routed.get("routing_key", known.routing_key), routed.get("exchange", known.exchange)
    names = address[0], str(getattr(address[1], "name", address[1]))
    if is_other or names != (known.routing_key, str(known.exchange.name)):
        raise NotKept(
            f"{name}: a durable task goes to a queue by name, and {queue.name!r} would be reached"
            " by another exchange or routing key. Declare the queue in task_queues and name it."
        )
