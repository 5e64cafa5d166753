"""`manage.py queues` lists what is declared, says what is wrong, and prints every form."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from patterns.queues import procfile
from patterns.queues.deployment import FORMS
from patterns.queues.management.commands.queues import Command

from . import lanes
from .lanes import APP, PROCESSES


@pytest.fixture(autouse=True)
def _configured(settings: Any) -> None:
    settings.QUEUES_LISTS = f"{APP}.LISTS"
    settings.QUEUES_PROCESSES = f"{APP}.PROCESSES"
    settings.QUEUES_NAME = "my_shop"


def printed(*options: Any) -> str:
    output = StringIO()
    call_command(Command(), *options, stdout=output)
    return output.getvalue()


def test_a_line_says_what_a_queue_is_and_how_its_worker_is_run() -> None:
    title, mail, slow, _, worker, _ = printed().splitlines()
    assert title.split("  ")[0] == "queue"
    assert mail.split() == [
        *("mail", "prefork", "1", "300", "s", "1,000,000", "alarm", "yes"),
        *["mails", "wait", "for", "mails", "alone"],
    ]
    assert slow.split()[:3] == ["slow", "prefork", "2"]
    assert worker.startswith(f"worker_mail  env REMAP_SIGTERM=SIGQUIT celery -A {APP} worker")


def test_json_is_for_programs() -> None:
    told = json.loads(printed("--json"))
    assert told["problems"] == []
    assert [queue["name"] for queue in told["queues"]] == ["mail", "slow"]
    assert told["queues"][0] == {
        **{"name": "mail", "why": "mails wait for mails alone", "app": APP, "pool": "prefork"},
        **{"concurrency": 1, "latency_seconds": 300, "cap": 1_000_000, "at_cap": "alarm"},
        **{"calls_outside": True, "task_memory_mb": 100, "process": "worker_mail"},
        "command": PROCESSES[1].line,
    }


@pytest.mark.parametrize("options", [[], ["--json"]], ids=str)
def test_what_is_wrong_is_told_with_its_remedy_and_the_exit_status(
    monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.setattr(lanes, "PROCESSES", PROCESSES[2:])
    output = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command(Command(), *options, stdout=output)
    assert ended.value.code == 1
    for words in ("queues.E002", "has no worker", "Add its worker to QUEUES_PROCESSES"):
        assert words in output.getvalue()


def test_a_silenced_problem_is_none(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SILENCED_SYSTEM_CHECKS = ["queues.E002"]
    monkeypatch.setattr(lanes, "PROCESSES", PROCESSES[2:])
    assert "queues.E002" not in printed()


def test_the_procfile_is_printed_without_a_word_more() -> None:
    assert printed("--format", "procfile") == procfile.written(PROCESSES)


def test_a_form_of_many_files_is_printed_with_their_names_and_written_as_they_are(
    tmp_path: Path,
) -> None:
    text = printed("--format", "systemd")
    assert text.count("# ---- my_shop") == len(PROCESSES) + 1
    printed("--format", "systemd", "--into", tmp_path, "--directory", "/opt/shop")
    unit = (tmp_path / "my_shop-web.service").read_text()
    assert "WorkingDirectory=/opt/shop\n" in unit
    assert "----" not in unit


def test_name_and_image_may_be_given() -> None:
    text = printed("--format", "compose", "--image", "registry/shop:7")
    assert 'image: "registry/shop:7"' in text
    assert "container_name: other-beat" in printed("--format", "compose", "--name", "other")


def test_a_name_that_cannot_be_is_one_line() -> None:
    with pytest.raises(CommandError, match="is not for a service"):
        printed("--format", "compose", "--name", "My shop")


def test_a_project_that_names_no_list_is_told_so(settings: Any) -> None:
    settings.QUEUES_LISTS = ""
    with pytest.raises(CommandError, match="QUEUES_LISTS is not set"):
        printed()


def test_help_names_every_form_and_what_is_typed_most() -> None:
    text = " ".join(Command().create_parser("manage.py", "queues").format_help().split())
    assert "queues --format procfile > Procfile" in text
    for name, form in FORMS.items():
        assert f"{name}: {form.about}" in text
