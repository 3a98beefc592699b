"""A headless Chromium that opens one file, driven by its DevTools protocol."""

import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
# JavaScript expressions to evaluate in a report: the widths of its pictures in pixels, the number
# of pictures that are hidden or lack an alternative text, the width of the page, the numbers of
# scripts and of dead links in the navigation, and the headings.
LOOK = {
    "pictures": "Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth)))",
    "hidden": "[...document.images].filter(i => !i.getClientRects().length || !i.alt).length",
    "width": "document.documentElement.scrollWidth",
    "scripts": "document.scripts.length",
    "broken": "[...document.querySelectorAll('nav a')]"
    ".filter(a => !document.querySelector(a.hash)).length",
    "headings": "[...document.querySelectorAll('h2')].map(h => h.textContent)",
}
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--hide-scrollbars",
]
_TIMEOUT = 120  # seconds; the machine may be busy


@dataclass
class Visit:
    """A browser's record of one page at one width.

    Attributes:
        errors: errors and warnings of the console, and uncaught exceptions.
        requests: requested addresses, without the page itself and data URLs.
        found: value of each expression, by name.
        screenshot: picture of the whole page, as PNG.
    """

    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    found: dict[str, Any] = field(default_factory=dict)
    screenshot: bytes = b""


class Browser:
    """One tab; made by `open_browser`."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection, self._numbers = connection, itertools.count(1)
        self._events: list[dict[str, Any]] = []
        for domain in ("Page", "Network", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def visit(
        self, page: Path, *, width: int, dark: bool = False, expressions: dict[str, str]
    ) -> Visit:
        """Open a file in a window of `width` pixels and evaluate JavaScript expressions in it."""
        self._events.clear()
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self._call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        self._call("Page.navigate", url=page.resolve().as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self._events):
            self._events.append(self._receive())
        seen = Visit()
        for name, expression in expressions.items():
            answer = self._call(
                "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
            )
            seen.found[name] = answer["result"].get("value")
        picture = self._call("Page.captureScreenshot", captureBeyondViewport=True)
        seen.screenshot = base64.b64decode(picture["data"])
        for event in self._events:
            self._note(event["method"], event["params"], seen)
        return seen

    def _note(self, method: str, params: dict[str, Any], seen: Visit) -> None:
        if method == "Network.requestWillBeSent":
            address = params["request"]["url"]
            if params["type"] != "Document" and urlsplit(address).scheme != "data":
                seen.requests.append(address)
        elif method == "Runtime.exceptionThrown":
            seen.errors.append(json.dumps(params["exceptionDetails"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            seen.errors.append(params["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            seen.errors.append(json.dumps(params["args"]))

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = self._receive()
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            self._events.append(message)

    def _receive(self) -> dict[str, Any]:
        return json.loads(self._connection.recv(timeout=_TIMEOUT))


@contextlib.contextmanager
def open_browser() -> Iterator[Browser]:
    """Start Chromium with an empty profile, and end it after the block."""
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [CHROMIUM, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            with connect(_address(Path(profile)), max_size=None) as connection:
                yield Browser(connection)
        finally:
            process.terminate()
            process.wait(timeout=_TIMEOUT)


def _address(profile: Path) -> str:
    """Address of the first tab, which Chromium serves at the port in its profile."""
    port, end = profile / "DevToolsActivePort", time.monotonic() + _TIMEOUT
    while not port.exists() or len(port.read_text().split()) < 2:
        assert time.monotonic() < end, "Chromium did not start"
        time.sleep(0.1)
    number = port.read_text().split()[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{number}/json/list", timeout=_TIMEOUT) as answer:
        return next(tab for tab in json.load(answer) if tab["type"] == "page")[
            "webSocketDebuggerUrl"
        ]
