"""A real web server that notes what it is asked and given."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class Web:
    """`asked` has the paths and bodies, in order of arrival."""

    def __init__(self, status: int = 200) -> None:
        """Answer each request with `status`."""
        self.asked: list[tuple[str, bytes]] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                web.asked.append((self.path, body))
                self.send_response(status)
                self.end_headers()

            do_POST = do_GET

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        """Serve."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()
