"""The payment provider's stand-in: a process of its own, spoken to over HTTP as the real one is.

`python -m development.payment_provider --port 8081 [--state FILE]`. It can be told, by
`POST /control`, to be slow, to fail, to decline, to be busy with the same key, and to fail or to be
slow after it has charged. It answers as the IETF's draft of the header Idempotency-Key says.
"""

import argparse
import hmac
import json
import os
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

LARGEST_BODY_BYTES = 65_536  # a charge has some hundred; nobody shall fill the memory
SLOWEST_SECONDS = 120.0  # longer than every client waits


@dataclass
class Control:
    """How the provider misbehaves: `..._next` counts the next charges it applies to."""

    slow_seconds: float = 0.0
    slow_after_charge_seconds: float = 0.0
    fail_next: int = 0
    fail_after_charge_next: int = 0
    decline_next: int = 0
    in_progress_next: int = 0

    def change(self, wanted: object) -> str | None:
        """Apply what was wanted, all or nothing; return what is wrong with it."""
        names = [setting.name for setting in fields(self)]
        if not isinstance(wanted, dict) or not set(wanted) <= set(names):
            return f"expected an object with some of {', '.join(names)}"
        for name, value in wanted.items():
            number = (int, float) if name.endswith("_seconds") else int
            if isinstance(value, bool) or not isinstance(value, number) or not 0 <= value < 1e6:
                return f"{name} must be a number, 0 or more"
        for name, value in wanted.items():
            setattr(self, name, value)
        return None

    def take(self, name: str) -> bool:
        """Count one off, and tell whether there was one."""
        left: int = getattr(self, name)
        setattr(self, name, max(0, left - 1))
        return left > 0


