"""Numbers behind claims about attention: shares of one model's heads (figure 3).

Patterns are compared with those of a randomly initialised model of the same sizes on the same
windows, since the architecture and chance alone produce some.
"""

import pandas as pd

from tto.analysis.heads import PATTERNS, clearest_heads, most_of_untrained
from tto.report.claims.claim import Measure, Measured, Untested
from tto.report.claims.evidence import Evidence
from tto.report.numbers.statistics import Estimate


def previous_transition(*, claimed: float) -> Measure:
    """Return the largest share of its attention that a head pays to the previous transition.

    Args:
        claimed: share that the claim demands. A larger one is no evidence if a head of a random
            model has as much, as in short windows.
    """

    def measure(evidence: Evidence) -> Measured:
        rows, name = _rows(evidence), PATTERNS["markov"]
        most = float(rows.loc[rows["kind"] == "head", name].max())
        by_chance = most_of_untrained(rows, name)
        if most > claimed and by_chance >= most:
            return _single(most, f"a random model's head has {by_chance:.2f}")
        return _single(most)

    return measure


def striation(evidence: Evidence) -> Measured:
    """Return the striated head's share on its dimension in older steps / a random model's."""
    rows, measure = _rows(evidence), PATTERNS["striated"]
    return _single(_of_striated(rows, measure) / most_of_untrained(rows, measure))


def actions_on_actions(evidence: Evidence) -> Measured:
    """Return the attention of the striated head's actions to past actions less to past states."""
    rows = _rows(evidence)
    return _single(
        _of_striated(rows, "actions_to_actions") - _of_striated(rows, "actions_to_states")
    )


def _rows(evidence: Evidence) -> pd.DataFrame:
    if evidence.heads is None:
        raise Untested("no attention was measured in this run")
    return evidence.heads


def _of_striated(rows: pd.DataFrame, column: str) -> float:
    """Return a share of figure 3's striated head."""
    layer, head = clearest_heads(rows)["striated"]
    is_it = (rows["kind"] == "head") & (rows["layer"] == layer) & (rows["head"] == head)
    (value,) = rows.loc[is_it, column].tolist()
    return float(value)


def _single(value: float, unfit: str | None = None) -> Measured:
    """Return the number of one model, which has no interval."""
    return Measured(Estimate(value, None, None), unfit)
