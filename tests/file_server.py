"""A web server on this machine that serves files and can misbehave."""

import contextlib
import dataclasses
import hashlib
import http.server
import threading
from collections.abc import Iterator


@dataclasses.dataclass
class Server:
    """Settings of the server and a record of its requests.

    Attributes:
        files: content of the files, by path.
        address: base address, which ends in a slash.
        cut_after: number of bytes after which to cut each of the next connections.
        page: whether to answer every request with an HTML page.
        ranges: whether to obey Range headers.
        requests: Range header of each request, or None.
    """

    files: dict[str, bytes]
    address: str = ""
    cut_after: list[int] = dataclasses.field(default_factory=list)
    page: bool = False
    ranges: bool = True
    requests: list[str | None] = dataclasses.field(default_factory=list)


@contextlib.contextmanager
def serve(files: dict[str, bytes]) -> Iterator[Server]:
    """Serve `files` until the block ends."""
    server = Server(files)
    with serving(_handler(server)) as address:
        server.address = f"{address}/"
        yield server


@contextlib.contextmanager
def serving(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    """Answer requests by `handler` until the block ends; yield the base address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(server: Server) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            server.requests.append(wanted)
            content = server.files.get(self.path.lstrip("/"))
            if server.page:
                self._send(200, b"<html>please log in</html>", {"Content-Type": "text/html"})
            elif content is None:
                self.send_error(404)
            else:
                self._send_file(content, wanted)

        def do_HEAD(self) -> None:
            self.send_error(405)

        def _send_file(self, content: bytes, wanted: str | None) -> None:
            etag = f'"{hashlib.md5(content).hexdigest()}"'
            headers = {"Content-Type": "application/x-hdf5", "ETag": etag}
            same = self.headers.get("If-Range") in (None, etag)
            if not (wanted and server.ranges and same):
                self._send(200, content, headers)
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.send_error(416)
                return
            last = len(content) - 1
            headers["Content-Range"] = f"bytes {start}-{last}/{len(content)}"
            self._send(206, content[start:], headers)

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            cut = server.cut_after.pop(0) if server.cut_after else len(body)
            self.wfile.write(body[:cut])
            self.wfile.flush()
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
