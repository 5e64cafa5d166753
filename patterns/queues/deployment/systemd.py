"""systemd: one machine, a unit for each process and a target for all of them."""

import math

from ..process import Process
from .target import Target

# Nothing that systemd would take apart; the rest is quoted.
PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-")
UNIT = """\
# Printed by `manage.py queues --format systemd`: print it anew, and write what differs into
# {unit}.d/own.conf (`systemctl edit`).
[Unit]
Description={description}
Wants=network-online.target
After=network-online.target
PartOf={name}.target
# Started again however often it has ended: servers that are away for an hour come back.
StartLimitIntervalSec=0

[Service]
User={name}
WorkingDirectory={directory}
# The variables of the README, secrets among them: root's alone (mode 600), systemd reads it.
EnvironmentFile=/etc/{name}/environment
{why_env}ExecStart={command}
Restart=always
RestartSec=2
# SIGTERM to the main process alone, which ends its children in order.
KillMode=mixed
TimeoutStopSec={stop_seconds}
# It takes {memory_mb} MB when it has begun. A child that is ended for its memory ends alone.
MemoryMax={limit_mb}M
OOMPolicy=continue
NoNewPrivileges=true

[Install]
WantedBy={name}.target
"""
WHY_ENV = "# `env`, since what stands in that file goes before an Environment= here.\n"
TARGET = """\
# Printed by `manage.py queues --format systemd`. `systemctl enable --now {name}.target` with all
# units starts them; `systemctl restart {name}.target` after a new version, once it is migrated.
[Unit]
Description={name}
Wants={units}

[Install]
WantedBy=multi-user.target
"""


def systemd(processes: tuple[Process, ...], target: Target) -> dict[str, str]:
    """Return the units by the names of their files, for /etc/systemd/system."""
    units = {f"{target.name}-{process.name}.service": process for process in processes}
    texts = {unit: unit_text(unit, process, target) for unit, process in units.items()}
    whole = TARGET.format(name=target.name, units=" ".join(units))
    return {f"{target.name}.target": whole, **texts}


def unit_text(unit: str, process: Process, target: Target) -> str:
    """Return the text of one service."""
    return UNIT.format(
        unit=unit,
        name=target.name,
        description=escaped(f"{target.name} {process.name}: {process.why}"),
        directory=target.directory_or_default,
        why_env=WHY_ENV if process.deployed else "",
        command=command(process, target.directory_or_default),
        stop_seconds=math.ceil(process.stop_seconds),
        memory_mb=process.memory_mb,
        limit_mb=process.limit_mb,
    )


def command(process: Process, directory: str) -> str:
    """Return what systemd executes: a path, and no shell's line."""
    program, *words = process.words
    before = [f"{name}={value}" for name, value in process.deployed.items()]
    start = ["/usr/bin/env", *before] if before else []
    return " ".join(word(each) for each in [*start, f"{directory}/.venv/bin/{program}", *words])


def word(text: str) -> str:
    """Return one word so that systemd hands it on as it is; %h would be somebody's home."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return escaped(text if set(text) <= PLAIN else f'"{quoted}"')


def escaped(text: str) -> str:
    """Return text without what systemd puts something in place of."""
    return text.replace("%", "%%")
