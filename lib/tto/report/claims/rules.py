"""Rules that judge a claim by the 95 % interval of its number."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["holds", "fails", "undecided", "not tested"]


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