@dataclass
class Charges:
    """What was charged, by idempotency key; with `state`, on disk as well."""

    state: Path | None = None
    by_key: dict[str, dict[str, Any]] = field(default_factory=dict)
    attempts: int = 0

    def __post_init__(self) -> None:
        """Read what an earlier process left."""
        if self.state is not None and self.state.exists():
            self.by_key = json.loads(self.state.read_text(encoding="utf-8"))

    def charge(self, key: str, order: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Charge once a key: the same again is answered as before, another is refused."""
        known = self.by_key.get(key)
        if known is not None:
            if any(known[name] != value for name, value in order.items()):
                return 422, {"error": "this idempotency key was used for another charge"}
            return 200, known
        self.by_key[key] = {"id": f"ch_{uuid4().hex}", **order}
        if self.state is not None:
            unfinished = self.state.with_name(f"{self.state.name}.unfinished")
            unfinished.touch(mode=0o600)  # who bought what is the owner's business
            unfinished.write_text(json.dumps(self.by_key), encoding="utf-8")
            unfinished.replace(self.state)
        return 201, self.by_key[key]


class Provider(ThreadingHTTPServer):
    """The server and its state; a charge holds the lock, waiting does not."""

    daemon_threads = True
    request_queue_size = 128  # a burst of charges is not refused

    def __init__(self, port: int, api_key: str, state: Path | None = None) -> None:
        """Listen on loopback; every charge must carry `api_key`, if there is one."""
        super().__init__(("127.0.0.1", port), Conversation)
        self.api_key = api_key
        self.charges = Charges(state)
        self.control = Control()
        self.lock = threading.Lock()


class Conversation(BaseHTTPRequestHandler):
    """One connection of a client."""

    server: Provider
    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds; a silent client does not hold a thread for ever

    def do_GET(self) -> None:
        """Answer what there is to see."""
        if not self._is_for_us():
            return self._answer(403, {"error": "the provider answers on 127.0.0.1 only"})
        with self.server.lock:
            pages: dict[str, dict[str, Any]] = {
                "/health": {"status": "ok"},
                "/control": asdict(self.server.control),
                "/charges": {
                    "charges": list(self.server.charges.by_key.values()),
                    "attempts": self.server.charges.attempts,
                },
            }
        page = pages.get(self.path)
        return self._answer(*((404, {"error": "no such page"}) if page is None else (200, page)))

    def do_POST(self) -> None:
        """Charge, or change how the provider behaves."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST_BODY_BYTES:
            self.close_connection = True
            return self._answer(413, {"error": f"a body has at most {LARGEST_BODY_BYTES} bytes"})
        content = self.rfile.read(int(length))
        if not self._is_for_us() or self._is_of_a_page():
            return self._answer(403, {"error": "the provider takes no orders from web pages"})
        try:
            body = json.loads(content)
        except ValueError:
            return self._answer(400, {"error": "the body is not JSON"})
        if self.path == "/charges":
            return self._charge(body)
        if self.path == "/control":
            return self._change(body)
        return self._answer(404, {"error": "no such page"})

    def _is_for_us(self) -> bool:
        # A page of the internet could rebind its own name to this address.
        name = self.headers.get("Host", "").partition(":")[0].lower()
        return name in {"127.0.0.1", "localhost"}

    def _is_of_a_page(self) -> bool:
        # Browsers add these to what a page sends, and the provider has no pages of its own.
        return "Origin" in self.headers or self.headers.get("Sec-Fetch-Site", "none") != "none"

    def _change(self, wanted: object) -> None:
        with self.server.lock:
            wrong = self.server.control.change(wanted)
            settings = asdict(self.server.control)
        self._answer(*((200, settings) if wrong is None else (400, {"error": wrong})))

    def _charge(self, body: object) -> None:
        with self.server.lock:
            self.server.charges.attempts += 1
            slow_seconds = self.server.control.slow_seconds
        time.sleep(min(slow_seconds, SLOWEST_SECONDS))
        wrong = self._refusal(body)
        if wrong is not None:
            return self._answer(*wrong)
        assert isinstance(body, dict)  # noqa: S101  _refusal saw to it
        with self.server.lock:
            answer = self._decide(body)
            held_back_seconds = self.server.control.slow_after_charge_seconds
        time.sleep(min(held_back_seconds, SLOWEST_SECONDS))
        return self._answer(*answer)

    def _refusal(self, body: object) -> tuple[int, dict[str, Any]] | None:
        expected = f"Bearer {self.server.api_key}".encode()
        given = self.headers.get("Authorization", "").encode()
        if self.server.api_key and not hmac.compare_digest(expected, given):
            return 401, {"error": "the API key is missing or wrong"}
        if not self.headers.get("Idempotency-Key"):
            return 400, {"error": "the header Idempotency-Key is missing"}
        expected_types = {"amount_cents": int, "currency": str, "reference": str}
        if not isinstance(body, dict) or any(
            not isinstance(body.get(name), kind) or isinstance(body.get(name), bool)
            for name, kind in expected_types.items()
        ):
            return 400, {"error": f"expected an object with {', '.join(expected_types)}"}
        if body["amount_cents"] <= 0:
            return 400, {"error": "amount_cents must be positive"}
        return None

    def _decide(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        control, key = self.server.control, self.headers["Idempotency-Key"]
        order = {name: body[name] for name in ("amount_cents", "currency", "reference")}
        if control.take("fail_next"):
            return 503, {"error": "the provider was told to fail"}
        if control.take("in_progress_next"):
            return 409, {"error": "a charge with this idempotency key is being made"}
        if key not in self.server.charges.by_key and control.take("decline_next"):
            return 402, {"error": "the card was declined"}
        answer = self.server.charges.charge(key, order)
        if control.take("fail_after_charge_next"):
            return 500, {"error": "the provider was told to fail after it had charged"}
        return answer

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Show charges and orders to misbehave; being looked at is no news."""
        if self.command == "POST":
            print(f"{self.path} {format % args}", flush=True)


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="payment_provider", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--state", type=Path, help="keep the charges in this file")
    options = parser.parse_args()
    try:
        provider = Provider(options.port, os.environ.get("PAYMENTS_API_KEY", ""), options.state)
    except OSError as error:
        raise SystemExit(
            f"payment_provider: port {options.port}: {error}. Choose another"
        ) from error
    print(f"payment provider on http://127.0.0.1:{options.port}", flush=True)
    with suppress(KeyboardInterrupt):
        provider.serve_forever()
    provider.server_close()


if __name__ == "__main__":
    main()
