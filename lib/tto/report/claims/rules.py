"""Rules that give a verdict on a claim from the 95 % interval of its number."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["holds", "fails", "undecided", "not tested"]

# Differences that count as equal, in points of normalised score and in per cent of an expert's
# mean return.
SCORE_MARGIN, EXPERT_MARGIN = 3.0, 5.0


@dataclass(frozen=True)
class VerdictRule:
    """The conditions under which a claim holds or fails.

    Widening an interval never turns another verdict into `holds` or `fails`.

    Attributes:
        words: condition on the interval under which the claim holds, for the reader.
        holds: function of low and high end: whether the whole interval meets the condition.
        fails: function of low and high end: whether no part of the interval meets it.
        point: whether the number is judged without its interval.
    """

    words: str
    holds: Callable[[float, float], bool]
    fails: Callable[[float, float], bool]
    point: bool = False

    def verdict(self, low: float, high: float) -> Verdict:
        """Return the verdict on an interval."""
        if self.holds(low, high):
            return "holds"
        return "fails" if self.fails(low, high) else "undecided"


def beats(threshold: float = 0.0) -> VerdictRule:
    """Hold above the threshold."""
    return VerdictRule(
        f"interval above {threshold:g}",
        lambda low, high: low > threshold,
        lambda low, high: high <= threshold,
    )


def stays_below(threshold: float) -> VerdictRule:
    """Hold below the threshold."""
    return VerdictRule(
        f"interval below {threshold:g}",
        lambda low, high: high < threshold,
        lambda low, high: low >= threshold,
    )


def not_below(threshold: float, margin: float) -> VerdictRule:
    """Hold above threshold - margin: at least equal, within the margin."""
    least = threshold - margin
    return VerdictRule(
        f"interval above {least:g} ({threshold:g} less a margin of {margin:g})",
        lambda low, high: low > least,
        lambda low, high: high < least,
    )


def within(center: float, margin: float) -> VerdictRule:
    """Hold within the margin around the center, ends included."""
    least, most = center - margin, center + margin
    return VerdictRule(
        f"interval within {center:g} ± {margin:g}",
        lambda low, high: low >= least and high <= most,
        lambda low, high: high < least or low > most,
    )


def is_at_least(threshold: float) -> VerdictRule:
    """Hold at the threshold or above."""
    return VerdictRule(
        f"interval from {threshold:g} up",
        lambda low, high: low >= threshold,
        lambda low, high: high < threshold,
    )


def is_at_most(threshold: float) -> VerdictRule:
    """Hold at the threshold or below."""
    return VerdictRule(
        f"interval up to {threshold:g}",
        lambda low, high: high <= threshold,
        lambda low, high: low > threshold,
    )


def exists_above(threshold: float) -> VerdictRule:
    """Hold above the threshold for the number of a single model, which has no interval."""
    return VerdictRule(
        f"one model's number above {threshold:g}, without an interval",
        lambda low, high: low > threshold,
        lambda low, high: high <= threshold,
        point=True,
    )
