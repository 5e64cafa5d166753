"""The whole site as it is deployed: nginx with deploy/nginx.conf, gunicorn, a Flower a broker."""

import os
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import NamedTuple, Self

import pytest
from django.conf import settings

from config.processes import LINES
from development.ports import free_port
from development.reaper import BELONGS_TO
from development.testing import stop, wait_for, worker_environment
from development.unprivileged import child_user
from development.valkey import start_valkey

NAME = "shop.example.com"  # as in deploy/nginx.conf
PATH = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin:/opt/homebrew/bin"  # not in a user's own
# What Debian's own main file does, without its account and its folders.
MAIN = """
daemon off;
pid {folder}/nginx.pid;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    error_log {folder}/error.log;
    types {{ text/css css; text/javascript js; image/svg+xml svg; }}
    include {folder}/site.conf;
}}
"""


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str


class Site:
    """Everything that answers a browser, on ports of its own."""

    def __init__(self) -> None:
        """Choose the ports; nothing runs yet."""
        self.https, self.http, self.web = free_port(), free_port(), free_port()
        self.flowers = {name: free_port() for name in settings.FLOWER_PORTS}
        self.url = f"https://{NAME}:{self.https}"
        self.folder = Path(tempfile.mkdtemp(prefix="nginx-", dir=os.environ["ALL_SERVERS_FOLDER"]))
        self._stack = ExitStack()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        """Start everything, and wait until it answers."""
        program = _nginx()
        self.broker = start_valkey(self.folder / "broker", durable=False)
        self._stack.callback(self.broker.stop)
        self._run("collectstatic", "manage.py", "collectstatic", "--no-input", "-v0").wait()
        self._run("web", "-m", *LINES["web"].split())
        names = [name for name in LINES if name.partition("_")[0] == "flower"]
        for name, flower in zip(names, self.flowers, strict=True):
            self._run(name, "-m", *LINES[name].split(), f"--db={self.folder}/{flower}.state")
        nginx = self._start_nginx(program)
        wait_for(partial(self._answers, "/", 200), nginx, "the shop behind nginx")
        for flower in self.flowers:
            wait_for(partial(self._answers, f"/flower/{flower}/", 302), nginx, flower)
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop all of it."""
        self._stack.close()

    def ask(
        self,
        path: str,
        session: str = "",
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        host: str = "",
    ) -> Answer:
        """Send one request with exactly this target through nginx."""
        connection = HTTPSConnection("127.0.0.1", self.https, timeout=60, context=unverified())
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        own = {"Host": host or f"{NAME}:{self.https}", "Accept": "text/html", "Content-Length": "0"}
        own |= {"Cookie": f"sessionid={session}"} if session else {}
        for name, value in (own | dict(headers or {})).items():
            connection.putheader(name, value)
        connection.endheaders()
        try:
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
            return Answer(answer.status, dict(answer.getheaders()), text)
        finally:
            connection.close()

    def logged(self) -> str:
        """Return what nginx has written down of its visitors, and of its errors."""
        return "".join(path.read_text("utf-8") for path in sorted(self.folder.glob("*.log")))

    def _answers(self, path: str, status: int) -> bool:
        try:
            return self.ask(path).status == status
        except (OSError, HTTPException):
            return False

    def _run(self, name: str, *command: str) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{name}.words").open("wb") as words:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=settings.BASE_DIR,
                env=worker_environment() | self._environment(),
                stdout=words,
                stderr=words,
            )
        self._stack.callback(stop, process)
        return process

    def _environment(self) -> dict[str, str]:
        ports = [str(port) for port in self.flowers.values()]
        return {
            "DJANGO_SETTINGS_MODULE": "tests.deploy.settings",
            "PYTHONPATH": str(settings.BASE_DIR),
            "STATIC_ROOT": str(self.folder / "static"),
            "BROKER_URL": self.broker.url,
            "DEBUG": "False",
            "BEHIND_TLS_PROXY": "True",
            "SITE_URL": self.url,
            "ALLOWED_HOSTS": NAME,
            "CSRF_TRUSTED_ORIGINS": self.url,
            "PORT": str(self.web),
            "WEB_CONCURRENCY": "1",
            "FLOWER_PORT": ports[0],
            "ANALYTICS_FLOWER_PORT": ports[-1],
            BELONGS_TO: os.environ["ALL_SERVERS_FOLDER"],
        }

    def _start_nginx(self, program: str) -> "subprocess.Popen[bytes]":
        self._make_certificate()
        (self.folder / "site.conf").write_text(self._site_conf(), "utf-8")
        main = self.folder / "main.conf"
        main.write_text(MAIN.format(folder=self.folder), "utf-8")
        user = child_user()  # nobody, where the tests run as root
        if user is not None:
            for path in (self.folder, *self.folder.glob("*.*")):
                os.chown(path, *user)
        errors = str(self.folder / "error.log")
        process = subprocess.Popen(
            [program, "-p", str(self.folder), "-c", str(main), "-e", errors],
            env={BELONGS_TO: os.environ["ALL_SERVERS_FOLDER"]},
            user=user and user[0],
            group=user and user[1],
            extra_groups=[] if user else None,
        )
        self._stack.callback(stop, process)
        return process

    def _site_conf(self) -> str:
        """Return the file that is shipped, with this site's ports and folders."""
        text = (settings.BASE_DIR / "deploy/nginx.conf").read_text("utf-8")
        here = {
            "listen 443 ": f"listen 127.0.0.1:{self.https} ",
            "listen 80": f"listen 127.0.0.1:{self.http}",
            "/etc/letsencrypt/live/shop.example.com": str(self.folder),
            "/srv/shop/staticfiles/": f"{self.folder}/static/",
            "/var/log/nginx": str(self.folder),
            "http://127.0.0.1:8000": f"http://127.0.0.1:{self.web}",
        }
        for usual, port in enumerate(self.flowers.values(), start=5555):
            here[f"http://127.0.0.1:{usual};"] = f"http://127.0.0.1:{port};"
        for shipped, own in here.items():
            assert shipped in text, f"deploy/nginx.conf has no {shipped!r} any more"
            text = text.replace(shipped, own)
        return text

    def _make_certificate(self) -> None:
        files = ["-keyout", f"{self.folder}/privkey.pem", "-out", f"{self.folder}/fullchain.pem"]
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        command = ["openssl", "req", "-x509", *key, "-days", "2", "-subj", f"/CN={NAME}", *files]
        subprocess.run(command, check=True, capture_output=True)


def unverified() -> ssl.SSLContext:
    """Trust any certificate: the site's is made for the test."""
    # Not the default one, which reads all certificates of the machine for each connection.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _nginx() -> str:
    program = shutil.which("nginx", path=PATH)
    if program is not None:
        return program
    said = "Install nginx (Debian: nginx-light) to try deploy/nginx.conf."
    if "CI" in os.environ:
        pytest.fail(said, pytrace=False)
    pytest.skip(said)
