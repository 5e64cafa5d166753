"""System checks: each misconfiguration has an id and a hint. Run by `manage.py check`."""

from collections.abc import Iterator
from typing import Any

from celery import Celery
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from . import RetryingTask, configuration
from .setting_names import unknown_settings, unread_settings
from .task_checks import wrong_limits, wrong_retries

PREFIX = "RETRYING_TASK_"
CELERYS_OWN = "celery."


@register("retrying_task")
def check_retrying_tasks(**_: Any) -> list[CheckMessage]:
    """Return what is wrong with the tasks of each Celery app, and with what they rest on."""
    found = list(wrong_settings())
    for app in configuration.celery_apps():
        found += [*wrong_tasks(app), *kept_results(app), *unknown_settings(app)]
    return [*found, *unread_settings(list(configuration.celery_apps()))]


def wrong_settings() -> Iterator[CheckMessage]:
    """Settings that are misspelt, name no app, or exempt without a reason."""
    for name in dir(settings):
        if name.startswith(PREFIX) and name not in configuration.NAMES:
            yield Error(
                f"{name} is no setting of retrying tasks, and has no effect.",
                hint=f"The settings are {', '.join(configuration.NAMES)}.",
                id="retrying_task.E001",
            )
    for path in configuration.paths():
        found = configuration.imported(path)
        if not isinstance(found, Celery):
            yield Error(
                f"RETRYING_TASK_APPS: {path} is no Celery app: {found}",
                hint='Name each by its dotted path, as "config.celery.app".',
                id="retrying_task.E002",
            )
    for name, why in configuration.exempt().items():
        if not str(why).strip():
            yield Error(
                f"RETRYING_TASK_EXEMPT exempts {name!r} and does not say why.",
                hint="Write the reason: why what is lost with it may be lost.",
                id="retrying_task.E002",
            )


def wrong_tasks(app: Celery) -> Iterator[CheckMessage]:
    """Tasks that are not retried, or for ever, or that nothing ends."""
    tasks, error = tasks_of(app)
    if error:
        yield Error(
            f"The tasks of {app.main!r} cannot be read: {error}",
            hint="Correct the module that raises it.",
            id="retrying_task.E010",
        )
    yield from refused_tasks(app, tasks)
    exempt = configuration.exempt()
    is_exempt = app.main in exempt
    if not is_exempt and not issubclass(app.Task, RetryingTask):
        is_exempt = True  # one message for them all
        yield Error(
            f"The base of all tasks of {app.main!r} is no RetryingTask: none of them is retried.",
            hint=f'Celery("{app.main}", task_cls="<your base class, of RetryingTask>"); if all of'
            " them may be lost, say why in RETRYING_TASK_EXEMPT.",
            id="retrying_task.E003",
        )
    for task in tasks:
        if not is_exempt and task.name not in exempt:
            yield from wrong_retries(task)
        yield from wrong_limits(app, task)


def refused_tasks(app: Celery, tasks: list[Any]) -> Iterator[CheckMessage]:
    """Tasks that their base refuses: of whatever else than the limits, which `E007` tells."""
    for task in tasks:
        # A durable task's refusal is told by the check of durable tasks.
        if not isinstance(task, RetryingTask) or hasattr(task, "durable"):
            continue
        try:
            task.on_bound(app)
        except (TypeError, ValueError) as error:
            if not list(wrong_limits(app, task)):
                yield Error(
                    str(error), hint="Change the task's definition.", id="retrying_task.E010"
                )


def tasks_of(app: Celery) -> tuple[list[Any], str]:
    """Return an app's own tasks, and what keeps some from being read.

    Celery raises at a refused definition once, and lists the task from then on. Which check reads
    the tasks first is chance, so each looks at the tasks themselves; only what is raised again is
    an error of the module.
    """
    before = ""
    while (error := _error_of_reading(app)) != before:
        before = error
    return [task for name, task in app.tasks.items() if not name.startswith(CELERYS_OWN)], error


def kept_results(app: Celery) -> Iterator[CheckMessage]:
    """Results that are kept of every task: who reads one says so at its task."""
    conf = app.conf
    if not conf.result_backend or conf.task_ignore_result:
        return
    if kept := sorted(task.name for task in tasks_of(app)[0] if not task.ignore_result):
        yield Warning(
            f"{app.main!r} keeps the result of every task, of {kept[0]} for one, in"
            " result_backend, whether or not anybody reads it.",
            hint="Set task_ignore_result = True, and ignore_result=False at each task whose result"
            " is read; with none, remove result_backend.",
            id="retrying_task.W003",
        )


def _error_of_reading(app: Celery) -> str:
    try:
        app.autodiscover_tasks(force=True)
        # Not by Celery's signal, at which its Django fixup runs all checks.
        for module in (*app.conf.imports, *app.conf.include):
            app.loader.import_task_module(module)
        app.finalize(auto=True)
    except (ImportError, TypeError, ValueError) as error:
        return str(error)
    return ""
