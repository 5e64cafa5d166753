"""When a start is ready, and what it then tells."""

import os
import subprocess
import time
from collections.abc import Mapping, Set
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from typing import Any

from development.server import ServerFailed

WEB_SECONDS = 120.0  # it answers within 3 on 2 idle cores; on a busy or cold machine it takes long
ENDED = "a process ended by itself, so all were stopped; the lines above say which"


def wait_for_web(port: int, processes: "subprocess.Popen[bytes]") -> None:
    """Return once the shop answers, with whatever page. Raises ServerFailed."""
    deadline = time.monotonic() + WEB_SECONDS
    while not _answers(port):
        if processes.poll() is not None:
            raise ServerFailed(ENDED)
        if time.monotonic() > deadline:
            raise ServerFailed(f"the shop on port {port} did not answer in {WEB_SECONDS:.0f} s")
        time.sleep(0.1)


def facts(env: Mapping[str, str], given: Set[str], prepared: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the ready file holds: addresses without a slash at their end, staff user, pid.

    `mails` is None where the mails go to a given server, `staff_password` where it was shown
    before.
    """
    shop = env["SITE_URL"].rstrip("/")
    return {
        "shop": shop,
        "admin": f"{shop}/admin/",
        "flower": f"{shop}/flower/",
        "mails": None if "EMAIL_URL" in given else f"http://127.0.0.1:{env['MAIL_PORT']}",
        "payments": env["PAYMENTS_URL"],
        "staff_email": prepared["staff_email"],
        "staff_password": prepared["staff_password"],
        "seconds": prepared["seconds"],
        "pid": os.getpid(),
    }


def in_words(ready: Mapping[str, Any]) -> str:
    """Return the same for people."""
    named = {"Shop": "shop", "Admin": "admin", "Flower": "flower", "Mails": "mails"}
    lines = [f"  {label:9}{ready[name]}" for label, name in named.items() if ready[name]]
    lines.append(f"  {'Staff':9}{ready['staff_email']}")
    if ready["staff_password"]:
        lines.append(f"  {'Password':9}{ready['staff_password']}   (shown this once)")
    else:
        lines.append(f"  {'':9}password as before; `--reset-staff-password` makes a new one")
    ending = f"Ready after {ready['seconds']} s. Ctrl-C stops everything."
    return "\n".join(["", ending, "", *lines, ""])


def _answers(port: int) -> bool:
    try:
        with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
            connection.request("GET", "/")
            connection.getresponse()
    except (OSError, HTTPException):
        return False
    return True
