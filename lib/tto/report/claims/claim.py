"""A claim: a sentence, a function that measures its number in a run, and a rule for its verdict.

The paper's claims are in `tto.report.claims.claims`. A verdict is computed from a 95 % interval:
`holds` if the whole interval meets the claim's condition, `fails` if no part of it does, and
`undecided` if only a part does, as in a noisy run. It is `not tested`, with the reason, if the run
lacks the experiment or its numbers are no evidence (a single model, data other than the paper's).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from tto.report.claims.evidence import Evidence
from tto.report.claims.rules import Verdict, VerdictRule
from tto.report.numbers.statistics import Estimate

SINGLE = "a single model: no interval"


class Untested(Exception):
    """A run cannot test a claim; the message says what is missing."""


class Measured(NamedTuple):
    """A number, and the reason why it is shown without a verdict (None: it gets a verdict)."""

    estimate: Estimate
    unfit: str | None = None


Measure = Callable[[Evidence], Measured]


@dataclass(frozen=True)
class Claim:
    """One claim.

    Attributes:
        id: short name without spaces.
        section: section of the paper, or "local" for this project's own claims.
        text: the claim, with the unit of its number in brackets.
        measure: function that returns the run's number; it raises `Untested`.
        rule: rule that gives the verdict.
        paper: the paper's number in the same unit; None if it gives none.
        digits: number of digits shown after the point.
    """

    id: str
    section: str
    text: str
    measure: Measure
    rule: VerdictRule
    paper: float | None = None
    digits: int = 1


@dataclass(frozen=True)
class Finding:
    """A claim with its verdict; `why` is the rule's condition, or the reason for `not tested`."""

    claim: Claim
    estimate: Estimate | None
    verdict: Verdict
    why: str


def judge(claim: Claim, evidence: Evidence) -> Finding:
    """Measure a claim in a run and apply its rule."""
    try:
        estimate, unfit = claim.measure(evidence)
    except Untested as missing:
        return Finding(claim, None, "not tested", str(missing))
    value, low, high = estimate
    if unfit is not None:
        return Finding(claim, estimate, "not tested", unfit)
    if claim.rule.point:
        low = high = value
    if low is None or high is None:
        return Finding(claim, estimate, "not tested", SINGLE)
    return Finding(claim, estimate, claim.rule.verdict(low, high), claim.rule.words)


def judge_all(claims: Iterable[Claim], evidence: Evidence) -> list[Finding]:
    """Judge all claims, in their order."""
    return [judge(claim, evidence) for claim in claims]
