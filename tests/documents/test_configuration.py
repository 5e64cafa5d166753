"""Configuration that the pages show is read by what reads it, or asks for what is there."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from crontab import CronTab

from tests.documents.pages import block
from tests.generation import generated
from tests.rules.conftest import PRODUCTION

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
# What each path answers without servers, where 404 would be nobody's; and where the Flowers are.
ASK = """
import json, sys
import django
django.setup()
from django.conf import settings
from django.test import Client
asked = {"headers": {"host": "shop.example.com"}, "secure": True}
answers = [Client().get(path, **asked).status_code for path in json.load(sys.stdin)]
print(json.dumps([answers, settings.FLOWER_PORTS]))
"""
# The lines of a request, and of a task with its ids: Celery's own are of this form.
LOG = """
import json, logging, sys
from types import SimpleNamespace
import django
django.setup()
from celery.signals import task_prerun
from django.test import Client
line = json.load(sys.stdin)
Client().get("/metrics", headers={"host": "shop.example.com"}, secure=True)
request = {name: line[name] for name in ("request_id", "root_id")}
task = SimpleNamespace(name=line["task"], request=request)
task_prerun.send(None, task=task, task_id=line["task_id"])
logging.getLogger(line["logger"]).info(line["message"])
"""


@pytest.fixture(scope="module")
def shop(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("configuration")
    return generated(template, folder, folder)


def in_shop(shop: Path, code: str, given: Any = None) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(given),
        cwd=shop,
        env={**PRODUCTION, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_probes_and_scrapes_ask_where_the_shop_and_its_flower_answer(shop: Path) -> None:
    probes = yaml.safe_load(block("docs/monitoring.md", 1).text)
    assert set(probes) == {"livenessProbe", "readinessProbe"}
    paths = [probe["httpGet"]["path"] for probe in probes.values()]
    own, flower = yaml.safe_load(block("docs/monitoring.md", 2).text)["scrape_configs"]
    asked = in_shop(shop, ASK, [*paths, own["metrics_path"]]).stdout
    answers, ports = json.loads(asked.splitlines()[-1])
    assert answers == [200, 503, 401]  # no database is there, and no token was shown

    assert yaml.safe_load(block("docs/flower_auth.md", 5).text) == {"scrape_configs": [flower]}
    assert flower["static_configs"] == [{"targets": [f"127.0.0.1:{ports['shop']}"]}]
    # config/flower.py gives each the name of its app as prefix.
    assert flower["metrics_path"].split("/") == ["", "flower", "shop", "metrics"]


def test_log_lines_are_those_that_the_shop_writes(shop: Path) -> None:
    shown = [json.loads(line) for line in block("docs/monitoring.md", 3).text.splitlines()]
    said = in_shop(shop, LOG, shown[1]).stderr.splitlines()
    lines = [json.loads(line) for line in said if line.startswith("{")]
    written = {line["logger"]: line for line in lines}
    for line in shown:
        real = written[line["logger"]]
        assert [(key, type(value)) for key, value in line.items()] == [
            (key, type(value)) for key, value in real.items()
        ]
        assert len(line["time"]) == len(real["time"])
    same = ("level", "message", "request_id", "task_id", "task", "root_id")
    assert [written["celery.app.trace"][key] for key in same] == [shown[1][key] for key in same]


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed; .ci/run installs it")
def test_nginx_takes_the_location(tmp_path: Path) -> None:
    server = f"server {{ listen unix:{tmp_path}/s; {block('docs/flower_auth.md', 4).text} }}"
    paths = "".join(
        f"{name}_temp_path {tmp_path}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = tmp_path / "nginx.conf"
    file.write_text(f"pid {tmp_path}/pid; events {{}} http {{ {paths} access_log off; {server} }}")
    command = [str(NGINX), "-t", "-c", str(file), "-e", str(tmp_path / "log")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_cron_takes_the_line_and_a_shell_its_command() -> None:
    # tests/test_document_commands.py has the shop's own parser read `allclear`.
    [job] = CronTab(tab=block("docs/failure_check.md", 4).text)
    assert job.is_valid()
    assert job.frequency_per_hour() == 12
    done = subprocess.run(["bash", "-n", "-c", job.command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux counts so")
@pytest.mark.skipif(shutil.which("pgrep") is None, reason="pgrep is not installed")
def test_the_measure_of_a_workers_memory_counts_megabytes() -> None:
    measure = block("docs/queues.md", 6).text
    code = "print(flush=True); input()"
    worker = subprocess.Popen(
        [sys.executable, "-c", code, "-Q", "mail", "-n"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert worker.stdout is not None
        worker.stdout.readline()
        done = subprocess.run(["bash", "-c", measure], capture_output=True, text=True, timeout=60)
        assert float(done.stdout) > 1
    finally:
        worker.communicate("\n", timeout=60)
