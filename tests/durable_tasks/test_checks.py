"""One test for each check id: what is said, and that it is not said of a project that is well."""

from typing import Any

import pytest
from celery import Celery, Task
from celery.worker.consumer import Consumer
from django.core import mail
from django.core.checks import CheckMessage
from django.db import connections
from durable_shop import other
from durable_shop.celery import app as shop
from psycopg import IsolationLevel

from patterns.durable_tasks.app import DurableCelery
from patterns.durable_tasks.checks.app import weak_app, wrong_app
from patterns.durable_tasks.checks.database import wrong_database
from patterns.durable_tasks.checks.other_apps import wrong_other_apps
from patterns.durable_tasks.checks.settings import wrong_queues, wrong_settings
from patterns.durable_tasks.checks.tasks import wrong_tasks
from patterns.durable_tasks.consumer import DurableConsumer

BASE = "patterns.durable_tasks.task:DurableTask"
# Celery's own, of a class attribute that it takes all the same.
pytestmark = pytest.mark.filterwarnings("ignore:\\s*The '.*' task attribute")


class OtherConsumer(Consumer):  # type: ignore[misc]  # it comes without types
    pass


class OwnConsumer(DurableConsumer):
    pass


class OwnTask(Task):  # type: ignore[type-arg]
    pass


def an_app(**conf: Any) -> DurableCelery:
    app = DurableCelery("checked", task_cls=BASE, set_as_current=False)
    app.conf.update({"CELERY_DB_REUSE_MAX": 10, "task_time_limit": 60, **conf})
    return app


def only(found: Any, id: str) -> CheckMessage:
    (message,) = found
    assert message.id == f"durable_tasks.{id}"
    assert message.hint
    return message


def everything(app: Celery) -> list[CheckMessage]:
    return [
        *wrong_settings(),
        *wrong_database(),
        *wrong_queues(),
        *wrong_app(app),
        *wrong_tasks(app),
        *wrong_other_apps(app),
    ]


def test_a_project_that_is_well_has_no_message() -> None:
    assert everything(an_app()) == []


def test_the_tests_own_project_has_no_error() -> None:
    assert [each for each in everything(shop) if each.is_serious()] == []


def test_e001_a_misspelt_setting_is_named_with_the_one_that_was_meant(settings: Any) -> None:
    settings.DURABLE_TASKS_LEASE_SECOND = 90
    hint = only(wrong_settings(), "E001").hint
    assert hint is not None
    assert "Did you mean DURABLE_TASKS_LEASE_SECONDS?" in hint


@pytest.mark.parametrize("value", [0, -1, "60", None, True, float("nan"), float("inf")])
def test_e002_no_positive_number(settings: Any, value: Any) -> None:
    settings.DURABLE_TASKS_POLL_SECONDS = value
    only(wrong_settings(), "E002")


def test_e002_a_window_is_a_whole_number(settings: Any) -> None:
    settings.DURABLE_TASKS_WINDOW = 2.5
    only(wrong_settings(), "E002")


@pytest.mark.parametrize("value", ["password", ("password", ""), (1,)])
def test_e003_words_that_hide_everything_or_nothing(settings: Any, value: Any) -> None:
    settings.DURABLE_TASKS_REDACT = value
    only(wrong_settings(), "E003")


def test_e004_an_alias_that_is_not_there(settings: Any) -> None:
    settings.DURABLE_TASKS_DATABASE = "nowhere"
    assert "'nowhere'" in only(wrong_database(), "E004").msg


def test_e004_an_alias_to_listen_on_that_is_not_there(settings: Any) -> None:
    settings.DURABLE_TASKS_LISTEN_DATABASE = "nowhere"
    assert "LISTEN_DATABASE is 'nowhere'" in only(wrong_database(), "E004").msg


def test_e005_a_database_that_is_not_postgresql(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(connections["default"]), "vendor", "sqlite")
    only(wrong_database(), "E005")


@pytest.mark.parametrize("pool", [True, {"min_size": 2}])
def test_e016_a_pool_of_connections(monkeypatch: pytest.MonkeyPatch, pool: Any) -> None:
    with monkeypatch.context() as patched:
        patched.setitem(connections.settings["default"], "OPTIONS", {"pool": pool})
        assert "'default'" in only(wrong_database(), "E016").msg


def test_e016_no_pool_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setitem(connections.settings["default"], "OPTIONS", {"pool": False})
        assert not list(wrong_database())


class Elsewhere:
    """A router that sends the rows to another database."""

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return "second" if model._meta.app_label == "durable_tasks" else None


class NoTables:
    """A router that has no tables made."""

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return False


@pytest.mark.parametrize("router", [Elsewhere(), NoTables()])
def test_e006_a_router_that_sends_the_rows_elsewhere(settings: Any, router: Any) -> None:
    settings.DATABASE_ROUTERS = [router]
    only(wrong_database(), "E006")


@pytest.mark.parametrize(
    "value",
    [
        *({"mail": 5}, {"mail": {"cap": 0}}, {"mail": {"cap": "5"}}, {"mail": {"cap": True}}),
        *({"mail": {"at_cap": "drop"}}, {"mail": {"caps": 5}}, ["mail"]),
    ],
)
def test_e007_a_cap_that_says_nothing(settings: Any, value: Any) -> None:
    settings.DURABLE_TASKS_QUEUES = value
    only(wrong_queues(), "E007")


def test_a_cap_with_and_without_what_happens_at_it_is_well(settings: Any) -> None:
    settings.DURABLE_TASKS_QUEUES = {"mail": {"cap": 5, "at_cap": "refuse"}, "index": {"cap": 5}}
    assert list(wrong_queues()) == []


