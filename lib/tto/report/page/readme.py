"""The README's results: the paper's numbers beside ours, from the files of published runs.

`make readme` renews the text between the README's two marks. A test compares it with the runs that
the first mark names.
"""

import itertools
import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tto.errors import TTOError
from tto.files import StrPath
from tto.methods import OURS
from tto.report.claims.claims import CLAIMS, LOCAL
from tto.report.claims.table import FARTHER, counted
from tto.report.numbers.names import BASELINE, OUR_METHODS, OURS_FIRST
from tto.report.numbers.statistics import INTERVALS, Estimate
from tto.report.numbers.summary import Spread
from tto.report.page.averages import averages
from tto.report.tables.formats import (
    NOTHING,
    Column,
    Table,
    cell_text,
    markdown_page,
    write_text,
)
from tto.report.tables.returns import DATA
from tto.report.tables.table1_rows import BLOCKS
from tto.row_files import read_cells

_BLOCK = re.compile(
    r"(?P<start><!-- results of (?P<folders>.+?) -->\n).*?(?P<end><!-- end of results -->)",
    re.DOTALL,
)
_NOTE = "Normalised scores, mean ± standard deviation over models and rollouts."
_ELSEWHERE = (
    "The paper's are on D4RL's data, ours on data that was collected locally. They are not "
    "comparable: compare ours with the mean of our data and with behaviour cloning (BC) of it."
)
_VERDICTS = "docs/workflow.md#intervals-and-verdicts"
_DIGITS = {claim.id: claim.digits for claim in CLAIMS}
_TEXTS = {claim.id: claim.text for claim in CLAIMS}
_UNTESTED = {"ours": "", "low": "", "high": "", "verdict": "not tested"}
# Six claims in short, by id; `claims.md` has all of them in full.
SHOWN = {
    "better_than_bc": "planning for return beats behaviour cloning (score)",
    "no_pessimism": "without pessimism, no worse than its data on average",
    "reliable_predictor": "it predicts 100 steps better than an ensemble (mean, nats)",
    "markovian_masked": "context helps more where states are hidden (nats)",
    "decoding_controls": "likelihood search imitates an expert (% of its return)",
    "goal_reaching": "beam search reaches goals without rewards (%)",
}


def renewed(text: str, root: StrPath) -> str:
    """Return the README's text with the results of the runs that it names.

    Args:
        text: text of the README.
        root: root of the repository, which contains the runs' folders.

    Raises:
        TTOError: the text has no marks, or a folder has no published run.
    """
    marks = _BLOCK.search(text)
    if marks is None:
        raise TTOError(
            "README: expected <!-- results of FOLDERS --> and <!-- end of results -->, found no "
            "such pair; put them where the results belong"
        )
    block = f"{marks['start']}\n{results_block(root, marks['folders'].split())}\n{marks['end']}"
    return text[: marks.start()] + block + text[marks.end() :]


def results_block(root: StrPath, folders: Sequence[str]) -> str:
    """Return figure 4, a short table 1, and the verdicts on six claims, as Markdown.

    Args:
        root: root of the repository.
        folders: folders of published runs, relative to `root`, for links. Figure and table are the
            first one's; a claim is the first one's that tested it.

    Raises:
        TTOError: a file is missing.
    """
    paths = [Path(root) / folder for folder in folders]
    rows = _rows(paths[0] / "tables/table1.csv")
    runs = [_claims(path) for path in paths]
    claims = _tested_first(runs)
    counts = counted(Counter(claim["verdict"] for claim in claims), len(folders))
    shown = [claim for claim in claims if claim["id"] in SHOWN]
    shown.sort(key=lambda claim: list(SHOWN).index(claim["id"]))
    pages = ", ".join(f"[{Path(folder).name}]({folder}/claims.md)" for folder in folders)
    summary = f"{counts} ([what this means]({_VERDICTS}); all: {pages})."
    contradicted = _contradicted(claims, runs)
    if contradicted:
        summary += f" Runs contradict each other on {', '.join(contradicted)}."
    summary += " Six claims:"
    elsewhere = any(row["ours_other_tto_count"] for row in rows)
    times = _training_times(_rows(paths[0] / "tables/costs.csv"))
    notes = [f"{_NOTE} {_ELSEWHERE} {times}" if elsewhere else _NOTE]
    parts = [
        f"![Scores of table 1, the paper's and ours]({folders[0]}/figures/figure4.png)",
        markdown_page([Table(_score_columns(rows))], notes).strip(),
        summary,
        markdown_page([Table(_claim_columns(shown))], _interval_notes(paths[0])).strip(),
    ]
    return "\n\n".join(parts) + "\n"


def _claims(folder: Path) -> list[dict[str, str]]:
    """Return the paper's claims of a published run; another sentence than today's is untested."""
    claims = [row for row in _rows(folder / "claims.csv") if row["section"] != LOCAL]
    return [
        claim if claim["claim"] == _TEXTS.get(claim["id"]) else claim | _UNTESTED
        for claim in claims
    ]


