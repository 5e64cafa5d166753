"""Each misconfiguration has an id and a hint, and a right project no finding."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, Tags, registry

from patterns.queues import Process, Queue, Queues, checks, procfile

from . import lanes
from .lanes import APP, MAIL, PROCESSES, SLOW

# Celery 6 will want the queue from the routes alone; `queue_of_task` is such a route.
pytestmark = pytest.mark.filterwarnings(r"ignore:\s+The .queue. task attribute is deprecated")


@pytest.fixture(autouse=True)
def _configured(settings: Any) -> Iterator[None]:
    settings.QUEUES_LISTS = f"{APP}.LISTS"
    settings.QUEUES_PROCESSES = f"{APP}.PROCESSES"
    yield
    for name in [name for name in lanes.app.tasks if not name.startswith("celery.")]:
        lanes.app.tasks.pop(name)


@pytest.fixture
def written(settings: Any, tmp_path: Path) -> Path:
    """Return the project's Procfile."""
    path = tmp_path / "Procfile"
    path.write_text(procfile.written(PROCESSES))
    settings.QUEUES_PROCFILE = str(path)
    return path


def define(**options: Any) -> None:
    def body() -> None: ...

    task: Any = lanes.app.task(body, **{"name": "lanes.work", "shared": False, **options})
    task.name  # noqa: B018  has Celery bind it now


def found() -> dict[str, CheckMessage]:
    messages = checks.check_queues()
    assert all(message.hint for message in messages)
    by_id = {str(message.id): message for message in messages}
    assert len(by_id) == len(messages)
    return by_id


def declare(patch: pytest.MonkeyPatch, *queues: Queue) -> None:
    """Declare other queues, each with its worker."""
    patch.setattr(lanes, "LISTS", (Queues(*queues),))
    patch.setattr(lanes, "PROCESSES", Queues(*queues).processes())


def test_a_right_project_has_no_finding(written: Path) -> None:
    define(queue="mail", durable=True, atomic=False, time_limit=30)
    define(name="lanes.slow", queue="slow", durable=True, atomic=True)
    assert found() == {}


def test_a_plain_check_asks_no_server() -> None:
    # Those that need one are registered with Tags.database.
    assert Tags.database not in checks.check_queues.tags
    assert checks.check_queues in registry.registry.get_checks()


def test_e001_a_task_that_names_no_queue() -> None:
    define()
    assert "lanes.work names no queue" in found()["queues.E001"].msg


def test_e001_a_task_on_a_queue_that_nobody_declared() -> None:
    define(queue="mial")
    message = found()["queues.E001"].msg
    assert "lanes.work names the queue 'mial', which is not declared" in message
    assert "mail, slow" in message


def test_e001_a_task_whose_base_refuses_its_queue_at_its_definition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(lanes.app.conf, "imports", ["tests.queues.misplaced"])
    (message,) = found().values()
    assert message.id == "queues.E001"
    assert "lanes.misplaced names the queue 'mial', which is not declared" in message.msg


def test_a_task_that_two_apps_know_needs_its_queue_in_one_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = Queue(name="other", why="somebody else's", app="tests.queues.other_lanes")
    declare(monkeypatch, MAIL, SLOW, other)
    assert found() == {}
    declare(monkeypatch, SLOW, other)
    assert "lanes.of_both names the queue 'mail'" in found()["queues.E001"].msg


def test_e002_a_queue_without_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    fewer = tuple(process for process in PROCESSES if process.name != "worker_mail")
    monkeypatch.setattr(lanes, "PROCESSES", fewer)
    assert "Queue 'mail' has no worker" in found()["queues.E002"].msg


def test_e002_a_worker_of_another_app_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = Queues(Queue(name="mail", why="theirs", app="other"), SLOW).processes()
    monkeypatch.setattr(lanes, "PROCESSES", elsewhere)
    assert "Queue 'mail' has no worker" in found()["queues.E002"].msg


def test_e003_a_procfile_that_is_out_of_date(written: Path) -> None:
    written.write_text(written.read_text().replace("worker_mail", "mailer"))
    error = found()["queues.E003"]
    assert "it lacks worker_mail; nobody declared mailer" in error.msg
    assert error.hint == "Run `python manage.py queues --format procfile > Procfile`."


def test_e003_comments_and_a_missing_procfile_are_no_fault(written: Path) -> None:
    written.write_text(f"# ours\n\n{written.read_text()}")
    assert found() == {}
    written.unlink()
    assert found() == {}


