"""Tables as files: CSV with all digits; Markdown, HTML and LaTeX with what a reader looks at."""

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd

from tto.files import atomic_path

NOTHING = "-"  # a cell without a value
_HTML_HEAD = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<style>
  body {{ font: 15px/1.5 system-ui, sans-serif; margin: 1.5em; max-width: 75em; }}
  table {{ border-collapse: collapse; margin-bottom: 1em; }}
  th, td {{ padding: 0.25em 0.8em; text-align: right; white-space: nowrap; }}
  th {{ border-top: 2px solid; border-bottom: 1px solid; }}
  tr:last-child td {{ border-bottom: 2px solid; }}
  th:nth-child(-n+2), td:nth-child(-n+2) {{ text-align: left; }}
</style>
"""


@dataclass(frozen=True)
class Column:
    """A shown column: the group it stands in (or ""), its title, and a cell for each row."""

    group: str
    title: str
    cells: Sequence[str]
    numeric: bool = True

    @property
    def full_title(self) -> str:
        """The title for formats without groups; published columns are the rule and need no word."""
        return f"{self.title} ({self.group})" if self.group.startswith("ours") else self.title


@dataclass(frozen=True)
class Table:
    """Columns of equal length, and a line above them (or "")."""

    columns: Sequence[Column]
    title: str = ""


def write_csv(path: str | os.PathLike[str], rows: Sequence[Mapping[str, object]]) -> None:
    """Rows with the same keys; None is an empty cell."""
    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_text(path: str | os.PathLike[str], text: str) -> None:
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


def html_page(tables: Sequence[Table], notes: Sequence[str], *, title: str, css: str = "") -> str:
    """A page with the tables and their notes, as the report shows it; `css` adds rules to it."""
    parts = [_HTML_HEAD.format(title=escape(title)), f"<style>{css}</style>\n" if css else ""]
    for table in tables:
        if table.title:
            parts.append(f"<p>{escape(table.title)}</p>\n")
        frame = pd.DataFrame({column.full_title: column.cells for column in table.columns})
        parts.append(frame.to_html(index=False, border=0, justify="right") + "\n")
    return "".join([*parts, *(f"<p>{escape(note)}</p>\n" for note in notes), "</html>\n"])


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
    heads, rules = _group_heads(columns)
    body, previous = [], None
    for cells in zip(*(column.cells for column in columns), strict=True):
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


def _group_heads(columns: Sequence[Column]) -> tuple[str, str]:
    """The line of group titles above the columns' own, and the rules under it, if any."""
    if not any(column.group for column in columns):
        return "", ""
    heads, rules, start = [], [], 0
    while start < len(columns):
        group, end = columns[start].group, start
        while end < len(columns) and columns[end].group == group:
            end += 1
        heads.append(rf"\multicolumn{{{end - start}}}{{c}}{{{_escape(group)}}}" if group else "")
        heads[-1] = heads[-1] or " & ".join([""] * (end - start))
        if group:
            rules.append(rf"\cmidrule(lr){{{start + 1}-{end}}}")
        start = end
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
