"""The largest beam width and horizon that plan within a given time on this machine.

A few plans are timed and a model of their cost is fitted; what it proposes is timed in turn and
joins the fit until the proposal holds. Given the measurements the choice is deterministic.

Horizon and beam grow together first, with `BEAMS_PER_TRANSITION` sequences a planned transition
(the official settings have 6 to 9); at the longest horizon that fits, the beam takes what is left.
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
SHARE = 0.8  # of the budget that a timed plan may take: some plans take longer
_FIRST = ((1, 1), (8, 1), (32, 1), (8, 2), (16, 2))  # (beam width, horizon) timed for the first fit
_ROUNDS = 8

Timing = Callable[[int, int], float]


@dataclass(frozen=True)
class Choice:
    """What fits.

    Attributes:
        milliseconds: of one plan, as measured.
    """

    beam_width: int
    horizon: int
    milliseconds: float


def largest_within(budget_ms: float, measure: Timing, *, longest: int) -> Choice:
    """The settings to plan with in `budget_ms`, from timed plans.

    Args:
        measure: milliseconds of a plan of a beam width and a horizon.
        longest: horizon that is still useful.

    Raises:
        TTOError: not even one sequence of one transition fits.
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
    """Which of two settings is larger: the longer horizon that has its beams, then the wider."""
    beam_width, horizon = settings
    whole = beam_width >= BEAMS_PER_TRANSITION * horizon
    return (whole, horizon, beam_width) if whole else (whole, beam_width, horizon)


@dataclass(frozen=True)
class CostModel:
    """Milliseconds of a plan as a sum of its start, its tokens, its rows and their attention.

    A plan of horizon H and width W runs H passes' worth of tokens one after the other, W rows in
    each, which attend to a length that grows with H: the terms are 1, H, W H and W H^2, for each
    objective and engine that keeps keys and values.
    """

    weights: Float[np.ndarray, " 4"]

    @classmethod
    def fit(cls, timed: dict[tuple[int, int], float]) -> "CostModel":
        """Least relative squares with weights of at least 0, so that no term saves time."""
        costs = np.array(list(timed.values()))
        terms = np.stack([_terms(*key) for key in timed]) / costs[:, None]
        return cls(nnls(terms, np.ones(len(costs)))[0])

    def __call__(self, beam_width: int, horizon: int) -> float:
        return float(_terms(beam_width, horizon) @ self.weights)


def _terms(beam_width: int, horizon: int) -> Float[np.ndarray, " 4"]:
    return np.array([1, horizon, beam_width * horizon, beam_width * horizon**2], dtype=np.float64)


def _proposed(room: float, cost: Callable[[int, int], float], longest: int) -> tuple[int, int]:
    """The largest settings of at most `room` by the cost model, or the smallest there are."""
    horizon = 1
    for longer in range(2, longest + 1):
        if cost(BEAMS_PER_TRANSITION * longer, longer) <= room:
            horizon = longer
    fitting = [width for width in range(1, WIDEST + 1) if cost(width, horizon) <= room]
    return max(fitting, default=1), horizon


def milliseconds(plan: Callable[[], object], *, repeats: int = 8, pause: float = 0.01) -> float:
    """Wall time that all but one of the repeats keep within.

    A controller waits for its environment between plans, and caches and clock rates forget: so do
    these pause, by seconds. A first plan takes memory and compiles what is compiled.
    """
    plan()
    times = []
    for _ in range(repeats):
        time.sleep(pause)
        started = time.perf_counter()
        plan()
        times.append(1e3 * (time.perf_counter() - started))
    return sorted(times)[-2]
