"""All claims of the paper (arXiv:2106.02039v1) about its findings, and this project's own.

Definitions and settings (of the method, of the model's size) are no claims. A claim in words must
be interpreted before code can test it. Its measure and its rule are the interpretation, and they
are shown beside the verdict. Numbers that were published for D4RL's data are tested on that data
only. One measurement is one claim: two sentences of the paper about one number share a row.

Claims of the section "local" are this project's own demands on its results, on any data. They may
demand more of a number that the paper has a claim about, and are counted separately.
"""

from tto.report.claims.claim import Claim
from tto.report.claims.control_claims import CONTROL_CLAIMS
from tto.report.claims.control_measures import (
    goal_success,
    imitation_percent,
    minus_bc,
    path_ratio,
    switched,
)
from tto.report.claims.prediction_claims import PREDICTION_CLAIMS
from tto.report.claims.rules import SCORE_MARGIN, beats, is_at_least, is_at_most, not_below
from tto.report.numbers.paper_rows import PAPER_ROWS

LOCAL = "local"
_SECTIONS = ("abstract", "1", "2", "3.2", "4.1", "4.2", "5", "A", "E", LOCAL)


def _local_claims() -> list[Claim]:
    """Return this project's own claims: TTO at least equals BC, and beats it on mixed data, etc."""
    claims = []
    for row in PAPER_ROWS:
        must_beat = row.kind == "medium-replay" and row.robot in ("hopper", "walker2d")
        words = "beats" if must_beat else "is at least equal to"
        claims.append(
            Claim(
                f"local_{row.robot}_{row.kind.replace('-', '_')}",
                LOCAL,
                f"TTO {words} BC on {row.robot} {row.label} (TTO less BC, score, paired by seed)",
                minus_bc(row),
                beats() if must_beat else not_below(0, SCORE_MARGIN),
            )
        )
    return [
        *claims,
        Claim(
            "local_imitation_hopper",
            LOCAL,
            "Likelihood search returns 95 % of the expert's own mean in hopper (%)",
            imitation_percent("hopper"),
            is_at_least(95),
        ),
        Claim(
            "local_goal_success",
            LOCAL,
            "95 % of goals are reached (% of pairs of start and goal)",
            goal_success,
            is_at_least(95),
        ),
        Claim(
            "local_goal_paths",
            LOCAL,
            "Paths are at most 1.3 times the collector's (mean ratio over pairs both reached)",
            path_ratio,
            is_at_most(1.3),
            digits=2,
        ),
        Claim(
            "local_objective",
            LOCAL,
            "On mixed data, planning for return beats planning for likelihood (score, mean over "
            "robots)",
            switched("objective", "return", "likelihood"),
            beats(),
        ),
        Claim(
            "local_search",
            LOCAL,
            "The search for return beats the Transformer's own policy, which does not search "
            "(score, mean over datasets)",
            switched("search", "return", "likelihood"),
            beats(),
        ),
    ]


def _place(claim: Claim) -> int:
    """Return the position of the first section that a claim is in."""
    return _SECTIONS.index(claim.section.split(",")[0])


CLAIMS = tuple(sorted([*CONTROL_CLAIMS, *PREDICTION_CLAIMS, *_local_claims()], key=_place))
