"""Claims and their verdicts as `claims.csv`, `claims.md` and a page of the report."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

from tto.report.claims.claim import Finding
from tto.report.claims.claims import LOCAL
from tto.report.claims.rules import EXPERT_MARGIN, SCORE_MARGIN, Verdict
from tto.report.numbers.statistics import INTERVALS
from tto.report.tables.formats import NOTHING, Column, Table, TableFiles, cell_text, write_tables

COLUMNS = ("id", "section", "claim", "paper", "ours", "low", "high", "verdict")
_TITLES = {
    "paper": "Claims of arXiv:2106.02039v1",
    LOCAL: "Beyond the paper: demands on results with any data",
}
_UNTESTED = "Not tested in this run"
_VERDICTS: list[Verdict] = ["holds", "fails", "undecided", "not tested"]
FARTHER = (
    "For goals and predictions each end is of that interval or of one over episodes, whichever "
    "reaches farther. For the worse of two robots each end is the lower one."
)
_NOTES = (
    f"Ours: this run's number, with its {INTERVALS} {FARTHER} Two methods are compared seed by "
    "seed.",
    "Verdicts are computed from the rows of the run. A claim holds if its whole interval meets the "
    "condition under 'holds if', fails if no part of it does, and is undecided if only a part "
    "does. A number after - or ± in the condition is the margin, in the claim's own unit: "
    f"{SCORE_MARGIN:g} points of normalised score, {EXPERT_MARGIN:g} % of an expert's return, or "
    "the paper's standard deviation for a row of its table 1. A number beside 'not tested' is "
    "shown, but is no evidence.",
    "The words in brackets state how a claim in words is measured. Claims with published numbers "
    "are about D4RL's data and tested on that data only. One measurement is one claim of the "
    "paper; rows beyond the paper may demand more of the same number and are counted separately.",
)


def write_claims(findings: Sequence[Finding], files: TableFiles) -> None:
    """Write the table in three formats; CSV has all digits, and an empty cell for a missing one."""
    verdicts = _verdicts(findings)
    write_tables(
        files,
        [_csv_cells(finding) for finding in findings],
        _tables(findings),
        (f"{counted(verdicts)}.", *(_NOTES if _tested(findings) else ())),
        title="Claims",
        heading="Claims",
        shares=verdicts if _tested(findings) else None,
    )


def _csv_cells(finding: Finding) -> dict[str, object]:
    claim = finding.claim
    value, low, high = finding.estimate or (None, None, None)
    cells = (claim.id, claim.section, claim.text, claim.paper, value, low, high, finding.verdict)
    return dict(zip(COLUMNS, cells, strict=True))


def _tables(findings: Iterable[Finding]) -> list[Table]:
    """Return claims by verdict, those that hold first; the untested ones are folded."""
    parts: dict[str, list[Finding]] = {title: [] for title in (*_TITLES.values(), _UNTESTED)}
    for finding in sorted(findings, key=lambda f: _VERDICTS.index(f.verdict)):
        title = _TITLES[LOCAL if finding.claim.section == LOCAL else "paper"]
        parts[_UNTESTED if finding.verdict == "not tested" else title].append(finding)
    return [
        Table(_columns(part), title, cards=True, folded=title == _UNTESTED)
        for title, part in parts.items()
        if part
    ]


def _columns(findings: Sequence[Finding]) -> list[Column]:
    claims = [finding.claim for finding in findings]
    return [
        Column("", "id", [claim.id for claim in claims], numeric=False, css="anchor"),
        Column("", "section", [claim.section for claim in claims], numeric=False),
        Column("", "claim", [claim.text for claim in claims], numeric=False, css="sentence"),
        Column("", "paper", [cell_text(c.paper, c.digits) for c in claims]),
        Column("", "ours", [cell_text(f.estimate, f.claim.digits) for f in findings]),
        Column("", "verdict", [f.verdict for f in findings], numeric=False, css="verdict"),
        Column("", "holds if", [c.rule.words or NOTHING for c in claims], False, "sentence"),
        Column("", "not tested because", [_reason(f) for f in findings], False, "sentence"),
    ]


def _reason(finding: Finding) -> str:
    return finding.why if finding.verdict == "not tested" else NOTHING


def _tested(findings: Iterable[Finding]) -> bool:
    return any(finding.verdict != "not tested" for finding in findings)


def counted(verdicts: Mapping[str, int], runs: int = 1) -> str:
    """Return how many of the paper's claims got each verdict, as a sentence without full stop.

    Args:
        verdicts: number of claims by verdict.
        runs: number of runs that tested them.
    """
    where = "in this run" if runs == 1 else "in these runs"
    holds, fails, untested = (verdicts.get(v, 0) for v in ("holds", "fails", "not tested"))
    undecided = f", {verdicts['undecided']} are undecided" if verdicts.get("undecided") else ""
    return (
        f"Of the paper's {sum(verdicts.values())} claims, {holds} hold {where}, {fails} "
        f"fail{undecided} and {untested} are not tested"
    )


def _verdicts(findings: Iterable[Finding]) -> dict[str, int]:
    """Return the number of the paper's claims with each verdict."""
    counts = Counter(f.verdict for f in findings if f.claim.section != LOCAL)
    return {verdict: counts[verdict] for verdict in get_args(Verdict)}
