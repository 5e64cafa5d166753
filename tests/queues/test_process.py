"""A process says what whoever runs it must know, and nothing that only a shell would understand."""

from typing import Any

import pytest

from patterns.queues import Process


def process(**parts: Any) -> Process:
    return Process(**{"name": "web", "why": "answers", "command": "gunicorn web:app", **parts})


def test_the_line_of_a_procfile_sets_what_the_process_needs_wherever_it_runs() -> None:
    line = process(environment={"A": "1", "B": "2"}, container_environment={"HOST": "0"}).line
    assert line == "env A=1 B=2 gunicorn web:app"
    assert process().line == "gunicorn web:app"


def test_memory_is_limited_to_twice_of_what_it_takes_unless_it_says_otherwise() -> None:
    assert process(memory_mb=80).limit_mb == 160
    assert process(memory_mb=80, memory_limit_mb=400).limit_mb == 400


@pytest.mark.parametrize("command", ["a && b", "a > b", "a $HOME", "a 'b'", "A=1  a"])
def test_a_command_that_only_a_shell_understands_is_refused(command: str) -> None:
    with pytest.raises(ValueError, match="Process 'web': its command is not for a shell"):
        process(command=command)


@pytest.mark.parametrize("parts", [{"why": " "}, {"why": "a\nb"}, {"command": ""}], ids=str)
def test_what_is_no_line_of_text_is_refused(parts: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="must be one line of text"):
        process(**parts)


@pytest.mark.parametrize("name", ["Web", "web server", "web:x", ""])
def test_a_name_that_a_platform_would_not_take_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="use lower-case letters"):
        process(name=name)


@pytest.mark.parametrize("parts", [{"port": 80}, {"live_path": "/live", "ready_path": "/r"}])
def test_what_answers_requests_says_where_it_is_asked_whether_it_can(parts: Any) -> None:
    with pytest.raises(ValueError, match="`port`, `live_path` and `ready_path` go together"):
        process(**parts)
