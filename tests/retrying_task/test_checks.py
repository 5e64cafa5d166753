"""One test for each check id: what is said, and that it is not said of a project that is well.

The Django of the kit's test process is the one that tests/servers.py configures.
"""

import math
import os
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery, Task
from django.core.checks import CheckMessage

import tests.servers  # noqa: F401  it configures Django

# isort: split
# Checks can be imported once that module has configured Django.
from patterns.retrying_task import RetryingTask, checks, setting_names

OWN: list[Celery] = []
# Celery's own, of a class attribute that it takes all the same.
pytestmark = pytest.mark.filterwarnings("ignore:\\s*The '.*' task attribute")


class LossyTask(Task):  # type: ignore[type-arg]
    abstract = True


def an_app(name: str = "checked", base: Any = RetryingTask, **conf: Any) -> Celery:
    app = Celery(name, task_cls=base, set_as_current=False)
    # Else it is given the shared tasks of whatever this process has imported by now.
    app.finalized = True
    app.conf.update({"broker_url": "redis://", "task_ignore_result": True, **conf})
    return app


def a_task(app: Celery | None = None, name: str = "tests.one", **options: Any) -> Celery:
    """Return the app with a task, be it refused: Celery lists it all the same."""
    app = app or an_app()

    def body() -> None: ...

    with suppress(ValueError):
        app.task(body, name=name, shared=False, **options)
    return app


def only(found: Any, id: str) -> CheckMessage:
    (message,) = found
    assert message.id == f"retrying_task.{id}"
    assert message.hint
    return message


def of_tasks(app: Celery) -> list[CheckMessage]:
    return list(checks.wrong_tasks(app))


def test_a_project_that_is_well_has_no_message() -> None:
    app = a_task()
    assert [*of_tasks(app), *checks.kept_results(app), *setting_names.unknown_settings(app)] == []
    assert list(checks.wrong_settings()) == []


def test_the_apps_that_the_setting_names_are_checked_and_no_other(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "NAMED", a_task(an_app("named"), max_retries=0))
    settings.RETRYING_TASK_APPS = (f"{__name__}.NAMED",)
    assert "tests.one is never retried" in only(checks.check_retrying_tasks(), "E004").msg
    settings.RETRYING_TASK_EXEMPT = {"named": "a firehose"}
    assert checks.check_retrying_tasks() == []
    settings.RETRYING_TASK_APPS = ("no.such.app",)
    only(checks.check_retrying_tasks(), "E002")


def test_e001_a_misspelt_setting(settings: Any) -> None:
    settings.RETRYING_TASK_EXEMPTED = {}
    assert "RETRYING_TASK_EXEMPT" in str(only(checks.wrong_settings(), "E001").hint)


@pytest.mark.parametrize("path", ["no.such.app", "tests.retrying_task.test_checks.OWN"])
def test_e002_an_app_that_is_none(settings: Any, path: str) -> None:
    settings.RETRYING_TASK_APPS = [path]
    assert path in only(checks.wrong_settings(), "E002").msg


def test_e002_an_exemption_without_a_reason(settings: Any) -> None:
    settings.RETRYING_TASK_EXEMPT = {"tests.one": " "}
    assert "does not say why" in only(checks.wrong_settings(), "E002").msg


def test_e003_a_task_of_another_base(settings: Any) -> None:
    limits = {"soft_time_limit": 1, "time_limit": 2}
    app = a_task(base=LossyTask, **limits)
    assert "tests.one has a base of its own, LossyTask" in only(of_tasks(app), "E003").msg
    settings.RETRYING_TASK_EXEMPT = {"tests.one": "a thumbnail, made anew when it is looked at"}
    assert of_tasks(app) == []


def test_e003_an_app_of_another_base_is_told_once_and_exempted_whole(settings: Any) -> None:
    app = an_app("events", Task, task_soft_time_limit=1, task_time_limit=2)
    a_task(a_task(app), name="tests.two")
    assert "all tasks of 'events'" in only(of_tasks(app), "E003").msg
    settings.RETRYING_TASK_EXEMPT = {"events": "an event may be lost"}
    assert of_tasks(app) == []


