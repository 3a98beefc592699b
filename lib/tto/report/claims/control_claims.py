"""The paper's claims about control (abstract, sections 3.2, 4.2 and 5, appendices A and E)."""

import numpy as np

from tto.report.claims.claim import Claim
from tto.report.claims.control_measures import (
    PRIOR_METHODS,
    goal_success,
    imitation_percent,
    imitation_score,
    mean_minus_bc,
    mean_minus_data,
    minus_prior,
    planning_time,
    score_of,
    switched,
    training_time,
)
from tto.report.claims.rules import (
    EXPERT_MARGIN,
    SCORE_MARGIN,
    beats,
    exists_above,
    not_below,
    stays_below,
    within,
)
from tto.report.numbers.imitation import PAPER_PERCENT
from tto.report.numbers.paper_rows import PAPER_ROWS, ROBOTS, PaperRow
from tto.report.numbers.published import read_published

_PUBLISHED = read_published()
# The paper compares TTO, on version v2 of D4RL's data, with scores that others published on v0.
_SAME_DATA = "published scores, of v0, for D4RL's data, else methods trained on the same data"
_LEARNED = f"{_SAME_DATA} that are at most {SCORE_MARGIN:g} points below its mean and cloning"
_NINE = list(PAPER_ROWS)
_OF = {robot: [row for row in PAPER_ROWS if row.robot == robot] for robot in ROBOTS}
_EXCEPTION = PaperRow("halfcheetah", "medium-expert")
_CHEETAH = [row for row in _OF["halfcheetah"] if row != _EXCEPTION]


def _mean(method: str, rows: list[PaperRow]) -> float:
    """Return the mean of a method's published scores."""
    return round(float(np.mean([_PUBLISHED[row][method].mean for row in rows])), 2)


def _best_prior(rows: list[PaperRow]) -> float:
    """Return the mean over rows of the best published score of the other methods."""
    best = [max(_PUBLISHED[row][method].mean for method in PRIOR_METHODS) for row in rows]
    return round(float(np.mean(best)), 2)


def _mean_prior(rows: list[PaperRow]) -> float:
    """Return the mean of the published scores of all other methods."""
    return round(float(np.mean([_mean(method, rows) for method in PRIOR_METHODS])), 2)


def _less(rows: list[PaperRow], prior: float) -> float:
    """Return TTO's mean published score less a number."""
    return round(_mean("tto", rows) - prior, 2)


def _table1_claim(row: PaperRow) -> Claim:
    """Claim that TTO reaches the paper's number in a row of table 1, within its deviation."""
    mean, std = _PUBLISHED[row]["tto"]
    assert std is not None
    return Claim(
        f"table1_{row.robot}_{row.kind.replace('-', '_')}",
        "E",
        f"TTO scores {mean:g} ± {std:g} on {row.robot} {row.label} (normalised score)",
        score_of(row),
        within(mean, std),
        mean,
    )


