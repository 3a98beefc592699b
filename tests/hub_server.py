"""A server on this machine with as much of the Hugging Face hub's protocol as models need."""

import base64
import contextlib
import hashlib
import http.server
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from file_server import serving

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """Files by repository, and what was asked for.

    Attributes:
        repositories: content of the files, by name and path.
        private: names of private repositories.
        requests: method and path of each request.
        address: base address.
    """

    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)
    address: str = ""


@contextlib.contextmanager
def serve_hub() -> Iterator[Hub]:
    """Serve an empty hub until the block ends."""
    hub = Hub()
    with serving(_handler(hub)) as hub.address:
        yield hub


def _handler(hub: Hub) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            hub.requests.append(f"{self.command} {self.path}")
            parts = unquote(self.path.split("?")[0]).strip("/").split("/")
            if parts[:2] == ["api", "models"]:
                name = "/".join(parts[2:4])
                if name not in hub.repositories:
                    return self._json({"error": "Repository not found"}, 404)
                files = [{"rfilename": path} for path in hub.repositories[name]]
                return self._json({"id": name, "sha": COMMIT, "siblings": files})
            name, path = "/".join(parts[:2]), "/".join(parts[4:])
            content = hub.repositories.get(name, {}).get(path)
            if parts[2:3] != ["resolve"] or content is None:
                return self._json({"error": "Entry not found"}, 404)
            etag = {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
            return self._send(content, 200, etag)

        def do_POST(self) -> None:
            hub.requests.append(f"{self.command} {self.path}")
            length = self.headers.get("Content-Length")
            body = self.rfile.read(int(length)) if length else self._chunks()
            parts = unquote(self.path.split("?")[0]).strip("/").split("/")
            if parts == ["api", "repos", "create"]:
                asked = json.loads(body)
                name = "/".join(filter(None, [asked.get("organization"), asked["name"]]))
                hub.repositories.setdefault(name, {})
                if asked.get("private"):
                    hub.private.add(name)
                return self._json({"url": f"{hub.address}/{name}", "name": name})
            if parts == ["api", "validate-yaml"]:
                return self._json({"errors": [], "warnings": []})
            name, what = "/".join(parts[2:4]), parts[4]
            if what == "preupload":
                files = [
                    {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                    for file in json.loads(body)["files"]
                ]
                return self._json({"files": files, "commitOid": COMMIT})
            assert what == "commit", self.path
            for line in body.splitlines():
                entry = json.loads(line)
                if entry["key"] == "file":
                    file = entry["value"]
                    assert file["encoding"] == "base64"
                    content = base64.b64decode(file["content"])
                    hub.repositories[name][file["path"]] = content
            return self._json(
                {"commitUrl": f"{hub.address}/{name}/commit/{COMMIT}", "commitOid": COMMIT}
            )

        def _chunks(self) -> bytes:
            """The body of a request without a length."""
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _json(self, answer: object, status: int = 200) -> None:
            codes = {404: "RepoNotFound" if "Repository" in str(answer) else "EntryNotFound"}
            headers = {"Content-Type": "application/json"}
            if status in codes:
                headers["X-Error-Code"] = codes[status]
            self._send(json.dumps(answer).encode(), status, headers)

        def _send(self, body: bytes, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
