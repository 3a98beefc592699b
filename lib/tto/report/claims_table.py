"""Claims and their verdicts as `claims.csv`, `claims.md` and a page of the report."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import get_args

from tto.report.claim import Finding, Verdict
from tto.report.claims import LOCAL
from tto.report.tables import (
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
    "Ours: of this run, with 95 % intervals: over models (percentile bootstrap, paired by seed "
    "where two methods are compared; of few models too narrow), over pairs of start and goal for "
    "goal reaching. Verdicts are computed from the rows of the run; why: the condition on the "
    "number or its interval under which the claim holds, or what a test of it lacks. A number "
    'beside "not tested" is shown, but judges nothing.',
    "Claims in words are judged by the reading that stands in brackets. Claims with published "
    "numbers are about D4RL's data and judged on that alone.",
)


def write_claims(
    findings: Sequence[Finding],
    *,
    csv: str | os.PathLike[str],
    markdown: str | os.PathLike[str],
    html: str | os.PathLike[str],
) -> None:
    """Write the table in three formats; CSV has all digits, an empty cell is what is missing."""
    write_csv(csv, [_csv_cells(finding) for finding in findings])
    tables = _tables(findings)
    notes = (_summary(findings), *_NOTES)
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
        Column("", "why", [finding.why for finding in findings], numeric=False, css="sentence"),
    ]


def _paper(finding: Finding) -> str:
    number = finding.claim.paper
    return NOTHING if number is None else f"{number:.{finding.claim.digits}f}"


def _ours(finding: Finding) -> str:
    return NOTHING if finding.estimate is None else finding.estimate.text(finding.claim.digits)


def _summary(findings: Iterable[Finding]) -> str:
    """How many claims of the paper hold, fail and are not tested."""
    counts = _verdicts(findings)
    return (
        f"Of the paper's {sum(counts.values())} claims, {counts['holds']} hold in this run, "
        f"{counts['fails']} fail and {counts['not tested']} are not tested."
    )


def _verdicts(findings: Iterable[Finding]) -> dict[str, int]:
    """How many of the paper's claims got each verdict."""
    counts = Counter(f.verdict for f in findings if f.claim.section != LOCAL)
    return {verdict: counts[verdict] for verdict in get_args(Verdict)}
