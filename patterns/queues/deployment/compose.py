"""Docker Compose: one machine, a container for each process."""

import math

from ..process import Process
from .target import Target, in_list, quoted

HEAD = """\
# Printed by `manage.py queues --format compose`: print it anew, and write what differs into
# compose.override.yaml. Nothing secret is in it: production.env has the variables of the README,
# and git does not know that file. Before a new version starts:
#     docker compose run --rm web python manage.py migrate
x-process: &process
  image: {image}
  env_file: [production.env]
  # Whatever ends by itself is started again, and so it is after a restart of the machine.
  restart: unless-stopped
  # Reaps what a killed process leaves behind, and hands SIGTERM on.
  init: true
services:
"""
# No curl, which an image may lack. 5 s, since the answer comes after 3 s where the database hangs.
ASKING = "import urllib.request as r; r.urlopen('http://127.0.0.1:{port}{path}', timeout=5)"


def compose(processes: tuple[Process, ...], target: Target) -> str:
    """Return a compose.yaml; raise `ValueError` where a process is behind one that is not there."""
    names = {process.name for process in processes}
    head = HEAD.format(image=quoted(target.image_or_default))
    for process in processes:
        if process.behind and process.behind not in names:
            raise ValueError(f"Process {process.name!r} is behind {process.behind!r}: no such one.")
    return head + "\n".join("\n".join(service(process, target)) + "\n" for process in processes)


def service(process: Process, target: Target) -> list[str]:
    """Return the lines of one service."""
    lines = [
        f"  # {process.why}",
        f"  {process.name}:",
        "    <<: *process",
        f"    command: {in_list(process.words)}",
        *environment(process),
        "    # Killed before it has ended by itself, a process leaves work to be found.",
        f"    stop_grace_period: {math.ceil(process.stop_seconds)}s",
        f"    # It takes {process.memory_mb} MB when it has begun.",
        f"    mem_limit: {process.limit_mb}m",
    ]
    if process.is_single:
        lines += [
            "    # Never two at once: what has a name of its own cannot be scaled.",
            f"    container_name: {target.label(process.name)}",
        ]
    if process.port:
        lines += [
            "    # For the proxy on this machine, which ends TLS.",
            f'    ports: ["127.0.0.1:{process.port}:{process.port}"]',
        ]
    if process.ready_path:
        lines += healthcheck(process)
    if process.behind:
        lines += [
            "    # On loopback, which a proxy for it must share by the same line.",
            f"    network_mode: service:{process.behind}",
        ]
    return lines


def environment(process: Process) -> list[str]:
    """Return the lines of what goes before the file of variables."""
    values = {**process.deployed, **process.container_environment}
    if not values:
        return []
    pairs = [f"      {name}: {quoted(value)}" for name, value in values.items()]
    return ["    environment:", *pairs]


def healthcheck(process: Process) -> list[str]:
    """Return the lines that tell Docker, and a proxy that asks it, whether requests are served."""
    asking = ASKING.format(port=process.port, path=process.ready_path)
    return [
        "    healthcheck:",
        f"      test: {in_list(['CMD', 'python', '-c', asking])}",
        "      interval: 10s",
        "      timeout: 8s",
        "      # It waits for the database and its migrations before it answers.",
        "      start_period: 60s",
    ]
