"""A Flower that is not configured, or configured to be open, does not start; it says why."""

from pathlib import Path

import pytest

from tests.flower_auth.conftest import Project, wait_for

CLOSED = "Flower stays closed: "


def test_a_flower_started_without_conf_is_guarded(shared_project: Project) -> None:
    flower = shared_project.start_flower()
    assert "--conf" not in " ".join(map(str, flower.running.args))
    assert flower.get("/tasks").headers["Location"].startswith("http://127.0.0.1:8000/accounts/")
    flower.stop()


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("--address=0.0.0.0", "its address '0.0.0.0' is not loopback"),
        ("--address=", "its address '' is not loopback"),
        ("--address=shop.example", "its address 'shop.example' is not loopback"),
        ("--address=::", "its address '::' is not loopback"),
        ("--basic_auth=me:secret", "Drop auth, basic_auth, auth_provider"),
        ("--auth=.*@example.com", "Drop auth, basic_auth, auth_provider"),
        ("--auth=", "Drop auth, basic_auth, auth_provider"),
        ("--auth_provider=flower.views.auth.GoogleAuth2LoginHandler", "Drop auth, basic_auth"),
        ("--url_prefix=other", "give url_prefix to guard()"),
        ("--url_prefix=", "give url_prefix to guard()"),
        ("--read_only=False", "give allow_actions to guard()"),
        ("--conf=flowerconfig.py", "its configuration does not call guard()"),
    ],
)
def test_an_option_that_would_open_it_is_refused(
    shared_project: Project, option: str, reason: str
) -> None:
    refused = shared_project.refused_flower(option)
    assert refused.running.returncode == 1
    assert_one_line(refused.words, CLOSED, reason)


@pytest.mark.parametrize("option", ["--address=localhost", "--address=127.0.0.2"])
def test_every_loopback_address_is_let_be(shared_project: Project, option: str) -> None:
    running, log = shared_project.run(
        *("flower", "-A", "project.celery", "flower", "--port=0", option)
    )
    shared_project.stack.callback(running.wait)
    shared_project.stack.callback(running.kill)
    wait_for("Flower to listen", lambda: "Visit me at" in log.read_text())
    running.kill()


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"SESSIONS_APP": "0"}, "sessions"),
        ({"FLOWER_AUTH_APP": "0"}, "'patterns.flower_auth' in INSTALLED_APPS"),
        ({"SESSION_ENGINE": "no.such.engine"}, "ModuleNotFoundError"),
        ({"LOGIN_URL": "no-such-page"}, "NoReverseMatch"),
    ],
)
def test_a_project_that_cannot_recognise_staff_is_refused(
    shared_project: Project, environment: dict[str, str], reason: str
) -> None:
    refused = shared_project.refused_flower(**environment)
    assert refused.running.returncode == 1
    assert_one_line(refused.words, CLOSED, reason)


def test_a_project_without_django_settings_is_refused(
    shared_project: Project, tmp_path: Path
) -> None:
    (tmp_path / "bare.py").write_text(
        "from pathlib import Path\n"
        "from celery import Celery\n"
        "from patterns.flower_auth.closed import refuse_open_flower\n"
        "app = Celery('bare', broker='redis://127.0.0.1:1/0')\n"
        "refuse_open_flower(Path(__file__).with_name('flower_conf.py'))\n"
    )
    (tmp_path / "flower_conf.py").write_text(
        "from patterns.flower_auth.guard import guard\nguard(site_url='http://127.0.0.1')\n"
    )
    path = f"{shared_project.environment['PYTHONPATH']}:{tmp_path}"
    settings = {"DJANGO_SETTINGS_MODULE": "", "PYTHONPATH": path}
    refused = shared_project.refused_flower(app="bare", **settings)
    assert refused.running.returncode == 1
    assert_one_line(refused.words, CLOSED, "ImproperlyConfigured")


def test_a_conf_file_that_is_missing_or_broken_leaves_nothing_running(
    shared_project: Project, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("no_such_name\n")
    for name in (broken, tmp_path / "missing.py"):
        assert shared_project.refused_flower(f"--conf={name}").running.returncode == 1


def test_without_a_token_nobody_bears_one(shared_project: Project) -> None:
    flower = shared_project.start_flower(FLOWER_METRICS_TOKEN="")
    for authorization in ("Bearer", "Bearer x", "Bearer None", ""):
        answer = flower.get("/metrics", headers={"Authorization": authorization})
        assert answer.status_code == 401
    flower.stop()


def assert_one_line(words: str, *parts: str) -> None:
    """Assert that a process said only one line, with these parts in it."""
    lines = words.strip().splitlines()
    assert len(lines) == 1, words
    assert all(part in lines[0] for part in parts), words