@pytest.mark.parametrize("retries", [0, -1, "3", True])
def test_e004_a_task_that_is_not_retried(retries: Any, settings: Any) -> None:
    app = a_task(max_retries=retries)
    assert repr(retries) in only(of_tasks(app), "E004").msg
    settings.RETRYING_TASK_EXEMPT = {"tests.one": "a click, of which there are many"}
    assert of_tasks(app) == []


@pytest.mark.parametrize(
    "options",
    [
        {"max_retries": None},
        {"max_retries": 1_000_000_000},
        {"backoff_cap_seconds": math.inf},
        {"backoff_cap_seconds": 7 * 86_400},
        {"autoretry_for": (KeyError,), "retry_kwargs": {"max_retries": None}},
    ],
)
def test_e005_retries_without_an_end(options: dict[str, Any]) -> None:
    # The longest absence of a plain task that waits a week is another fault.
    app = a_task(an_app(broker_url="amqp://"), **options)
    assert "without an end" in only(of_tasks(app), "E005").msg


def test_e005_a_task_that_expires_has_an_end() -> None:
    assert of_tasks(a_task(max_retries=None, expires=3600)) == []


@pytest.mark.parametrize("seconds", [0, -2, "2", math.nan, None])
@pytest.mark.parametrize("name", ["backoff_base_seconds", "backoff_cap_seconds"])
def test_e006_a_backoff_that_is_none(name: str, seconds: Any) -> None:
    app = a_task(an_app(broker_url="amqp://"), **{name: seconds})
    assert repr(seconds) in only(of_tasks(app), "E006").msg


@pytest.mark.parametrize(("soft", "hard"), [(None, None), (None, 10), (10, None), (10, 10)])
def test_e007_a_task_that_nothing_ends(soft: Any, hard: Any) -> None:
    app = a_task(base=LossyTask, soft_time_limit=soft, time_limit=hard)
    assert [each.id for each in of_tasks(app)] == ["retrying_task.E003", "retrying_task.E007"]


def test_e007_is_not_said_of_a_pool_that_enforces_no_limit(settings: Any) -> None:
    settings.RETRYING_TASK_EXEMPT = {"tests.one": "it may be lost"}
    assert of_tasks(a_task(an_app(worker_pool="threads"), base=LossyTask)) == []
    only(of_tasks(a_task(an_app(worker_pool="prefork"), base=LossyTask)), "E007")


def test_e007_a_task_that_was_refused_when_it_was_defined() -> None:
    only(of_tasks(a_task(soft_time_limit=None)), "E007")


def test_e008_a_plain_task_that_is_away_for_longer_than_the_broker_waits() -> None:
    app = a_task(backoff_cap_seconds=7200)
    message = only(of_tasks(app), "E008")
    assert "tests.one may be away for 7530 s" in message.msg
    assert "after 3600 s" in message.msg
    app.conf.broker_transport_options = {"visibility_timeout": 10_000}
    assert of_tasks(app) == []


def test_e008_is_not_said_of_a_durable_task_nor_of_a_broker_that_waits_for_the_connection() -> None:
    assert of_tasks(a_task(backoff_cap_seconds=7200, durable=True)) == []
    assert of_tasks(a_task(an_app(broker_url="amqp://"), backoff_cap_seconds=7200)) == []


def test_e009_a_name_in_the_configuration_s_module_that_celery_does_not_know() -> None:
    app = an_app()
    module = SimpleNamespace(task_ack_late=True, task_time_limit=5, os=os, helper=an_app, LIMIT=3)
    app.config_from_object(module)
    message = only(setting_names.unknown_settings(app), "E009")
    assert "'task_ack_late'" in message.msg
    assert "Did you mean task_acks_late?" in str(message.hint)


def test_e009_an_old_name_that_celery_still_takes_is_none() -> None:
    app = Celery("checked", task_cls=RetryingTask, set_as_current=False)
    app.config_from_object({"CELERY_ACKS_LATE": True, "CELERYD_CONCURRENCY": 2})
    assert list(setting_names.unknown_settings(app)) == []


def test_e009_a_name_of_the_old_style_that_never_was_one() -> None:
    app = an_app()
    app.config_from_object({"CELERY_TASK_ACK_LATE": True, "CELERY_DB_REUSE_MAX": 100})
    message = only(setting_names.unknown_settings(app), "E009")
    assert "'CELERY_TASK_ACK_LATE'" in message.msg
    assert "Did you mean task_acks_late?" in str(message.hint)


