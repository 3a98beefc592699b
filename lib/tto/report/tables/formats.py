"""Tables as files: CSV with all digits; Markdown, HTML and LaTeX with what a reader looks at."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from tto.errors import TTOError
from tto.files import StrPath, atomic_path

NOTHING = "-"  # a cell without a value
TEMPLATES = Path(__file__).with_suffix("")  # folder of the templates of tables
_TEMPLATES = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals |= {"zip": zip, "nothing": NOTHING}


@dataclass(frozen=True)
class Column:
    """A shown column: the group it stands in (or ""), its title, and a cell for each row."""

    group: str
    title: str
    cells: Sequence[str]
    numeric: bool = True
    css: str = ""  # in HTML: sentence and verdict look so; anchor names the row and is not shown

    @property
    def full_title(self) -> str:
        """The title for formats without groups; published columns are the rule and need no word."""
        return f"{self.title} ({self.group})" if self.group.startswith("ours") else self.title


@dataclass(frozen=True)
class Table:
    """Columns of equal length, and a line above them (or "").

    `cards`: on a narrow screen each row of the HTML becomes a card, for rows that are read.
    """

    columns: Sequence[Column]
    title: str = ""
    cards: bool = False

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """Cells of each row."""
        return list(zip(*(column.cells for column in self.columns), strict=True))

    @property
    def groups(self) -> list[tuple[str, int]]:
        """Titles of groups (or "") from left to right, with the columns that each spans."""
        runs = groupby(self.columns, key=lambda column: column.group)
        return [(group, len(list(columns))) for group, columns in runs]


def write_csv(path: StrPath, rows: Sequence[Mapping[str, object]]) -> None:
    """Rows with the same keys; None is an empty cell."""
    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_text(path: StrPath, text: str) -> None:
    """Whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def markdown_page(tables: Sequence[Table], notes: Sequence[str]) -> str:
    """Markdown tables with padded columns, readable as plain text, and their notes."""
    parts = []
    for table in tables:
        parts += [table.title] * bool(table.title) + [_markdown_table(table.columns)]
    return "\n\n".join([*parts, *notes]) + "\n"


def _markdown_table(columns: Sequence[Column]) -> str:
    titles = [column.full_title for column in columns]
    widths = [
        max(map(len, (title, *column.cells))) for title, column in zip(titles, columns, strict=True)
    ]

    def line(cells: Iterable[str]) -> str:
        padded = [
            cell.rjust(width) if column.numeric else cell.ljust(width)
            for cell, width, column in zip(cells, widths, columns, strict=True)
        ]
        return "| " + " | ".join(padded) + " |"

    rules = [
        "-" * (width + 1) + (":" if column.numeric else "-")
        for width, column in zip(widths, columns, strict=True)
    ]
    rows = zip(*(column.cells for column in columns), strict=True)
    return "\n".join([line(titles), "|" + "|".join(rules) + "|", *map(line, rows)])


def html_page(
    tables: Sequence[Table],
    notes: Sequence[str],
    *,
    title: str,
    shares: Mapping[str, int] | None = None,
) -> str:
    """A page with tables and notes below them; what stands in its `main` is the report's, too.

    `shares`, how many there are of each kind, become a bar above the tables.
    """
    page = _TEMPLATES.get_template("table_page.html.j2")
    return page.render(tables=tables, notes=notes, title=title, shares=shares)


def main_of(page: str) -> str:
    """The part of `html_page` that another page takes over.

    Raises:
        TTOError: the page is none of ours.
    """
    _, start, rest = page.partition("<main>")
    main, end, _ = rest.partition("</main>")
    if not (start and end):
        raise TTOError("table: expected a page with <main> and </main>, got none; make it again")
    return main.strip()


def latex_page(tables: Sequence[Table], notes: Sequence[str]) -> str:
    """A complete document with booktabs tables; a paper takes the `table` out of it as it is."""
    lines = [
        r"\documentclass{article}",
        r"\usepackage{booktabs}",
        r"\usepackage[landscape,margin=12mm]{geometry}",
        r"\pagestyle{empty}",
        r"\begin{document}",
        r"\begin{table}\centering\footnotesize\setlength{\tabcolsep}{4pt}",
        *(line for table in tables for line in _latex_table(table)),
        r"\par\smallskip\begin{minipage}{0.9\linewidth}\scriptsize\raggedright",
        "\n\n".join(map(_escape, notes)),
        r"\end{minipage}",
        r"\end{table}",
        r"\end{document}",
    ]
    return "\n".join(line for line in lines if line) + "\n"


def _latex_table(table: Table) -> list[str]:
    columns = table.columns
    heads, rules = _group_heads(table)
    body, previous = [], None
    for cells in table.rows:
        if previous not in (None, cells[0]):
            body.append(r"\addlinespace")
        previous = cells[0]
        body.append(" & ".join(map(_escape, cells)) + r" \\")
    alignment = "".join("r" if column.numeric else "l" for column in columns)
    return [
        rf"\par\medskip {_escape(table.title)}\par\smallskip" if table.title else "",
        rf"\begin{{tabular}}{{{alignment}}}",
        r"\toprule",
        heads,
        rules,
        " & ".join(_escape(column.title) for column in columns) + r" \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
    ]


def _group_heads(table: Table) -> tuple[str, str]:
    """The line of group titles above the columns' own, and the rules under it, if any."""
    if not any(group for group, _ in table.groups):
        return "", ""
    heads, rules, start = [], [], 1
    for group, span in table.groups:
        if group:
            heads.append(rf"\multicolumn{{{span}}}{{c}}{{{_escape(group)}}}")
            rules.append(rf"\cmidrule(lr){{{start}-{start + span - 1}}}")
        else:
            heads.append(" & ".join([""] * span))
        start += span
    return " & ".join(heads) + r" \\", "".join(rules)


_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "_": r"\_",
    "#": r"\#",
    "$": r"\$",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "†": r"$\dagger$",
    "‡": r"$\ddagger$",
}


def _escape(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
