"""The README's results: the paper against ours, from a published run's files, never typed.

`make readme` renews the text between the README's two marks; a test compares it with the run that
the first mark names.
"""

import csv
import io
import re
import sys
from collections import Counter
from pathlib import Path

from tto.errors import TTOError
from tto.files import StrPath
from tto.report.claims.claims import LOCAL
from tto.report.claims.table import counted
from tto.report.numbers.statistics import INTERVALS
from tto.report.tables.formats import NOTHING, Column, Table, markdown_page, write_text

_BLOCK = re.compile(
    r"(?P<start><!-- results of (?P<folder>\S+) -->\n).*?(?P<end><!-- end of results -->)",
    re.DOTALL,
)
_NOTE = "Normalised scores, mean ± standard deviation over models and rollouts."
_ELSEWHERE = (
    "The paper's are on D4RL's data, ours on data that was collected locally: not comparable, so "
    "read ours against the mean of our data and behaviour cloning (BC) of it."
)


def renewed(text: str, root: StrPath) -> str:
    """The README's text with the results of the run that it names.

    Args:
        root: of the repository, in which the run's folder lies.

    Raises:
        TTOError: the marks are gone, or the folder holds no published run.
    """
    marks = _BLOCK.search(text)
    if marks is None:
        raise TTOError(
            "README: expected <!-- results of FOLDER --> and <!-- end of results -->, found no "
            "such pair; put them where the results belong"
        )
    block = f"{marks['start']}\n{results_block(root, marks['folder'])}\n{marks['end']}"
    return text[: marks.start()] + block + text[marks.end() :]


def results_block(root: StrPath, folder: str) -> str:
    """Figure 4, table 1 in short, and the claims that the run judges, as Markdown.

    Args:
        folder: of a published run, as seen from `root`; links lead there.

    Raises:
        TTOError: a file is missing.
    """
    path = Path(root) / folder
    claims, rows = _rows(path / "claims.csv"), _rows(path / "tables/table1.csv")
    of_paper = [claim for claim in claims if claim["section"] != LOCAL]
    counts = counted(Counter(claim["verdict"] for claim in of_paper))
    judged = [claim for claim in of_paper if claim["verdict"] != "not tested"]
    summary = f"{counts} ([all, with reasons]({folder}/claims.md)):"
    elsewhere = any(row["ours_other_tto_count"] for row in rows)
    notes = [f"{_NOTE} {_ELSEWHERE}" if elsewhere else _NOTE]
    parts = [
        f"![Scores of table 1, the paper's and ours]({folder}/figures/figure4.png)",
        markdown_page([Table(_score_columns(rows))], notes).strip(),
        summary,
        markdown_page([Table(_claim_columns(judged))], _interval_notes(path)).strip(),
    ]
    return "\n\n".join(parts) + "\n"


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(_text(path))))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise TTOError(
            f"{path}: expected a published run's file, found none; publish it"
        ) from error


def _interval_notes(folder: Path) -> list[str]:
    """What the intervals are, if the run's own page says so: older runs had others."""
    return [f"In brackets the {INTERVALS}"] * (INTERVALS in _text(folder / "claims.md"))


def _score_columns(rows: list[dict[str, str]]) -> list[Column]:
    names = [f"{row['robot']} {row['kind']}" if row["robot"] else row["dataset"] for row in rows]
    return [
        Column("", "dataset", names, numeric=False),
        Column("", "TTO, paper", [_spread(row, "published_tto") for row in rows]),
        Column("", "TTO, ours", [_ours(row, "tto") for row in rows]),
        Column("", "BC, ours", [_ours(row, "bc") for row in rows]),
        Column("", "our data", [_number(row["data_score_mean"]) for row in rows]),
    ]


def _ours(row: dict[str, str], method: str) -> str:
    """On whichever data the run has."""
    cells = [_spread(row, f"ours_{block}_{method}_score") for block in ("d4rl", "other")]
    return next((cell for cell in cells if cell != NOTHING), NOTHING)


def _spread(row: dict[str, str], name: str) -> str:
    mean, deviation = _number(row[f"{name}_mean"]), _number(row[f"{name}_std"])
    return mean if NOTHING in (mean, deviation) else f"{mean} ± {deviation}"


def _claim_columns(claims: list[dict[str, str]]) -> list[Column]:
    return [
        Column("", "claim (section)", [f"{c['claim']} ({c['section']})" for c in claims], False),
        Column("", "paper", [_number(claim["paper"]) for claim in claims]),
        Column("", "ours", [_estimate(claim) for claim in claims]),
        Column("", "verdict", [claim["verdict"] for claim in claims], numeric=False),
    ]


def _estimate(claim: dict[str, str]) -> str:
    value, low, high = (_number(claim[name]) for name in ("ours", "low", "high"))
    return value if low == NOTHING else f"{value} [{low}, {high}]"


def _number(cell: str) -> str:
    """One digit after the point, two of what is less than 1."""
    return f"{float(cell):.{1 if abs(float(cell)) >= 1 else 2}f}" if cell else NOTHING


def main() -> None:
    """Renew the README of the repository that is the working folder."""
    readme = Path("README.md")
    try:
        write_text(readme, renewed(readme.read_text(encoding="utf-8"), "."))
    except (TTOError, OSError) as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