@pytest.mark.parametrize("name", ["CELERY_TASK_ACK_LATE", "CELERY_ACKS_LATE"])
def test_e009_a_name_among_django_s_settings_of_the_app_s_namespace(
    settings: Any, name: str
) -> None:
    setattr(settings, name, True)
    settings.CELERY_TASK_TIME_LIMIT = 60
    app = Celery("checked", task_cls=RetryingTask, set_as_current=False)
    app.config_from_object("django.conf:settings", namespace="CELERY")
    message = only(setting_names.unknown_settings(app), "E009")
    assert f"'{name}'" in message.msg
    assert "Did you mean CELERY_TASK_ACKS_LATE?" in str(message.hint)
    settings.RETRYING_TASK_CELERY_EXTRAS = [name]
    assert list(setting_names.unknown_settings(app)) == []


def test_e009_a_name_given_to_update() -> None:
    app = an_app(task_ack_late=True)
    assert "task_ack_late" in only(setting_names.unknown_settings(app), "E009").msg


def test_e009_suggests_a_name_as_app_conf_takes_it(settings: Any) -> None:
    app = Celery("checked", task_cls=RetryingTask, set_as_current=False)
    app.config_from_object("django.conf:settings", namespace="CELERY")
    app.conf.update(task_ack_late=True)
    message = only(setting_names.unknown_settings(app), "E009")
    assert "Did you mean task_acks_late?" in str(message.hint)


def test_e009_says_nothing_of_what_is_like_no_setting() -> None:
    app = an_app(task_max_retries=5)
    hint = only(setting_names.unknown_settings(app), "E009").hint
    assert "Did you mean" not in str(hint)


def test_e010_a_module_of_tasks_that_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    app = a_task()

    def refuse(**_: Any) -> None:
        raise ValueError("no such plan")

    monkeypatch.setattr(app, "autodiscover_tasks", refuse)
    assert "no such plan" in only(of_tasks(app), "E010").msg


def test_e010_a_module_that_the_configuration_names_and_that_is_not_there() -> None:
    app = a_task(an_app(imports=("no_such_module",)))
    assert "No module named 'no_such_module'" in only(of_tasks(app), "E010").msg


def test_e010_a_task_that_was_refused_when_it_was_defined() -> None:
    assert "no result backend" in only(of_tasks(a_task(ignore_result=False)), "E010").msg


def test_e011_a_setting_of_celery_s_where_no_app_looks_for_it(settings: Any) -> None:
    settings.CELERY_TASK_ACK_LATE = True
    settings.CELERY_EMAIL_BACKEND = "another package's"
    message = only(setting_names.unread_settings([an_app()]), "E011")
    assert "CELERY_TASK_ACK_LATE in Django's settings has no effect" in message.msg
    assert "Set task_acks_late where" in str(message.hint)
    app = an_app()
    app.config_from_object("django.conf:settings", namespace="CELERY")
    assert list(setting_names.unread_settings([app])) == []


def test_w001_retries_that_end_before_anything_is_started_again() -> None:
    message = only(of_tasks(a_task(max_retries=3)), "W001")
    assert "gives up after 7 s" in message.msg
    assert of_tasks(a_task(max_retries=6)) == []  # 63 s


def test_w002_celery_s_own_retries_of_every_error() -> None:
    only(of_tasks(a_task(autoretry_for=(Exception,))), "W002")
    assert of_tasks(a_task(autoretry_for=(ConnectionError,))) == []


def test_w003_the_results_of_every_task_are_kept() -> None:
    conf = {"result_backend": "redis://127.0.0.1:1/1"}
    app = a_task(an_app(task_ignore_result=False, **conf))
    assert "tests.one" in only(checks.kept_results(app), "W003").msg
    # Who reads a result says so at the task.
    assert list(checks.kept_results(a_task(an_app(**conf), ignore_result=False))) == []
    assert list(checks.kept_results(a_task(an_app(task_ignore_result=False)))) == []
    ignoring = a_task(an_app(task_ignore_result=False, **conf), ignore_result=True)
    assert list(checks.kept_results(ignoring)) == []