CONTROL_CLAIMS = (
    Claim(
        "no_pessimism",
        "abstract, 2, 3.2",
        "Planning needs no behaviour constraints, ensembles or pessimism: it is no worse than its "
        "data, although reward-to-go is the value of the data's own policy (TTO less data, score, "
        "mean over datasets)",
        mean_minus_data,
        not_below(0, SCORE_MARGIN),
    ),
    Claim(
        "competitive",
        "abstract, 1, 5",
        "Offline RL is competitive with the state of the art: no less than the best method before "
        f"it on average (TTO less CQL in the paper, score, mean over nine datasets; {_SAME_DATA})",
        minus_prior(_NINE, "best on average"),
        not_below(0, SCORE_MARGIN),
        _less(_NINE, max(_mean(method, _NINE) for method in PRIOR_METHODS)),
    ),
    Claim(
        "myopic",
        "3.2",
        "Without reward-to-go, search for reward is myopic (with it less without, score)",
        switched("reward_to_go", "true", "false"),
        beats(),
    ),
    Claim(
        "rough_values",
        "3.2",
        "Values need not be accurate to guide the search (rewards-to-go rounded to four levels "
        "less exact ones, score)",
        switched("value_levels", "4", "null", in_scores=True),
        not_below(0, SCORE_MARGIN),
    ),
    Claim(
        "unconstrained_actions",
        "3.2",
        "Actions sampled with the states keep the search in the data's distribution; free action "
        "sequences exploit the model (actions proposed by the model less uniform ones, score)",
        switched("proposal", "drawn", "uniform"),
        beats(),
    ),
    *(
        Claim(
            f"best_prior_{robot}",
            "4.2, figure 4",
            f"On {robot}, across all kinds of data, TTO is on par with or better than the best "
            f"method before it (TTO less the best on each, score, mean over kinds; {_SAME_DATA})",
            minus_prior(_OF[robot], "best"),
            not_below(0, SCORE_MARGIN),
            _less(_OF[robot], _best_prior(_OF[robot])),
        )
        for robot in ("hopper", "walker2d")
    ),
    Claim(
        "prior_halfcheetah",
        "4.2, figure 4",
        "On halfcheetah medium and mixed, TTO matches the methods before it: no less than their "
        f"mean (TTO less their mean, score, mean over the two; {_LEARNED})",
        minus_prior(_CHEETAH, "mean"),
        not_below(0, SCORE_MARGIN),
        _less(_CHEETAH, _mean_prior(_CHEETAH)),
    ),
    Claim(
        "exception_halfcheetah",
        "4.2, figure 4",
        "On halfcheetah med-expert it does not (TTO less the mean of the methods before it, score; "
        f"{_LEARNED})",
        minus_prior([_EXCEPTION], "mean"),
        stays_below(0),
        _less([_EXCEPTION], _mean_prior([_EXCEPTION])),
    ),
    Claim(
        "coarse_bins",
        "4.2",
        "On halfcheetah med-expert, the bins may be too coarse (quantile bins less uniform ones, "
        "score)",
        switched("bins", "quantile", "uniform", row=_EXCEPTION),
        beats(),
    ),
    Claim(
        "better_than_bc",
        "4.2, figure 4",
        "Planning for return is better than behaviour cloning (TTO less BC, score, mean over "
        "datasets)",
        mean_minus_bc,
        beats(),
        round(_mean("tto", _NINE) - _mean("bc", _NINE), 2),
    ),
    *(
        Claim(
            f"imitation_{robot}",
            "4.2",
            f"Likelihood search on expert data returns {percent:g} % in {robot} (normalised score)",
            imitation_score(robot),
            not_below(percent, SCORE_MARGIN),
            percent,
        )
        for robot, percent in PAPER_PERCENT.items()
    ),
    Claim(
        "decoding_controls",
        "4.2",
        "A decoding algorithm for language controls: likelihood search reproduces the expert (% of "
        "the mean return of its data, worse robot)",
        imitation_percent("hopper", "walker2d"),
        not_below(100, EXPERT_MARGIN),
    ),
    Claim(
        "bc_reproduces",
        "4.2",
        "Behaviour cloning reproduces the expert (% of the mean return of its data, worse robot)",
        imitation_percent("hopper", "walker2d", baseline=True),
        not_below(100, EXPERT_MARGIN),
    ),
    Claim(
        "goal_reaching",
        "4.2, figure 5",
        "With the goal in front, beam search reaches goals, without any reward (% of pairs of "
        "start and goal; more often than not)",
        goal_success,
        beats(50),
    ),
    Claim(
        "not_real_time",
        "5",
        "Control in real time is out of reach (time of a plan by a model and a search of the "
        "paper's sizes on the run's device, one thread of a processor or a GPU, divided by the "
        "simulated time of a step, slowest robot)",
        planning_time,
        exists_above(1),
    ),
    Claim(
        "training_time",
        "A",
        "A model trains in 6 to 12 hours on one V100 (hours)",
        training_time,
        within(9, 3),
        digits=2,
    ),
    *(_table1_claim(row) for row in PAPER_ROWS),
)
