"""The code in the docs: blocks, and the commands among them and in the text.

Indented blocks and those fenced as `sh` are commands, one a line. A fence without a language is
output. A name after the language, as in "```python record.py", is the file that the block is.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from running import ROOT

PAGES = [
    ROOT / "README.md",
    ROOT / "config/README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs/notes").glob("*.md")),
]
COMMANDS, OUTPUT = "sh", "text"
# What the docs do on a large scale, as tests do it.
SMALLER = {"range(800)": "range(8)", "steps=100, trajectories=1000": "steps=3, trajectories=4"}
PROGRAMS = (
    "snakemake",
    "tto",
    "python",
    "make",
    "pytest",
    "taskset",
)  # looked for in the text, too


@dataclass(frozen=True)
class Block:
    """A block of code; `place` is page and line, `name` its file or ""."""

    place: str
    language: str
    name: str
    text: str

    def small(self) -> str:
        """The text with numbers of a size for tests."""
        text = self.text
        for large, little in SMALLER.items():
            text = text.replace(large, little)
        return text


@dataclass(frozen=True)
class Command:
    """A line for the shell as words, without what is set before it, and without .venv/bin/."""

    place: str
    words: tuple[str, ...]

    @property
    def program(self) -> str:
        return self.words[0]

    def __str__(self) -> str:
        return f"{self.place}: {shlex.join(self.words)}"


def all_blocks(language: str = "") -> list[Block]:
    """The blocks of all pages, or those in one language."""
    return [block for page in PAGES for block in blocks(page) if language in ("", block.language)]


def write_files(folder: Path) -> list[Block]:
    """Write the files that blocks are, small; returns those blocks."""
    named = [block for block in all_blocks() if block.name]
    for block in named:
        (folder / block.name).write_text(block.small())
    return named


def blocks(page: Path) -> Iterator[Block]:
    """All blocks of code of a page."""
    for token in MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8")):
        place = f"{page.name}:{token.map[0] + 1}" if token.map else page.name
        if token.type == "code_block":
            yield Block(place, COMMANDS, "", token.content)
        elif token.type == "fence":
            language, _, name = token.info.strip().partition(" ")
            yield Block(place, language or OUTPUT, name, token.content)


def commands(page: Path) -> Iterator[Command]:
    """All commands of a page: in its blocks, and those with arguments in its text."""
    for block in blocks(page):
        if block.language == COMMANDS:
            for line in block.text.replace("\\\n", " ").splitlines():
                if words := _words(line):
                    yield Command(block.place, words)
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")):
        place = f"{page.name}:{token.map[0] + 1}" if token.map else page.name
        for child in token.children or ():
            words = _words(child.content) if child.type == "code_inline" else ()
            if len(words) > 1 and words[0] in PROGRAMS:
                yield Command(place, words)


def _words(line: str) -> tuple[str, ...]:
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # a quotation mark of prose
        return ()
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        del words[0]
    if words[:2] == ["taskset", "-c"]:
        del words[:3]
    return tuple([words[0].removeprefix(".venv/bin/"), *words[1:]]) if words else ()
