"""The mail catcher's process: mails in by SMTP, out on its pages."""

import re
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest

from development.ports import free_port
from development.testing import ROOT

HOSTILE = "<script>alert(1)</script>\"'&"
PNG = b"\x89PNG\r\n\x1a\n not really a picture"


class Catcher:
    """One process of the mail catcher."""

    def __init__(self, *options: str) -> None:
        """Start it and wait until it listens."""
        self.smtp_port, self.http_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.http_port}"
        ports = ["--smtp-port", str(self.smtp_port), "--http-port", str(self.http_port)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "development.mail_catcher", *ports, *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert self.process.stdout is not None
        assert b"mails on" in self.process.stdout.readline()

    def send(self, message: EmailMessage | bytes, to: str = "ann@example.com") -> None:
        """Send one mail by SMTP."""
        content = message if isinstance(message, bytes) else message.as_bytes(policy=policy.SMTP)
        with smtplib.SMTP("127.0.0.1", self.smtp_port) as client:
            client.sendmail("shop@example.com", [to], content)

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Ask for a page."""
        return httpx.get(self.url + path, **options)

    def mails(self) -> list[dict[str, Any]]:
        """Return the list of mails."""
        mails: list[dict[str, Any]] = self.get("/mails.json").json()
        return mails

    def stop(self, number: int = signal.SIGTERM) -> bytes:
        """End it, and return its last words."""
        self.process.send_signal(number)
        return self.process.communicate(timeout=60)[0]


@pytest.fixture(scope="module")
def catcher() -> Iterator[Catcher]:
    running = Catcher()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def empty(catcher: Catcher) -> None:
    assert httpx.post(f"{catcher.url}/clear").status_code == 303


def mail(subject: str = "Welcome", text: str = "Hello", html: str = "") -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "shop@example.com", "a@b.example"
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    return message


def test_an_empty_list_says_what_to_do(catcher: Catcher) -> None:
    assert "Sign up in the shop" in catcher.get("/").text


def test_mails_are_listed_the_newest_first(catcher: Catcher) -> None:
    for number in range(3):
        catcher.send(mail(f"Number {number}"))
    assert [one["subject"] for one in catcher.mails()] == ["Number 2", "Number 1", "Number 0"]
    assert re.findall(r"Number \d", catcher.get("/").text) == ["Number 2", "Number 1", "Number 0"]
    assert set(catcher.mails()[0]) == {"id", "from", "to", "subject", "received_at"}


def test_a_mail_comes_out_as_it_came_in(catcher: Catcher) -> None:
    content = b"Subject: =?utf-8?q?caf=C3=A9?=\r\nX-Odd: \xff\r\n\r\n.dot\r\nline\r\n"
    catcher.send(content)
    (one,) = catcher.mails()
    assert one["subject"] == "café"
    assert catcher.get(f"/mails/{one['id']}.eml").content == content


def test_whatever_a_mail_says_is_escaped(catcher: Catcher) -> None:
    message = mail(HOSTILE, f"{HOSTILE} https://example.com/?a=1&b=2")
    message["X-Note"] = HOSTILE
    message.add_attachment(b"x", maintype="text", subtype="html", filename=HOSTILE)
    catcher.send(message)
    identity = catcher.mails()[0]["id"]
    for path in ("/", f"/mails/{identity}"):
        assert "<script" not in catcher.get(path).text
    page = catcher.get(f"/mails/{identity}").text
    assert "href='https://example.com/?a=1&amp;b=2'" in page


def test_the_html_of_a_mail_is_shown_in_a_sandbox_that_runs_and_fetches_nothing(
    catcher: Catcher,
) -> None:
    catcher.send(mail(html="<b onclick='x()'>Hi</b><img src='https://example.com/seen.gif'>"))
    identity = catcher.mails()[0]["id"]
    assert "<iframe" in (page := catcher.get(f"/mails/{identity}").text)
    assert "allow-scripts" not in page
    assert "allow-same-origin" not in page
    policy = catcher.get(f"/mails/{identity}.html").headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups")
    assert "default-src 'none'" in policy
    assert "https:" not in policy


def test_an_inline_picture_is_shown_and_another_attachment_is_saved(catcher: Catcher) -> None:
    message = mail(html='<img src="cid:logo@shop">')
    html = message.get_body(("html",))
    assert html is not None
    html.add_related(PNG, maintype="image", subtype="png", cid="<logo@shop>")
    message.add_attachment("<svg/>", subtype="html", filename="ünsafe.html")
    catcher.send(message)
    identity = catcher.mails()[0]["id"]

    found = re.search(r'src="(/mails/[^"]+)"', catcher.get(f"/mails/{identity}.html").text)
    assert found is not None
    picture = catcher.get(found[1])
    assert (picture.content, picture.headers["Content-Type"]) == (PNG, "image/png")
    page = catcher.get(f"/mails/{identity}").text
    saved = next(path for path in re.findall(r"/mails/[^']+/parts/\d+", page) if path != found[1])
    answer = catcher.get(saved)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].endswith("%C3%BCnsafe.html")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no header at all",
        b"Subject: \xff\xfe\r\n\r\n",
        b"Subject: x\r\nContent-Type: text/plain; charset=nobody-knows\r\n\r\n\xff",
        b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
        b"Subject: x\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nx",
        b"Subject: =?utf-8?b?!!!!?=\r\nFrom: <<<>\r\nTo: ,;:\r\nDate: never\r\n\r\nx",
        b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!",
        b"Subject: " + b"x" * 900 + b"\r\n\r\nx",
    ],
)
def test_a_broken_mail_is_kept_and_shown(catcher: Catcher, content: bytes) -> None:
    catcher.send(content)
    (one,) = catcher.mails()
    assert catcher.get("/").status_code == 200
    assert catcher.get(f"/mails/{one['id']}").status_code == 200
    assert catcher.get(f"/mails/{one['id']}.html").status_code in {200, 404}
    assert catcher.get(f"/mails/{one['id']}.eml").status_code == 200


def test_told_to_be_slow_or_to_refuse_it_does(catcher: Catcher) -> None:
    control = {"delay_seconds": 0.3, "refuse_next": 1}
    assert httpx.post(f"{catcher.url}/control", json=control).json() == control
    began = time.monotonic()
    with pytest.raises(smtplib.SMTPDataError) as refused:
        catcher.send(mail())
    assert refused.value.smtp_code == 451
    assert time.monotonic() - began >= 0.3
    catcher.send(mail())
    assert len(catcher.mails()) == 1
    assert httpx.post(f"{catcher.url}/control", json={"delay_seconds": 0}).status_code == 200


@pytest.mark.parametrize("wanted", ["{", "[]", '{"delay": 1}', '{"delay_seconds": -1}'])
def test_a_wrong_order_changes_nothing(catcher: Catcher, wanted: str) -> None:
    assert httpx.post(f"{catcher.url}/control", content=wanted).status_code == 400
    assert set(catcher.get("/control").json().values()) == {0}


def test_a_strange_site_neither_reads_mails_nor_gives_orders(catcher: Catcher) -> None:
    assert catcher.get("/mails.json", headers={"Host": "evil.example:80"}).status_code == 403
    strange = {"Sec-Fetch-Site": "cross-site"}
    assert httpx.post(f"{catcher.url}/clear", headers=strange).status_code == 403


@pytest.mark.parametrize(
    "path", ["/x", "/mails/../.env", "/mails/1", "/mails/", "/mails/1/parts/x"]
)
def test_an_unknown_page_is_404(catcher: Catcher, path: str) -> None:
    assert catcher.get(path).status_code == 404


def test_mails_in_a_folder_survive_a_restart_in_their_order(tmp_path: Path) -> None:
    first = Catcher("--folder", str(tmp_path))
    for number in range(3):
        first.send(mail(f"Number {number}"), to=f"n{number}@example.com")
    before, content = first.mails(), first.get(f"/mails/{first.mails()[0]['id']}.eml").content
    first.process.kill()
    first.process.communicate()
    second = Catcher("--folder", str(tmp_path))
    assert second.mails() == before
    assert second.get(f"/mails/{before[0]['id']}.eml").content == content
    second.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_without_a_traceback(number: int) -> None:
    running = Catcher()
    assert b"Traceback" not in running.stop(number)
    assert running.process.returncode == 0


def test_a_port_in_use_is_said_in_one_line(catcher: Catcher) -> None:
    for name, port in (("--smtp-port", catcher.smtp_port), ("--http-port", catcher.http_port)):
        ports = {"--smtp-port": free_port(), "--http-port": free_port()} | {name: port}
        options = [text for pair in ports.items() for text in map(str, pair)]
        failed = subprocess.run(
            [sys.executable, "-m", "development.mail_catcher", *options],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert failed.returncode == 1
        assert str(port) in failed.stderr
        assert len(failed.stderr.splitlines()) == 1
