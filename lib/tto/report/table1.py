"""Table 1 of the paper (appendix E), published scores and ours: CSV, Markdown, HTML and LaTeX."""

import csv as csv_format
import os
from collections.abc import Iterable, Sequence
from html import escape

import pandas as pd

from tto.files import atomic_path
from tto.report.dataset_statistics import DatasetStatistics
from tto.report.summary import summarize
from tto.report.table1_columns import Column, make_columns, make_notes
from tto.report.table1_rows import csv_cells, make_rows

_HTML_HEAD = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Table 1</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 1.5em; max-width: 75em; }
  table { border-collapse: collapse; margin-bottom: 1em; }
  th, td { padding: 0.25em 0.8em; text-align: right; white-space: nowrap; }
  th { border-top: 2px solid; border-bottom: 1px solid; }
  tr:last-child td { border-bottom: 2px solid; }
  th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; }
</style>
"""


def write_table1(
    results: pd.DataFrame,
    *,
    csv: str | os.PathLike[str],
    markdown: str | os.PathLike[str],
    html: str | os.PathLike[str],
    latex: str | os.PathLike[str],
    statistics: Iterable[DatasetStatistics] = (),
) -> None:
    """Write the table in four formats.

    Args:
        results: rows of `rollouts.csv` (`tto.evaluation.results.read_results`).
        statistics: of the run's datasets; adds what the data itself scores.
    """
    rows = make_rows(summarize(results), statistics)
    columns, notes = make_columns(rows), make_notes(rows)
    cells = [csv_cells(row) for row in rows]
    with atomic_path(csv) as path, open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv_format.DictWriter(file, list(cells[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(cells)
    with atomic_path(markdown) as path:
        path.write_text(markdown_table(columns, notes), encoding="utf-8")
    with atomic_path(html) as path:
        path.write_text(html_table(columns, notes), encoding="utf-8")
    with atomic_path(latex) as path:
        path.write_text(latex_table(columns, notes), encoding="utf-8")


def markdown_table(columns: Sequence[Column], notes: Sequence[str]) -> str:
    """A Markdown table with padded columns, readable as plain text, and its notes."""
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
    lines = [line(titles), "|" + "|".join(rules) + "|", *map(line, rows)]
    return "\n".join(lines) + "\n\n" + "\n\n".join(notes) + "\n"


def html_table(columns: Sequence[Column], notes: Sequence[str]) -> str:
    """A page with the table and its notes, as the report shows it."""
    table = pd.DataFrame({column.full_title: column.cells for column in columns})
    paragraphs = "".join(f"<p>{escape(note)}</p>\n" for note in notes)
    body = table.to_html(index=False, border=0, justify="right")
    return f"{_HTML_HEAD}{body}\n{paragraphs}</html>\n"


def latex_table(columns: Sequence[Column], notes: Sequence[str]) -> str:
    """A complete document with one booktabs table; a paper takes the `table` out of it as it is."""
    heads, rules = _group_heads(columns)
    titles = " & ".join(_escape(column.title) for column in columns) + r" \\"
    body, previous = [], None
    for cells in zip(*(column.cells for column in columns), strict=True):
        if previous not in (None, cells[0]):
            body.append(r"\addlinespace")
        previous = cells[0]
        body.append(" & ".join(map(_escape, cells)) + r" \\")
    alignment = "".join("r" if column.numeric else "l" for column in columns)
    lines = [
        r"\documentclass{article}",
        r"\usepackage{booktabs}",
        r"\usepackage[landscape,margin=12mm]{geometry}",
        r"\pagestyle{empty}",
        r"\begin{document}",
        r"\begin{table}\centering\footnotesize\setlength{\tabcolsep}{4pt}",
        rf"\begin{{tabular}}{{{alignment}}}",
        r"\toprule",
        heads,
        rules,
        titles,
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\smallskip\begin{minipage}{0.9\linewidth}\scriptsize\raggedright",
        "\n\n".join(map(_escape, notes)),
        r"\end{minipage}",
        r"\end{table}",
        r"\end{document}",
    ]
    return "\n".join(line for line in lines if line) + "\n"


def _group_heads(columns: Sequence[Column]) -> tuple[str, str]:
    """The line of group titles above the columns' own, and the rules under it."""
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
