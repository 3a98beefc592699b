"""The largest beam width and horizon that plan within a given time on this machine.

A few plans are timed and a cost model is fitted to the times. The settings that the model proposes
are timed and added to the fit, until a proposal fits the budget. Given the measured times, the
choice is deterministic.

The longest horizon that fits with `BEAMS_PER_TRANSITION` sequences for each planned transition is
chosen first (the official settings have 6 to 9). Then the beam is widened as far as time allows.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import nnls

from tto.errors import TTOError

BEAMS_PER_TRANSITION = 8
WIDEST = 1024
SHARE = 0.8  # largest share of the budget for a timed plan, because some plans take longer
_FIRST = ((1, 1), (8, 1), (32, 1), (8, 2), (16, 2))  # (beam width, horizon) timed for the first fit
_ROUNDS = 8

Timing = Callable[[int, int], float]


@dataclass(frozen=True)
class Choice:
    """The chosen settings.

    Attributes:
        beam_width: number of sequences kept.
        horizon: number of planned transitions.
        milliseconds: measured time of one plan.
    """

    beam_width: int
    horizon: int
    milliseconds: float


def largest_within(budget_ms: float, measure: Timing, *, longest: int) -> Choice:
    """Find the largest settings whose plans take at most `budget_ms`, by timing plans.

    Args:
        budget_ms: milliseconds for one plan.
        measure: function from beam width and horizon to the milliseconds of a plan.
        longest: longest horizon to consider.

    Raises:
        TTOError: the budget is not positive, or none of the timed plans fits.
    """
    if not budget_ms > 0:
        raise TTOError(f"planning.budget_ms: expected more than 0, got {budget_ms}")
    room = aim = SHARE * budget_ms
    timed: dict[tuple[int, int], float] = {}
    for beam_width, horizon in _FIRST:
        if horizon <= longest and max(timed.values(), default=0.0) < 4 * room:
            timed[beam_width, horizon] = measure(beam_width, horizon)
    for _ in range(_ROUNDS):
        choice = _proposed(aim, CostModel.fit(timed), longest)
        known = choice in timed
        cost = timed[choice] = timed[choice] if known else measure(*choice)
        if cost > room:
            aim *= min(room / cost, 0.95)
        elif known or cost > 0.9 * room:
            break
    fitting = {settings: cost for settings, cost in timed.items() if cost <= room}
    if not fitting:
        least = min(timed.values()) / SHARE
        raise TTOError(
            f"planning.budget_ms: expected at least {least:.3g} on this machine, got {budget_ms}; "
            "raise it, or use a smaller model or context"
        )
    beam_width, horizon = max(fitting, key=_rank)
    return Choice(beam_width, horizon, fitting[beam_width, horizon])


def _rank(settings: tuple[int, int]) -> tuple[bool, int, int]:
    """Sort key of settings: horizons with enough beams come last, then longer, then wider ones."""
    beam_width, horizon = settings
    whole = beam_width >= BEAMS_PER_TRANSITION * horizon
    return (whole, horizon, beam_width) if whole else (whole, beam_width, horizon)


@dataclass(frozen=True)
class CostModel:
    """Milliseconds of a plan as a sum of the costs of its start, tokens, rows and attention.

    A plan with horizon H and beam width W runs a number of passes proportional to H, with W rows in
    each, which attend to a length that grows with H. So the terms are 1, H, W H and W H^2, for all
    objectives and all engines that cache keys and values.

    Attributes:
        weights: milliseconds of each term.
    """

    weights: Float[np.ndarray, " 4"]

    @classmethod
    def fit(cls, timed: dict[tuple[int, int], float]) -> "CostModel":
        """Fit by least squares of the relative errors, with nonnegative weights.

        Args:
            timed: milliseconds by beam width and horizon.
        """
        costs = np.array(list(timed.values()))
        terms = np.stack([_terms(*key) for key in timed]) / costs[:, None]
        return cls(nnls(terms, np.ones(len(costs)))[0])

    def __call__(self, beam_width: int, horizon: int) -> float:
        return float(_terms(beam_width, horizon) @ self.weights)


def _terms(beam_width: int, horizon: int) -> Float[np.ndarray, " 4"]:
    return np.array([1, horizon, beam_width * horizon, beam_width * horizon**2], dtype=np.float64)


def _proposed(room: float, cost: Callable[[int, int], float], longest: int) -> tuple[int, int]:
    """The largest beam width and horizon with a cost of at most `room`, or else (1, 1)."""
    horizon = 1
    for longer in range(2, longest + 1):
        if cost(BEAMS_PER_TRANSITION * longer, longer) <= room:
            horizon = longer
    fitting = [width for width in range(1, WIDEST + 1) if cost(width, horizon) <= room]
    return max(fitting, default=1), horizon


def milliseconds(plan: Callable[[], object], *, repeats: int = 8, pause: float = 0.01) -> float:
    """The second-longest wall time of `repeats` plans in milliseconds.

    A first plan is not timed, because it may allocate memory and compile.

    Args:
        plan: function that makes one plan.
        repeats: number of timed plans.
        pause: seconds between plans. A controller also waits for its environment between plans,
            while caches cool down and clock rates fall.
    """
    plan()
    times = []
    for _ in range(repeats):
        time.sleep(pause)
        started = time.perf_counter()
        plan()
        times.append(1e3 * (time.perf_counter() - started))
    return sorted(times)[-2]