def test_e008_an_app_whose_tasks_are_not_durable() -> None:
    for app in (
        Celery("plain", set_as_current=False),
        DurableCelery("half", set_as_current=False),
        Celery("other half", task_cls=BASE, set_as_current=False),
    ):
        app.conf.update(CELERY_DB_REUSE_MAX=10)
        assert "durable_tasks.E008" in {each.id for each in wrong_app(app)}


def test_e009_a_consumer_that_loses_what_it_cannot_read() -> None:
    only(wrong_app(an_app(worker_consumer=OtherConsumer)), "E009")
    assert not list(wrong_app(an_app(worker_consumer=OwnConsumer)))


@pytest.mark.parametrize("pool", ["gevent", "eventlet", "threads"])
def test_e010_a_pool_without_processes(pool: str) -> None:
    only(wrong_app(an_app(worker_pool=pool)), "E010")


def test_e011_workers_that_refuse_json() -> None:
    only(wrong_app(an_app(accept_content=["pickle"])), "E011")


def test_e018_a_prefix_under_which_messages_cannot_be_counted() -> None:
    options = {"global_keyprefix": "shop:"}
    only(wrong_app(an_app(broker_transport_options=options)), "E018")


def test_e012_a_task_that_is_refused_at_its_definition() -> None:
    app = an_app()
    app.task(name="checked.limited", shared=False, rate_limit="1/s")(nothing)
    assert "checked.limited" in only(wrong_tasks(app), "E012").msg


@pytest.mark.parametrize("name", ["LEASE_SECONDS", "PUBLICATION_LEASE_SECONDS"])
def test_w001_a_lease_that_ends_under_a_process_that_is_well(settings: Any, name: str) -> None:
    setattr(settings, f"DURABLE_TASKS_{name}", 3)
    only(wrong_settings(), "W001")


def test_e019_eager_tasks_outside_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(mail, "outbox", raising=False)
    only(wrong_app(an_app(task_always_eager=True)), "E019")
    monkeypatch.setattr(mail, "outbox", [], raising=False)
    assert list(wrong_app(an_app(task_always_eager=True))) == []


def test_w003_results_that_go_to_the_relay() -> None:
    only(weak_app(an_app(result_backend="rpc://")), "W003")


def test_w004_a_connection_for_each_task() -> None:
    only(weak_app(an_app(CELERY_DB_REUSE_MAX=None)), "W004")


def test_w005_a_task_whose_base_is_not_durable() -> None:
    app = an_app()
    app.task(name="checked.own", base=OwnTask, shared=False)(nothing)
    assert "OwnTask" in only(wrong_tasks(app), "W005").msg


def test_w006_a_task_that_may_hang_for_ever() -> None:
    app = an_app()
    app.task(name="checked.endless", shared=False, time_limit=0)(nothing)
    assert "checked.endless" in only(wrong_tasks(app), "W006").msg


def nothing() -> None:
    """Celery takes no lambda."""


def wrong_others(settings: Any, apps: Any) -> list[CheckMessage]:
    settings.DURABLE_TASKS_OTHER_APPS = apps
    return list(wrong_other_apps(shop))


def test_another_app_that_can_take_what_is_replayed_is_well(settings: Any) -> None:
    assert wrong_others(settings, {"other": "durable_shop.other.app"}) == []


@pytest.mark.parametrize(
    "apps",
    [
        ["analytics"],
        {"other": 5},
        {"other": "durable_shop.nowhere.app"},
        {"other": "durable_shop.other.nothing"},
        {"other": "no_dots"},
        {"other": "durable_shop.other.until"},
        {"other": "durable_shop.settings.USE_TZ"},
    ],
)
def test_e013_another_app_that_is_none(settings: Any, apps: Any) -> None:
    only(wrong_others(settings, apps), "E013")


def test_e014_the_current_app_as_another(settings: Any) -> None:
    only(wrong_others(settings, {"mail": "durable_shop.celery.app"}), "E014")


def test_e015_a_queue_that_the_other_app_does_not_declare(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(other, "app", an_app(task_create_missing_queues=False))
    message = only(wrong_others(settings, {"nowhere": "durable_shop.other.app"}), "E015")
    assert "'nowhere'" in message.msg


def test_w007_another_app_whose_tasks_cannot_be_replayed(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(other, "app", Celery("stock", set_as_current=False))
    only(wrong_others(settings, {"other": "durable_shop.other.app"}), "W007")


@pytest.mark.parametrize(
    "options",
    [
        {"isolation_level": IsolationLevel.REPEATABLE_READ},
        {"isolation_level": 4},
        {"options": "-c default_transaction_isolation=serializable -c jit=off"},
        {"options": r"-c default_transaction_isolation=repeatable\ read"},
    ],
)
def test_e017_an_isolation_under_which_a_long_task_cannot_end(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    monkeypatch.setitem(connections["default"].settings_dict, "OPTIONS", options)
    assert "DATABASES['default']['OPTIONS']" in only(wrong_database(), "E017").msg


@pytest.mark.parametrize(
    "options",
    [
        {"isolation_level": IsolationLevel.READ_COMMITTED},
        {"options": "-c default_transaction_isolation=read\\ committed"},
        {},
    ],
)
def test_what_is_no_stricter_than_read_committed_is_well(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    monkeypatch.setitem(connections["default"].settings_dict, "OPTIONS", options)
    assert list(wrong_database()) == []
