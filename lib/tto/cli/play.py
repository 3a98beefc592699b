"""`tto play`: a model or policy plays episodes, and the first one is filmed.

Beside a model's film runs that of another method, from the same start, so that one sees what
planning adds.
"""

import contextlib
import dataclasses
import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tto.cli.players import Player
from tto.data.environments import make_env, normalized_score
from tto.errors import TTOError
from tto.evaluation.film import FilmedEnv, Reel, open_film, write_beside
from tto.evaluation.rollout import Rollout, evaluate
from tto.files import StrPath, cut_name
from tto.report.numbers.names import BASELINE, OUR_METHODS

_LONGEST = 150  # characters of a name; a file's has 255 at most
_TITLES = {**OUR_METHODS, BASELINE: "behaviour cloning"}


@dataclasses.dataclass(frozen=True)
class Played:
    """The episodes of one player."""

    name: str
    env_id: str
    rollouts: list[Rollout]


def play(
    players: Sequence[Player],
    *,
    episodes: int = 1,
    seed: int = 0,
    max_steps: int | None = None,
    video: StrPath | None = None,
) -> list[Played]:
    """Let each player play the same episodes, all of one player in parallel.

    Args:
        players: those who play; all play in the environment of the first.
        episodes: number of episodes; episode i starts from seed + i.
        seed: seed of the first episode's start.
        max_steps: steps after which episodes are stopped; None has no limit of its own.
        video: film of the first episode of all players, side by side, a name in .mp4 or .gif; None
            makes no film.

    Raises:
        TTOError: the environment does not fit a player, or cannot be filmed.
    """
    env_id, played = players[0].env_id, []
    with contextlib.ExitStack() as stack:
        film = stack.enter_context(open_film(video)) if video is not None else None
        reels: list[Reel] = []
        for player in players:
            makers: Iterator[Any] = iter(())
            if film is not None:
                reels.append(Reel())
                makers = iter([FilmedEnv(env_id, reels[-1], name=title(player.name))])

            def make(env_id: str, makers: Iterator[Any] = makers) -> Any:
                return next(makers, None) or make_env(env_id)  # the first is the first episode's

            rollouts = evaluate(
                player.policy,
                env_id,
                seeds=[seed + i for i in range(episodes)],
                max_steps=max_steps,
                make=make,
                description=title(player.name),
            )
            played.append(Played(title(player.name), env_id, rollouts))
        if film is not None:
            write_beside(reels, film)
    return played


def title(method: str) -> str:
    """A method's name as people read it."""
    return _TITLES[method]


def film_name(name: str) -> Path:
    """The film's default path: a .mp4, or a .gif without the package that writes .mp4."""
    return file_name(name, ".gif" if importlib.util.find_spec("imageio_ffmpeg") is None else ".mp4")


def file_name(name: str, ending: str) -> Path:
    """A path in the current folder for what a model did: `demo-hopper-medium-v2-seed0.mp4`."""
    parts = [part for part in Path(name).parts if part not in ("results", "models", ".", "..", "/")]
    stem = "-".join(parts or ["model"])
    return Path((stem if len(stem) <= _LONGEST else cut_name(stem, _LONGEST)) + ending)


def why_no_film(env_id: str) -> str | None:
    """Why an environment cannot be filmed here, in one line; None if it can be."""
    try:
        with FilmedEnv(env_id, Reel()) as env:
            env.reset(seed=0)
    except TTOError as error:
        return str(error)
    return None


def table(played: Sequence[Played], *, seed: int) -> str:
    """A line for each episode: player, return, score, length, end and time of a plan.

    The time is the median in milliseconds of planning for all running episodes. The last column is
    the number of these at the start.
    """
    width = max(len(each.name) for each in played)
    lines = [f"{'player':{width}}  seed   return  score  steps  end         ms a plan  of episodes"]
    for each in played:
        for i, rollout in enumerate(each.rollouts):
            score = normalized_score(each.env_id, rollout.total_reward)
            lines.append(
                f"{each.name:{width}}  {seed + i:<4} {rollout.total_reward:>8.1f}  "
                f"{'-' if score is None else f'{score:.1f}':>5}  {len(rollout.rewards):>5}  "
                f"{'terminated' if rollout.terminated else 'time limit'}  "
                f"{1000 * np.median(rollout.plan_seconds):>9.1f}  {rollout.batch.max():>11}"
            )
    return "\n".join(lines)
