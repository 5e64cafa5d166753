"""Each form of deployment says what the list says, and is what its platform reads.

Compose and Kubernetes are parsed here; both were held against their platforms' schemas when they
were written, as docs/queues.md tells.
"""

import json
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from patterns.queues import Process
from patterns.queues.deployment import FORMS, Target

from .lanes import APP, PROCESSES

TARGET = Target(name="my_shop")
WORKER = ["celery", "-A", APP, "worker", "-Q", "mail", "-n", "mail@%h", "-c", "1"]
WORKER += ["--without-gossip", "--without-mingle"]


def files(form: str, target: Target = TARGET, processes: Any = PROCESSES) -> dict[str, str]:
    return dict(FORMS[form].files(processes, target))


@pytest.fixture
def services() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load(files("compose")["compose.yaml"])["services"]
    return services


@pytest.fixture
def deployments() -> dict[str, Any]:
    documents = yaml.safe_load_all(files("kubernetes")["kubernetes.yaml"])
    return {f"{each['kind']} {each['metadata']['name']}": each for each in documents}


def pod(deployments: dict[str, Any], name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    spec = deployments[f"Deployment my-shop-{name}"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    return spec, container


def unit(name: str, target: Target = TARGET) -> dict[str, dict[str, str]]:
    parser = RawConfigParser(strict=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # as the stubs have it
    parser.read_string(files("systemd", target)[name])
    return {section: dict(parser[section]) for section in parser.sections()}


@pytest.mark.parametrize("form", FORMS)
def test_every_process_is_in_every_form_once(form: str) -> None:
    text = "\n".join(files(form).values())
    for process in PROCESSES:
        words = process.command.replace("%h", "%%h") if form == "systemd" else process.command
        in_yaml = json.dumps(process.words)
        assert text.count(words) + text.count(in_yaml) == 1, process.name


@pytest.mark.parametrize("form", FORMS)
def test_a_reason_with_awkward_signs_breaks_no_form(form: str) -> None:
    odd = Process(name="odd", why='100 % "so": #1 {x} $y', command="celery --label=a%b")
    text = "\n".join(files(form, processes=(odd,)).values())
    if form in ("compose", "kubernetes"):
        assert list(yaml.safe_load_all(text))
    assert "celery" in text


def test_compose_runs_a_worker_as_its_queue_says(services: dict[str, Any]) -> None:
    worker = services["worker_mail"]
    assert worker["command"] == WORKER
    assert worker["environment"] == {"REMAP_SIGTERM": "SIGQUIT", "SECONDS": "20"}
    # 20 s for its tasks and 2.5 to put their rows back, rounded up.
    assert worker["stop_grace_period"] == "23s"
    assert worker["mem_limit"].endswith("m")


def test_compose_starts_every_process_again_and_reaps_its_children(services: Any) -> None:
    assert len(services) == len(PROCESSES)
    for service in services.values():
        assert service["restart"] == "unless-stopped"
        assert service["init"] is True
        assert service["env_file"] == ["production.env"]
        assert service["image"] == "my_shop:latest"


def test_compose_asks_the_web_whether_it_is_of_use(services: dict[str, Any]) -> None:
    web = services["web"]
    assert web["environment"] == {"HOST": "0.0.0.0"}
    assert web["ports"] == ["127.0.0.1:8000:8000"]
    assert web["healthcheck"]["test"][:3] == ["CMD", "python", "-c"]
    assert "http://127.0.0.1:8000/ready" in web["healthcheck"]["test"][3]
    compile(web["healthcheck"]["test"][3], "healthcheck", "exec")


def test_compose_runs_one_beat_and_puts_flower_where_a_proxy_reaches_it(services: Any) -> None:
    # A service whose container has a name of its own cannot be scaled.
    assert [name for name, each in services.items() if "container_name" in each] == ["beat"]
    assert services["flower"]["network_mode"] == "service:web"
    assert "ports" not in services["flower"]


def test_compose_refuses_a_process_behind_one_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="Process 'flower' is behind 'web': no such one"):
        files("compose", processes=PROCESSES[-1:])


def test_kubernetes_gives_each_process_a_deployment_of_its_own(deployments: Any) -> None:
    names = [process.name.replace("_", "-") for process in PROCESSES]
    expected = {f"Deployment my-shop-{name}" for name in names} | {"Service my-shop-web"}
    assert set(deployments) == expected
    for name in names:
        deployment = deployments[f"Deployment my-shop-{name}"]
        assert deployment["apiVersion"] == "apps/v1"
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert deployment["spec"]["selector"]["matchLabels"] == labels


def test_kubernetes_runs_a_worker_as_its_queue_says(deployments: Any) -> None:
    spec, container = pod(deployments, "worker-mail")
    assert container["command"] == WORKER
    assert container["env"] == [
        {"name": "REMAP_SIGTERM", "value": "SIGQUIT"},
        {"name": "SECONDS", "value": "20"},
    ]
    assert spec["terminationGracePeriodSeconds"] == 23
    # One that asks through the broker would end every worker when that is away.
    assert not [key for key in container if key.endswith("Probe")]


def test_kubernetes_never_runs_two_beats(deployments: Any) -> None:
    beat = deployments["Deployment my-shop-beat"]["spec"]
    assert (beat["replicas"], beat["strategy"]) == (1, {"type": "Recreate"})
    assert "strategy" not in deployments["Deployment my-shop-relay"]["spec"]


def test_kubernetes_asks_the_web_what_it_answers(deployments: Any) -> None:
    spec, container = pod(deployments, "web")
    assert container["startupProbe"]["httpGet"] == {"path": "/live", "port": 8000}
    assert container["livenessProbe"]["httpGet"] == {"path": "/live", "port": 8000}
    assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": 8000}
    # The answer may take 3 s where the database hangs; Kubernetes' own default is 1.
    probes = [container[key] for key in container if key.endswith("Probe")]
    assert {probe["timeoutSeconds"] for probe in probes} == {5}
    # The seconds in which it is still sent requests come before those in which it ends.
    assert container["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "5"]
    assert spec["terminationGracePeriodSeconds"] == 15
    service = deployments["Service my-shop-web"]["spec"]
    assert service["ports"] == [{"port": 8000, "targetPort": 8000}]
    assert service["selector"] == {"app": "my-shop", "process": "web"}


def test_kubernetes_takes_variables_from_a_secret_and_adds_none(deployments: Any) -> None:
    for process in PROCESSES:
        spec, container = pod(deployments, process.name.replace("_", "-"))
        assert container["envFrom"] == [{"secretRef": {"name": "my-shop"}}]
        # FLOWER_PORT=tcp://... of a Service would be read as the settings' own.
        assert spec["enableServiceLinks"] is False
        assert container["resources"]["requests"]["memory"] == f"{process.memory_mb}Mi"
        assert container["resources"]["limits"] == {"memory": f"{process.limit_mb}Mi"}


def test_kubernetes_refuses_a_name_that_is_too_long() -> None:
    with pytest.raises(ValueError, match="no name of more than 63 letters"):
        files("kubernetes", Target(name="a" * 60))


def test_systemd_runs_a_worker_as_its_queue_says() -> None:
    service = unit("my_shop-worker_mail.service")["Service"]
    # %h would be somebody's home; what stands in EnvironmentFile= goes before Environment=.
    assert service["ExecStart"] == (
        "/usr/bin/env REMAP_SIGTERM=SIGQUIT SECONDS=20 /srv/my_shop/.venv/bin/"
        + " ".join(WORKER).replace("%h", "%%h")
    )
    assert service["TimeoutStopSec"] == "23"
    assert service["KillMode"] == "mixed"
    assert service["Restart"] == "always"
    assert service["EnvironmentFile"] == "/etc/my_shop/environment"
    assert "Environment" not in service


def test_systemd_starts_and_stops_all_of_them_together() -> None:
    units = [f"my_shop-{process.name}.service" for process in PROCESSES]
    assert unit("my_shop.target")["Unit"]["Wants"].split() == units
    for name in units:
        assert unit(name)["Unit"]["PartOf"] == "my_shop.target"
        # Given up after five starts in ten seconds otherwise.
        assert unit(name)["Unit"]["StartLimitIntervalSec"] == "0"


@pytest.fixture
def verified() -> Any:
    """Return a function that has systemd itself read a unit, and gives what it complains of."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze here: install Debian's package systemd, as .ci/run does")

    def verify(path: Path) -> str:
        command = [analyze, "verify", "--recursive-errors=yes", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout + done.stderr + ("" if done.returncode == 0 else "failed")

    return verify


def test_systemd_itself_finds_no_fault_in_the_units(tmp_path: Path, verified: Any) -> None:
    programs = tmp_path / ".venv/bin"
    programs.mkdir(parents=True)
    for name in ("celery", "gunicorn", "python"):
        (programs / name).symlink_to("/bin/true")
    target = Target(name="my_shop", directory=str(tmp_path))
    for name, text in files("systemd", target).items():
        (tmp_path / name).write_text(text)
    assert verified(tmp_path / "my_shop.target") == ""
    for process in PROCESSES:
        assert verified(tmp_path / f"my_shop-{process.name}.service") == ""
    # It does look: a program that is not there is told.
    (programs / "gunicorn").unlink()
    assert "gunicorn" in verified(tmp_path / "my_shop-web.service")


@pytest.mark.parametrize("name", ["My shop", "", "shop.example", "-shop"])
def test_a_name_that_one_of_the_forms_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not for a service"):
        Target(name=name)
