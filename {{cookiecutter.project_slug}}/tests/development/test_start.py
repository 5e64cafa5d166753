"""start.py, run for real in copies of the project."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest

from development import given_servers
from development.environment import BadEnvironment
from development.ports import free_port
from development.server import ServerFailed
from development.valkey import start_valkey
from tests.development.copies import Copy, interrupt, outside_environment


def page(address: str) -> str:
    with urllib.request.urlopen(address, timeout=30) as answer:
        text: str = answer.read().decode()
    return text


def test_a_fresh_clone_becomes_a_shop_in_one_command_and_ctrl_c_leaves_nothing(copy: Copy) -> None:
    process = copy.start("--free-ports")
    copy.wait_until_ready(process)
    ready = json.loads(copy.ready_file.read_text())

    assert "password" in page(f"{ready['shop']}/accounts/signup/").lower()
    assert page(f"{ready['mails']}/health")
    assert page(f"{ready['payments']}/health")
    assert copy.output().count(ready["staff_password"]) == 1
    files = ("start.lock", "Procfile", "servers.env")
    for private in (copy.folder / ".env", copy.ready_file, *(copy.var / name for name in files)):
        assert stat.S_IMODE(private.stat().st_mode) == 0o600
    # PostgreSQL, another user where this one is root, may pass through.
    assert stat.S_IMODE(copy.var.stat().st_mode) == (0o711 if os.geteuid() == 0 else 0o700)
    # A command in another terminal finds the servers.
    shell = [sys.executable, "manage.py", "migrate", "--check"]
    subprocess.run(shell, cwd=copy.folder, env=outside_environment(), check=True)

    assert interrupt(process) == 0
    assert copy.left() == []
    assert not (copy.var / "servers.env").exists()
    assert not copy.ready_file.exists()
    assert copy.output().rstrip().endswith("stopped")


def test_a_second_start_names_the_first_and_a_closed_terminal_stops_that_in_order(
    small_copy: Copy,
) -> None:
    first = small_copy.start("--free-ports")
    small_copy.wait_until_ready(first)
    shop = json.loads(small_copy.ready_file.read_text())["shop"]

    second = small_copy.run("--free-ports")

    assert second.returncode == 1
    assert f"pid {first.pid}, {shop}" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    assert page(shop)
    assert interrupt(first, signal.SIGHUP) == 0
    assert small_copy.left() == []


def test_the_second_start_keeps_secrets_data_and_password(small_copy: Copy) -> None:
    first = small_copy.start("--free-ports")
    small_copy.wait_until_ready(first)
    password = json.loads(small_copy.ready_file.read_text())["staff_password"]
    secrets = (small_copy.folder / ".env").read_text()
    assert interrupt(first, signal.SIGTERM) == 0

    second = small_copy.start("--free-ports")
    small_copy.wait_until_ready(second)

    assert password
    assert json.loads(small_copy.ready_file.read_text())["staff_password"] is None
    assert (small_copy.folder / ".env").read_text() == secrets
    assert "migrations: all applied before" in small_copy.output()
    assert interrupt(second) == 0


def test_after_kill_9_the_next_start_works_and_nothing_is_left(small_copy: Copy) -> None:
    first = small_copy.start("--free-ports")
    small_copy.wait_until_ready(first)
    small_copy.ready_file.unlink()
    first.kill()
    first.wait()

    # At once, while what was started is being ended: the next one waits for that.
    second = small_copy.start("--free-ports")
    small_copy.wait_until_ready(second)
    second.kill()
    second.wait()
    small_copy.wait_until_nothing_is_left()
    assert not (small_copy.var / "servers.env").exists()


def test_a_failed_migration_ends_the_start_and_leaves_nothing(small_copy: Copy) -> None:
    (small_copy.folder / "accounts" / "migrations" / "9999_broken.py").write_text(
        "from django.db import migrations\n\n\n"
        "class Migration(migrations.Migration):\n"
        '    dependencies = [("accounts", "0001_initial")]\n'
        '    operations = [migrations.RunSQL("SELECT no_such_function()")]\n'
    )
    failed = small_copy.run("--free-ports")
    assert failed.returncode == 1
    assert "no_such_function" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert failed.stderr.splitlines()[-1].startswith("start.py: the database was not prepared")
    assert small_copy.left() == []


def test_a_process_that_dies_stops_all_and_is_named_with_its_last_words(small_copy: Copy) -> None:
    with (small_copy.folder / "Procfile").open("a") as procfile:
        procfile.write("worker_mail: python -c \"import sys; sys.exit('no queue here')\"\n")
    failed = small_copy.run("--free-ports")
    assert failed.returncode == 1
    assert "worker_mail ended by itself (exit status 1)" in failed.stderr
    assert "no queue here" in failed.stderr
    assert small_copy.left() == []


def test_a_second_ctrl_c_does_not_wait_for_a_stubborn_process(small_copy: Copy) -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
    with (small_copy.folder / "Procfile").open("a") as procfile:
        procfile.write(f'stubborn: python -c "{code}"\n')
    # An orderly stop gives it so long here, and is not waited for.
    for module, seconds in (("processes", "GRACE_SECONDS = 12.0"), ("run", "STOP_SECONDS = 20.0")):
        path = small_copy.folder / "development" / f"{module}.py"
        text = path.read_text()
        assert seconds in text
        path.write_text(text.replace(seconds, f"{seconds.partition(' = ')[0]} = 600.0"))
    process = small_copy.start("--free-ports")
    small_copy.wait_until_ready(process)
    os.killpg(process.pid, signal.SIGINT)
    small_copy.wait_for(lambda: "stopping in order" in small_copy.output(), process)
    assert interrupt(process) != 0
    small_copy.wait_until_nothing_is_left()


def test_ctrl_c_amid_the_first_start_leaves_nothing(fresh_small_copy: Copy) -> None:
    process = fresh_small_copy.start("--free-ports")
    fresh_small_copy.wait_for((fresh_small_copy.var / "postgres" / "unfinished").exists, process)
    assert interrupt(process) == 0
    assert fresh_small_copy.left() == []
    again = fresh_small_copy.start("--free-ports")
    fresh_small_copy.wait_until_ready(again)
    assert interrupt(again) == 0


def test_a_port_in_use_is_named_with_the_variable_that_changes_it(copy: Copy) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        failed = copy.run("--port", str(port))
    assert failed.returncode == 1
    assert f"port {port}, for the shop, is in use" in failed.stderr
    assert "PORT=" in failed.stderr
    assert "--free-ports" in failed.stderr
    assert len(failed.stderr.splitlines()) == 1
    assert copy.left() == []


def test_given_servers_are_used_and_outlive_the_start(small_copy: Copy, tmp_path: Path) -> None:
    broker = start_valkey(tmp_path / "given", durable=False)
    process = small_copy.start("--free-ports", BROKER_URL=broker.url)
    small_copy.wait_until_ready(process)

    names = [one.name() for one in psutil.Process(process.pid).children()]
    assert names.count("valkey-server") == 1  # analytics' own
    assert "\nBROKER_URL=" not in (small_copy.var / "servers.env").read_text()
    assert interrupt(process) == 0
    assert broker.process.poll() is None
    broker.stop()


@pytest.mark.parametrize(
    ("name", "url", "told"),
    [
        ("DATABASE_URL", "postgresql://shop:hunter2@127.0.0.1:{port}/shop", "does not answer"),
        ("PORT", "80000", "not a port"),
    ],
)
def test_a_wrong_address_ends_in_one_line_without_its_password(
    copy: Copy, name: str, url: str, told: str
) -> None:
    options = () if name == "PORT" else ("--free-ports",)
    failed = copy.run(*options, **{name: url.format(port=free_port())})
    assert failed.returncode == 1
    assert name in failed.stderr
    assert told in failed.stderr
    assert "hunter2" not in failed.stdout + failed.stderr
    assert len(failed.stderr.splitlines()) == 1
    assert copy.left() == []


@pytest.mark.parametrize(
    ("name", "url", "told"),
    [
        ("DATABASE_URL", "postgres//shop:hunter2@x/y", "not a URL like postgresql://"),
        ("BROKER_URL", "redis://:hunter2@127.0.0.1:{port}/0", "does not answer"),
        ("ANALYTICS_BROKER_URL", "redis://:hunter2@127.0.0.1:no/0", "not a URL like redis://"),
        ("EMAIL_URL", "smtp://shop:hunter2@127.0.0.1:{port}", "does not answer"),
        ("PAYMENTS_URL", "ftp://shop:hunter2@127.0.0.1/", "not a URL like https://"),
    ],
)
def test_any_wrong_address_is_named_without_its_password(name: str, url: str, told: str) -> None:
    # What start.py asks first; the test above shows how it ends then.
    with pytest.raises((ServerFailed, BadEnvironment)) as refused:
        list(given_servers.check({name: url.format(port=free_port())}))
    assert name in str(refused.value)
    assert told in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_bad_line_of_env_is_named(copy: Copy) -> None:
    (copy.folder / ".env").write_text("DEBUG=True\nthis is no variable\n")
    failed = copy.run("--free-ports")
    assert failed.returncode == 1
    assert "line 2: it is not NAME=value" in failed.stderr
    assert len(failed.stderr.splitlines()) == 1


def test_a_missing_package_is_named(copy: Copy) -> None:
    (copy.folder / "psutil.py").write_text("raise ModuleNotFoundError('no', name='psutil')\n")
    failed = copy.run()
    assert failed.returncode == 1
    assert failed.stderr.startswith("start.py: the package psutil is not installed. Run `uv")
    assert len(failed.stderr.splitlines()) == 1
