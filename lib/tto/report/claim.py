"""What a claim is: a sentence, a number that the run's rows give for it, and the rule that judges.

Nothing here knows the paper; the claims are in `tto.report.claims`. A verdict is computed, never
typed, from a 95 % interval. It is `holds` where the whole interval meets the claim's condition,
`fails` where no part of it does, `undecided` where it reaches both sides: a noisy run decides
nothing. It is `not tested`, with the reason, where the run has no such experiment, or has numbers
that judge nothing (a single model, other data than the paper's).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tto.report.evidence import Evidence
from tto.report.statistics import Estimate

Verdict = Literal["holds", "fails", "undecided", "not tested"]
SINGLE = "a single model: no interval"


class Untested(Exception):
    """The run does not have what a claim is about; the message says what is missing."""


class Measured(NamedTuple):
    """A number, and why it is shown but judges nothing (None: it judges)."""

    estimate: Estimate
    unfit: str | None = None


@dataclass(frozen=True)
class Rule:
    """When a claim holds and when it fails; a longer interval never makes it do either.

    Attributes:
        words: condition on the interval under which the claim holds, for the reader.
        holds: whether the whole interval, from `low` to `high`, meets the condition.
        fails: whether no part of it does.
        point: whether the number alone is judged, as an interval of no length.
    """

    words: str
    holds: Callable[[float, float], bool]
    fails: Callable[[float, float], bool]
    point: bool = False

    def verdict(self, low: float, high: float) -> Verdict:
        """The verdict on an interval."""
        if self.holds(low, high):
            return "holds"
        return "fails" if self.fails(low, high) else "undecided"


def beats(threshold: float = 0.0) -> Rule:
    """More than the threshold."""
    return Rule(
        f"interval above {threshold:g}",
        lambda low, high: low > threshold,
        lambda low, high: high <= threshold,
    )


def stays_below(threshold: float) -> Rule:
    """Less than the threshold."""
    return Rule(
        f"interval below {threshold:g}",
        lambda low, high: high < threshold,
        lambda low, high: low >= threshold,
    )


def not_below(threshold: float, margin: float) -> Rule:
    """At least equal: not less than the threshold by the margin or more."""
    least = threshold - margin
    return Rule(
        f"interval above {threshold:g} - {margin:g}",
        lambda low, high: low > least,
        lambda low, high: high < least,
    )


def within(center: float, margin: float) -> Rule:
    """Similar: no farther from the center than the margin."""
    least, most = center - margin, center + margin
    return Rule(
        f"interval within {center:g} ± {margin:g}",
        lambda low, high: low >= least and high <= most,
        lambda low, high: high < least or low > most,
    )


def is_at_least(threshold: float) -> Rule:
    """The threshold or more."""
    return Rule(
        f"interval from {threshold:g} up",
        lambda low, high: low >= threshold,
        lambda low, high: high < threshold,
    )


def is_at_most(threshold: float) -> Rule:
    """The threshold or less."""
    return Rule(
        f"interval up to {threshold:g}",
        lambda low, high: high <= threshold,
        lambda low, high: low > threshold,
    )


def exists_above(threshold: float) -> Rule:
    """For what was seen once: the number of a single model, which has no interval."""
    return Rule(
        f"one model's number above {threshold:g}, without an interval",
        lambda low, high: low > threshold,
        lambda low, high: high <= threshold,
        point=True,
    )


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
    measure: Callable[[Evidence], Measured]
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