def _tested_first(runs: Sequence[Sequence[dict[str, str]]]) -> list[dict[str, str]]:
    """Return each claim once, from the first run that tested it."""
    found: dict[str, dict[str, str]] = {}
    for claim in itertools.chain(*runs):
        if found.get(claim["id"], _UNTESTED)["verdict"] == "not tested":
            found[claim["id"]] = claim
    return list(found.values())


def _contradicted(
    claims: Sequence[dict[str, str]], runs: Sequence[Sequence[dict[str, str]]]
) -> list[str]:
    """Return the ids of claims that hold in one run and fail in another."""
    contrary = {"holds": "fails", "fails": "holds"}
    verdicts = {(claim["id"], claim["verdict"]) for claim in itertools.chain(*runs)}
    return [c["id"] for c in claims if (c["id"], contrary.get(c["verdict"])) in verdicts]


def _training_times(rows: Sequence[dict[str, str]]) -> str:
    """Return the seconds that a method's training took, of the fastest and the slowest dataset."""
    ranges = []
    for method in OURS_FIRST:
        seconds = [float(row["train_seconds"]) for row in rows if row["method"] == method]
        if seconds:
            ranges.append(f"{min(seconds):.0f} to {max(seconds):.0f} ({OUR_METHODS[method]})")
    return f"A training took {', '.join(ranges)} seconds, so no column is a verdict on its method."


def _rows(path: Path) -> list[dict[str, str]]:
    _require(path)
    return read_cells(path)


def _require(path: Path) -> None:
    if not path.is_file():
        raise TTOError(f"{path}: expected a published run's file, found none; publish it")


def _interval_notes(folder: Path) -> list[str]:
    """Explain the intervals if the run's own page does: older runs had other intervals."""
    page = folder / "claims.md"
    _require(page)
    explained = INTERVALS in page.read_text(encoding="utf-8")
    return [f"In brackets the {INTERVALS} {FARTHER}"] if explained else []


def _score_columns(rows: Sequence[dict[str, str]]) -> list[Column]:
    """Return the paper's scores of TTO, ours of each method in the run, and the data's.

    The last row has means over the datasets, if there are several and all have a score.
    """
    names = [f"{row['robot']} {row['kind']}" if row["robot"] else row["dataset"] for row in rows]
    means = averages(rows) if len(rows) > 1 else {}
    published = [row["published_tto_mean"] for row in rows]
    paper = sum(map(float, published)) / len(rows) if all(published) else None
    columns = [
        ("dataset", names, "mean"),
        ("TTO, paper", [_spread(row, "published_tto") for row in rows], cell_text(paper)),
    ]
    for method in OURS_FIRST:
        cells = [_ours(row, method) for row in rows]
        if method in (OURS, BASELINE) or set(cells) != {NOTHING}:
            columns.append((f"{OUR_METHODS[method]}, ours", cells, cell_text(means.get(method))))
    data = [cell_text(_number(row["data_score_mean"])) for row in rows]
    columns.append(("our data", data, cell_text(means.get(DATA))))
    return [
        Column("", head, [*cells, *([last] if means else [])], numeric=head != "dataset")
        for head, cells, last in columns
    ]


def _ours(row: dict[str, str], method: str) -> str:
    """Return our score on D4RL's data, or on other data if the run has only that."""
    names = [f"ours_{block}_{method}_score" for block in BLOCKS]
    return _spread(row, next((name for name in names if row[f"{name}_mean"]), names[0]))


def _spread(row: dict[str, str], name: str) -> str:
    mean, std = _number(row[f"{name}_mean"]), _number(row[f"{name}_std"])
    return cell_text(None if mean is None else Spread(mean, std))


def _claim_columns(claims: list[dict[str, str]]) -> list[Column]:
    return [
        Column("", "verdict", [claim["verdict"] for claim in claims], numeric=False),
        Column("", "claim", [SHOWN[claim["id"]] for claim in claims], numeric=False),
        Column("", "ours", [_estimate(claim) for claim in claims]),
    ]


def _estimate(claim: dict[str, str]) -> str:
    value, low, high = (_number(claim[name]) for name in ("ours", "low", "high"))
    return cell_text(None if value is None else Estimate(value, low, high), _digits(claim))


def _digits(claim: dict[str, str]) -> int:
    """Return the digits that the table of claims shows; a claim of an older run may be gone."""
    return _DIGITS.get(claim["id"], 1)


def _number(cell: str) -> float | None:
    return float(cell) if cell else None


def main() -> None:
    """Renew the README in the working folder."""
    readme = Path("README.md")
    try:
        write_text(readme, renewed(readme.read_text(encoding="utf-8"), "."))
    except (TTOError, OSError) as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