def test_e004_a_procfile_whose_worker_takes_two_queues(written: Path) -> None:
    text = written.read_text()
    written.write_text(text.replace(" -Q mail ", " -Q mail,slow "))
    messages = found()
    assert "another command runs worker_mail" in messages["queues.E003"].msg
    assert "Procfile: worker_mail takes from mail, slow" in messages["queues.E004"].msg


@pytest.mark.parametrize(
    ("queues", "said"),
    [
        (" -Q mail,slow", "strange takes from mail, slow"),
        ("", "strange takes from every queue"),
        (" -Q mial", "strange takes from 'mial', which is not declared"),
    ],
)
def test_e004_a_worker_in_the_list_without_one_queue_of_its_own(
    monkeypatch: pytest.MonkeyPatch, queues: str, said: str
) -> None:
    command = f"celery -A {APP} worker{queues}"
    strange = Process(name="strange", why="somebody's idea", command=command)
    monkeypatch.setattr(lanes, "PROCESSES", (*PROCESSES, strange))
    assert f"QUEUES_PROCESSES: {said}" in found()["queues.E004"].msg


@pytest.mark.parametrize("pool", ["solo", "threads"])
@pytest.mark.parametrize("limit", ["time_limit", "soft_time_limit"])
def test_e005_a_time_limit_on_a_pool_that_does_not_enforce_it(
    monkeypatch: pytest.MonkeyPatch, pool: Any, limit: str
) -> None:
    declare(monkeypatch, Queue(name="mail", why="mails", app=APP, pool=pool))
    define(queue="mail")
    assert found() == {}  # without a limit there is none to enforce
    define(name="lanes.limited", queue="mail", **{limit: 30})
    error = found()["queues.E005"]
    assert f"Queue 'mail' has the pool {pool}, which ends no task" in error.msg
    assert "lanes.limited" in error.msg
    assert "lanes.work" not in error.msg


def test_e005_a_time_limit_of_the_whole_app(monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, Queue(name="mail", why="mails", app=APP, pool="solo"))
    monkeypatch.setitem(lanes.app.conf, "task_time_limit", 30)
    define(queue="mail")
    assert "lanes.work" in found()["queues.E005"].msg


def test_e006_an_atomic_task_on_a_queue_for_calls_outside() -> None:
    define(queue="mail", durable=True, atomic=True)
    error = found()["queues.E006"]
    assert "Queue 'mail' is for calls outside, and lanes.work is atomic" in error.msg
    assert "atomic=False" in str(error.hint)


def test_e006_a_plain_task_opens_no_transaction() -> None:
    define(queue="mail", durable=False, atomic=True)
    assert found() == {}


def test_e007_a_durable_task_in_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, Queue(name="slow", why="slow", app=APP, pool="threads"))
    define(queue="slow", durable=False)
    assert found() == {}
    define(name="lanes.kept", queue="slow", durable=True)
    message = found()["queues.E007"].msg
    assert "lanes.kept is durable" in message
    assert "lanes.work" not in message


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("QUEUES_LISTS", "", "QUEUES_LISTS is not set"),
        ("QUEUES_LISTS", f"{APP}.LITSS", "which cannot be imported"),
        ("QUEUES_LISTS", f"{APP}.PROCESSES", "which is no tuple of Queues"),
        ("QUEUES_PROCESSES", f"{APP}.LISTS", "which is no tuple of Process"),
        ("QUEUES_PROCFILES", "Procfile", "no setting of the queues. Did you mean QUEUES_PROCFILE?"),
    ],
)
def test_e008_a_setting_with_which_nothing_can_be_checked(
    settings: Any, name: str, value: str, said: str
) -> None:
    setattr(settings, name, value)
    assert said in found()["queues.E008"].msg


def test_e008_two_processes_of_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "PROCESSES", (*PROCESSES, PROCESSES[-1]))
    assert "names a process twice" in found()["queues.E008"].msg


def test_e009_an_app_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, Queue(name="mail", why="mails", app="nobody.celery"))
    message = found()["queues.E009"].msg
    assert "The tasks of the Celery app 'nobody.celery' cannot be loaded" in message


def test_e009_a_task_that_is_refused_at_its_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(lanes.app.conf, "imports", ["tests.queues.refused"])
    assert "none was checked: Task lanes.refused is refused." in found()["queues.E009"].msg


def test_each_can_be_silenced(settings: Any) -> None:
    define(queue="mial")
    settings.SILENCED_SYSTEM_CHECKS = ["queues.E001"]
    assert found()["queues.E001"].is_silenced()
