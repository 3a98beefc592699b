"""Download files over HTTP, resume cut connections and check a lock file of sizes and hashes.

The lock file is a small JSON object, `{file name: {"size": bytes, "sha256": hex}}`. A file's first
download adds its entry. Users who trust that download commit the lock file; later downloads must
then have the same content.
"""

import json
import logging
import os
import time
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from tto.errors import TTOError
from tto.files import StrPath, atomic_path, content_digest, exclusive_lock
from tto.ownership import publishing
from tto.progress import Progress

LOGGER = logging.getLogger(__name__)
CHUNK = 1 << 20  # bytes
TIMEOUT = 20.0  # seconds without a byte
ATTEMPTS = 4  # tries in a row that bring no byte


def download(
    url: str,
    path: StrPath,
    *,
    lock: StrPath,
    timeout: float = TIMEOUT,
    attempts: int = ATTEMPTS,
    pause: float = 1.0,
) -> None:
    """Fetch `url` to `path`.

    When the connection is cut, the bytes that arrived stay in `<path>.part`. A later call resumes
    from there if the server still has the same file, judged by its ETag or date.

    Args:
        url: http or https address.
        path: the file, which appears when it is complete and matches the lock file.
        lock: lock file; a file without an entry gets one.
        timeout: seconds to wait for the server.
        attempts: tries in a row that bring no byte before giving up.
        pause: seconds before the next try, doubled after each further failure in a row.

    Raises:
        TTOError: the server cannot be reached, does not know the file, keeps cutting the
            connection, or sends another size or hash than the lock file states.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    failures, reason = 0, ""
    while failures < attempts:
        before = part.stat().st_size if part.exists() else 0
        try:
            if _fetch(url, part, timeout=timeout):
                break
            reason = "the connection was cut"
        except urllib.error.HTTPError as error:
            raise TTOError(
                f"{url}: expected a file, but the server answered {error.code} {error.reason}; "
                "check the address (d4rl: address) and the dataset's id"
            ) from error
        except (OSError, HTTPException) as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        failures = 0 if part.exists() and part.stat().st_size > before else failures + 1
        if failures < attempts:
            LOGGER.info("%s: %s; trying again", url, reason)
            time.sleep(pause * 2**failures if failures else 0)
    else:
        raise TTOError(
            f"{url}: expected a complete file, but it cannot be fetched ({reason}); check the "
            "network and the address (d4rl: address) and run again, which resumes the download, or "
            "use source: collect"
        )
    _check_lock(path.name, part, Path(lock))
    _validator_of(part).unlink(missing_ok=True)
    with publishing(path):
        os.replace(part, path)


def _fetch(url: str, part: Path, *, timeout: float) -> bool:
    """Append the missing bytes to `part`; return whether it is complete."""
    validator = _validator_of(part)
    start = part.stat().st_size if part.exists() and validator.exists() else 0
    headers = {"User-Agent": "tto"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": validator.read_text()}
    request = urllib.request.Request(url, headers=headers)
    try:
        response: HTTPResponse = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        error.close()
        part.unlink()  # it is longer than the server's file, so that is another one
        return False
    with response:
        _refuse_page(url, response)
        if response.status != 206:
            start = 0
        identity = response.headers.get("ETag") or response.headers.get("Last-Modified")
        if identity:
            validator.write_text(identity)
        else:
            validator.unlink(missing_ok=True)
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        return _append(response, part, start=start, total=total)


def _append(response: HTTPResponse, part: Path, *, start: int, total: int | None) -> bool:
    done = start
    progress = Progress(name=part.name, total=total, initial=start, unit="B", unit_scale=True)
    with progress, open(part, "r+b" if start else "wb") as file:
        file.seek(start)
        while block := response.read(CHUNK):
            file.write(block)
            done += len(block)
            progress.update(len(block))
    return total is None or done == total


def _refuse_page(url: str, response: HTTPResponse) -> None:
    kind = response.headers.get_content_type()
    if kind == "text/html":
        raise TTOError(
            f"{url}: expected a data file, got a page ({kind}) of the server or a proxy; open the "
            "address in a browser, or set d4rl: address"
        )


def _validator_of(part: Path) -> Path:
    """The file that holds the ETag or date of a partial file."""
    return part.with_name(f"{part.name}.etag")


def _check_lock(name: str, file: Path, lock: Path) -> None:
    """Compare `file` with its entry in `lock`, or add one; remove a file that does not match."""
    found = {"size": file.stat().st_size, "sha256": content_digest(file)}
    lock.parent.mkdir(parents=True, exist_ok=True)
    # other jobs may fetch datasets at the same time
    with exclusive_lock(lock.with_name(f".{lock.name}.flock")):
        entries = _read_lock(lock)
        if name not in entries:
            entries[name] = found
            with atomic_path(lock) as temporary:
                temporary.write_text(json.dumps(entries, indent=2, sort_keys=True) + "\n")
            LOGGER.info("%s: added to %s as %s", name, lock, found)
    if entries[name] != found:
        file.unlink()
        raise TTOError(
            f"{name}: expected {entries[name]} by {lock}, got {found}; the download was discarded: "
            "try again, or remove the entry if you trust the new file"
        )


def _read_lock(lock: Path) -> dict[str, dict[str, int | str]]:
    if not lock.exists():
        return {}
    try:
        return dict(json.loads(lock.read_text()))
    except ValueError as error:
        raise TTOError(f"{lock}: expected JSON, got {error}; restore or remove the file") from error
