"""Tables as files: CSV with all digits; Markdown, HTML and LaTeX with rounded numbers."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from tto.errors import TTOError
from tto.files import StrPath, atomic_path
from tto.report.numbers.statistics import Estimate
from tto.report.numbers.summary import Spread

Number = float | Spread | Estimate
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
class TableFiles:
    """Paths of a table in three formats."""

    csv: StrPath
    markdown: StrPath
    html: StrPath


@dataclass(frozen=True)
class Column:
    """A column for readers.

    Attributes:
        group: title above several columns, or "".
        title: title of the column.
        cells: one text for each row.
        numeric: whether cells are aligned at the right.
        css: class of the cells in HTML. "sentence" and "verdict" are styles; a column of class
            "anchor" names its rows and is not shown.
    """

    group: str
    title: str
    cells: Sequence[str]
    numeric: bool = True
    css: str = ""

    @property
    def full_title(self) -> str:
        """Title for formats without groups; only our columns need the name of their group."""
        return f"{self.title} ({self.group})" if self.group.startswith("ours") else self.title


@dataclass(frozen=True)
class Table:
    """A table for readers.

    Attributes:
        columns: columns of equal length.
        title: line above the table, or "".
        cards: whether each row becomes a card on a narrow screen, for tables with long sentences.
        folded: whether the page hides the table below its title until a reader opens it.
    """

    columns: Sequence[Column]
    title: str = ""
    cards: bool = False
    folded: bool = False

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """Cells of each row."""
        return list(zip(*(column.cells for column in self.columns), strict=True))

    @property
    def groups(self) -> list[tuple[str, int]]:
        """Title (or "") and number of columns of each group, from left to right."""
        runs = groupby(self.columns, key=lambda column: column.group)
        return [(group, len(list(columns))) for group, columns in runs]


def cell_text(number: Number | None, digits: int = 1, *, signed: bool = False) -> str:
    """Return the text of a table's cell: a number, "mean ± deviation" or "value [low, high]".

    Args:
        number: a number, a `Spread` or an `Estimate`; None gives `NOTHING`.
        digits: number of digits after the point.
        signed: whether a positive number or estimate gets a plus sign.
    """
    if number is None:
        return NOTHING
    if isinstance(number, Spread):
        return number.text(digits)
    if isinstance(number, Estimate):
        return number.text(digits, signed=signed)
    return f"{number:{'+' if signed else ''}.{digits}f}"


def write_tables(
    files: TableFiles,
    rows: Sequence[Mapping[str, object]],
    tables: Sequence[Table],
    notes: Sequence[str],
    *,
    title: str,
    heading: str = "",
    shares: Mapping[str, int] | None = None,
) -> None:
    """Write rows as CSV, and tables with notes below them as Markdown and as an HTML page.

    Args:
        files: paths of the three files.
        rows: cells of the CSV file by column (`write_csv`).
        tables, notes: tables and paragraphs for readers.
        title: title of the HTML page.
        heading: heading of the Markdown page, or "".
        shares: numbers that a bar above the tables of the HTML page shows, by kind.
    """
    write_csv(files.csv, rows)
    markdown = markdown_page(tables, notes)
    write_text(files.markdown, f"# {heading}\n\n{markdown}" if heading else markdown)
    write_text(files.html, html_page(tables, notes, title=title, shares=shares))


def write_csv(path: StrPath, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows, which have the same keys; None becomes an empty cell."""
    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_text(path: StrPath, text: str) -> None:
    """Write a file as a whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def markdown_page(tables: Sequence[Table], notes: Sequence[str]) -> str:
    """Return Markdown tables with padded columns, readable as plain text, and their notes."""
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
    """Return a page with tables and notes below them; the report copies the page's `main`.

    `shares` are numbers by kind; they become a bar above the tables.
    """
    page = _TEMPLATES.get_template("table_page.html.j2")
    return page.render(tables=tables, notes=notes, title=title, shares=shares)


def main_of(page: str) -> str:
    """Return the part of an `html_page` that the report copies.

    Raises:
        TTOError: the page was not written by `html_page`.
    """
    _, start, rest = page.partition("<main>")
    main, end, _ = rest.partition("</main>")
    if not (start and end):
        raise TTOError("table: expected a page with <main> and </main>, got none; make it again")
    return main.strip()


def latex_page(tables: Sequence[Table], notes: Sequence[str]) -> str:
    """Return a complete LaTeX document whose `table` environments can be pasted into a paper.

    The tables use booktabs; the notes follow the tables.
    """
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
    """Return the line of group titles and the rules under it, or two empty texts."""
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
