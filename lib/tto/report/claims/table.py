"""Claims and their verdicts as `claims.csv`, `claims.md` and a page of the report."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

from tto.files import StrPath
from tto.report.claims.claim import Finding
from tto.report.claims.claims import LOCAL
from tto.report.claims.control_claims import EXPERT_MARGIN, SCORE_MARGIN
from tto.report.claims.rules import Verdict
from tto.report.numbers.statistics import INTERVALS
from tto.report.tables.formats import (
    NOTHING,
    Column,
    Table,
    html_page,
    markdown_page,
    write_csv,
    write_text,
)

COLUMNS = ("id", "section", "claim", "paper", "ours", "low", "high", "verdict")
_TITLES = {
    "paper": "Claims of arXiv:2106.02039v1, by section",
    LOCAL: "Beyond the paper: what results must show on any data",
}
_NOTES = (
    f"Ours: of this run, with its {INTERVALS} Two methods are compared seed by seed. For goal "
    "reaching, each end is that of the interval over pairs of start and goal or of that over "
    "models, whichever reaches farther.",
    "Verdicts are computed from the rows of the run. A claim holds where its whole interval meets "
    "the condition under 'holds if', fails where no part of it does, and is undecided where it "
    "reaches both sides. What follows - or ± there is the margin, in the claim's own unit: "
    f"{SCORE_MARGIN:g} points of normalised score, {EXPERT_MARGIN:g} % of an expert's return, or "
    "the paper's standard deviation for a row of its table 1. A number beside 'not tested' is "
    "shown, but judges nothing.",
    "Claims in words are judged by the reading in brackets. Claims with published numbers are "
    "about D4RL's data and judged on that alone. One measurement is one claim of the paper; rows "
    "beyond the paper may ask more of the same number and are not counted with them.",
)


def write_claims(
    findings: Sequence[Finding],
    *,
    csv: StrPath,
    markdown: StrPath,
    html: StrPath,
) -> None:
    """Write the table in three formats; CSV has all digits, an empty cell is what is missing."""
    write_csv(csv, [_csv_cells(finding) for finding in findings])
    tables = _tables(findings)
    notes = (f"{counted(_verdicts(findings))}.", *_NOTES)
    write_text(markdown, "# Claims\n\n" + markdown_page(tables, notes))
    write_text(html, html_page(tables, notes, title="Claims", shares=_verdicts(findings)))


def _csv_cells(finding: Finding) -> dict[str, object]:
    claim = finding.claim
    value, low, high = finding.estimate or (None, None, None)
    cells = (claim.id, claim.section, claim.text, claim.paper, value, low, high, finding.verdict)
    return dict(zip(COLUMNS, cells, strict=True))


def _tables(findings: Iterable[Finding]) -> list[Table]:
    parts: dict[str, list[Finding]] = {title: [] for title in _TITLES.values()}
    for finding in findings:
        local = finding.claim.section == LOCAL
        parts[_TITLES[LOCAL if local else "paper"]].append(finding)
    return [Table(_columns(part), title, cards=True) for title, part in parts.items() if part]


def _columns(findings: Sequence[Finding]) -> list[Column]:
    claims = [finding.claim for finding in findings]
    return [
        Column("", "id", [claim.id for claim in claims], numeric=False, css="anchor"),
        Column("", "section", [claim.section for claim in claims], numeric=False),
        Column("", "claim", [claim.text for claim in claims], numeric=False, css="sentence"),
        Column("", "paper", [_paper(finding) for finding in findings]),
        Column("", "ours", [_ours(finding) for finding in findings]),
        Column("", "verdict", [f.verdict for f in findings], numeric=False, css="verdict"),
        Column("", "holds if", [c.rule.words or NOTHING for c in claims], False, "sentence"),
        Column("", "not tested because", [_lack(f) for f in findings], False, "sentence"),
    ]


def _paper(finding: Finding) -> str:
    number = finding.claim.paper
    return NOTHING if number is None else f"{number:.{finding.claim.digits}f}"


def _ours(finding: Finding) -> str:
    return NOTHING if finding.estimate is None else finding.estimate.text(finding.claim.digits)


def _lack(finding: Finding) -> str:
    return finding.why if finding.verdict == "not tested" else NOTHING


def counted(verdicts: Mapping[str, int]) -> str:
    """How many claims of the paper got each verdict, as a sentence without its full stop."""
    undecided = f", {verdicts['undecided']} are undecided" if verdicts.get("undecided") else ""
    return (
        f"Of the paper's {sum(verdicts.values())} claims, {verdicts.get('holds', 0)} hold in this "
        f"run, {verdicts.get('fails', 0)} fail{undecided} and {verdicts.get('not tested', 0)} are "
        "not tested"
    )


def _verdicts(findings: Iterable[Finding]) -> dict[str, int]:
    """How many of the paper's claims got each verdict."""
    counts = Counter(f.verdict for f in findings if f.claim.section != LOCAL)
    return {verdict: counts[verdict] for verdict in get_args(Verdict)}
