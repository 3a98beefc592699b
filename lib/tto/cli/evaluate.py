"""`tto evaluate`: episodes of one model or policy, their mean and its interval."""

import numpy as np
import pandas as pd

from tto.cli.play import Played
from tto.data.environments import normalized_score
from tto.report.numbers.statistics import estimate


def rows_of(played: Played, *, seed: int) -> pd.DataFrame:
    """One row for each episode: seed, return, score (empty where there is none), length, end."""
    env_id = played.env_id
    rows = [
        {
            "player": played.name,
            "env": env_id,
            "seed": seed + i,
            "return": rollout.total_reward,
            "score": normalized_score(env_id, rollout.total_reward),
            "length": len(rollout.rewards),
            "terminated": rollout.terminated,
        }
        for i, rollout in enumerate(played.rollouts)
    ]
    return pd.DataFrame(rows)


def summary(rows: pd.DataFrame) -> str:
    """Mean, standard deviation and 95 % interval of the mean, of returns and of scores.

    The interval is Student's t over episodes. It says how well the mean of this one model is known,
    not how much trainings differ.
    """
    lines = [f"{'':8}{'mean':>10}{'deviation':>11}  95 % interval of the mean"]
    for column in ("return", "score"):
        values = rows[column].to_numpy(dtype=float)
        if np.isnan(values).any():
            continue
        mean, low, high = estimate([np.array([value]) for value in values])
        interval = "-" if low is None else f"{low:.1f} to {high:.1f}"
        deviation = f"{values.std(ddof=1):.1f}" if len(values) > 1 else "-"
        lines.append(f"{column:8}{mean:>10.1f}{deviation:>11}  {interval}")
    return "\n".join(lines)
