"""What a claim is: a sentence, a number that the run's rows give for it, and the rule that judges.

Nothing here knows the paper; the claims stand in `tto.report.claims`. A verdict is computed, never
typed: `holds` or `fails` by the claim's rule, `not tested` with the reason where the run has no
such experiment, or has numbers that judge nothing (a single model, other data than the paper's).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tto.report.evidence import Evidence
from tto.report.statistics import Estimate

Verdict = Literal["holds", "fails", "not tested"]
SINGLE = "a single model: no interval"


class Untested(Exception):
    """The run does not have what a claim is about; the message says what is missing."""


class Measured(NamedTuple):
    """A number, and why it is shown but judges nothing (None: it judges)."""

    estimate: Estimate
    unfit: str | None = None


@dataclass(frozen=True)
class Rule:
    """When a claim holds.

    Attributes:
        words: the condition on the number, for the reader.
        test: of the number and its interval, which is there unless `point`.
        point: the number alone is judged, so none needs an interval.
    """

    words: str
    test: Callable[[float, float, float], bool]
    point: bool = False


def beats(threshold: float = 0.0) -> Rule:
    """The whole interval lies above."""
    return Rule(f"interval above {threshold:g}", lambda value, low, high: low > threshold)


def stays_below(threshold: float) -> Rule:
    """The whole interval lies below."""
    return Rule(f"interval below {threshold:g}", lambda value, low, high: high < threshold)


def equals_at_least(threshold: float = 0.0) -> Rule:
    """Not distinguishably less: the interval's upper end reaches the threshold."""
    return Rule(f"interval reaches {threshold:g}", lambda value, low, high: high >= threshold)


def meets(center: float, margin: float) -> Rule:
    """The interval has a value in common with center ± margin."""
    return Rule(
        f"interval meets {center:g} ± {margin:g}",
        lambda value, low, high: low <= center + margin and high >= center - margin,
    )


def differs(center: float = 0.0) -> Rule:
    """The interval leaves a value out."""
    return Rule(
        f"interval without {center:g}", lambda value, low, high: low > center or high < center
    )


def is_at_least(threshold: float) -> Rule:
    """The number itself; there must be an interval beside it."""
    return Rule(f"at least {threshold:g}", lambda value, low, high: value >= threshold)


def is_at_most(threshold: float) -> Rule:
    """The number itself; there must be an interval beside it."""
    return Rule(f"at most {threshold:g}", lambda value, low, high: value <= threshold)


def exists_above(threshold: float) -> Rule:
    """For what was seen once: the number alone, of one model."""
    return Rule(f"above {threshold:g}", lambda value, low, high: value > threshold, point=True)


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


def not_tested(reason: str) -> Callable[[Evidence], Measured]:
    """The measure of a claim that no run of this workflow tests."""

    def measure(evidence: Evidence) -> Measured:
        raise Untested(reason)

    return measure


NO_RULE = Rule("", lambda value, low, high: False)


def judge(claim: Claim, evidence: Evidence) -> Finding:
    """Measure a claim on a run's rows and apply its rule."""
    try:
        estimate, unfit = claim.measure(evidence)
    except Untested as missing:
        return Finding(claim, None, "not tested", str(missing))
    value, low, high = estimate
    if unfit is None and not claim.rule.point and (low is None or high is None):
        unfit = SINGLE
    if unfit is not None:
        return Finding(claim, estimate, "not tested", unfit)
    ends = (value if low is None else low, value if high is None else high)
    holds = claim.rule.test(value, *ends)
    return Finding(claim, estimate, "holds" if holds else "fails", claim.rule.words)


def judge_all(claims: Iterable[Claim], evidence: Evidence) -> list[Finding]:
    """Each claim judged, in their order."""
    return [judge(claim, evidence) for claim in claims]
