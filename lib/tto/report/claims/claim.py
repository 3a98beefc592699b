"""What a claim is: a sentence, a number that the run's rows give for it, and the rule that judges.

This file does not know the paper's claims (`tto.report.claims.claims`). A verdict is computed
from a 95 % interval. It is `holds` where the whole interval meets the claim's condition,
`fails` where no part of it does, `undecided` where it reaches both sides: a noisy run decides
nothing. It is `not tested`, with the reason, where the run has no such experiment, or has numbers
that judge nothing (a single model, other data than the paper's).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from tto.report.claims.evidence import Evidence
from tto.report.claims.rules import Rule, Verdict
from tto.report.numbers.statistics import Estimate

SINGLE = "a single model: no interval"


class Untested(Exception):
    """The run does not have what a claim is about; the message says what is missing."""


class Measured(NamedTuple):
    """A number, and why it is shown but judges nothing (None: it judges)."""

    estimate: Estimate
    unfit: str | None = None


Measure = Callable[[Evidence], Measured]


@dataclass(frozen=True)
class Claim:
    """One row to be.

    Attributes:
        id: a short name without spaces.
        section: of the paper; "local" for this project's own.
        text: the claim, with the unit of its number in brackets.
        measure: the run's number; raises `Untested`.
        rule: judges it.
        paper: the paper's number, in the same unit; None where it gives none.
        digits: shown after the point.
    """

    id: str
    section: str
    text: str
    measure: Measure
    rule: Rule
    paper: float | None = None
    digits: int = 1


@dataclass(frozen=True)
class Finding:
    """A claim judged; `why` is the rule's condition, or why there is no test."""

    claim: Claim
    estimate: Estimate | None
    verdict: Verdict
    why: str


def judge(claim: Claim, evidence: Evidence) -> Finding:
    """Measure a claim on a run's rows and apply its rule."""
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
    """Each claim judged, in their order."""
    return [judge(claim, evidence) for claim in claims]
