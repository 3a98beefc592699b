"""Train behaviour policies for a robot and keep some checkpoints as a ladder."""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

from tto.data.actors import load_actor
from tto.data.collect import measure
from tto.data.environments import HUMANOID
from tto.data.ladder import Ladder, Rung, choose_levels, read_ladder, write_ladder
from tto.data.sac import SACConfig, train_sac
from tto.errors import TTOError
from tto.files import StrPath
from tto.progress import Progress

EPISODES = 20  # episodes to measure each checkpoint
EARLY, LATE = 34, 5  # rungs before and after medium
CANDIDATES = 50  # checkpoints from which the expert is chosen


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Settings of the training of a robot's actors.

    Attributes:
        env_id: environment.
        settings: settings of soft actor-critic.
        steps: environment steps of the training.
        checkpoint_steps: environment steps between two checkpoints.
    """

    env_id: str
    settings: SACConfig
    steps: int
    checkpoint_steps: int


RECIPES: dict[str, Recipe] = {
    "hopper": Recipe("Hopper-v5", SACConfig(), 1_000_000, 2_500),
    "halfcheetah": Recipe("HalfCheetah-v5", SACConfig(learning_rate=1e-3), 1_500_000, 1_500),
    "walker2d": Recipe("Walker2d-v5", SACConfig(), 1_500_000, 2_500),
    "humanoid": Recipe(
        HUMANOID, SACConfig(hidden=(128, 128), decay_steps=1_500_000), 1_500_000, 5_000
    ),
}


def train_actors(
    robot: str,
    folder: StrPath,
    *,
    checkpoints: StrPath,
    episodes: int = EPISODES,
    steps: int | None = None,
    seed: int = 0,
) -> Ladder:
    """Train a robot's actors and write their ladder to `folder`.

    Args:
        robot: a key of `RECIPES`.
        folder: folder of the ladder, which appears when the ladder is complete.
        checkpoints: folder of checkpoints, from which an interrupted training resumes.
        episodes: episodes to measure each checkpoint.
        steps: environment steps of training; None takes the recipe's.
        seed: seed of the training.

    Raises:
        TTOError: there is no recipe for the robot, or SBX is not installed.
    """
    recipe = RECIPES.get(robot)
    if recipe is None:
        raise TTOError(
            f"robot {robot!r}: expected one with a training recipe ({', '.join(RECIPES)}), got "
            "another; name one of them"
        )
    files = train_sac(
        recipe.env_id,
        Path(checkpoints) / robot / f"seed{seed}",
        config=recipe.settings,
        seed=seed,
        steps=steps or recipe.steps,
        checkpoint_steps=recipe.checkpoint_steps,
    )
    return build_ladder(recipe.env_id, files, folder, episodes=episodes)


def build_ladder(
    env_id: str,
    files: Sequence[Path],
    folder: StrPath,
    *,
    early: int = EARLY,
    late: int = LATE,
    episodes: int = EPISODES,
) -> Ladder:
    """Choose checkpoints of a training by `choose_levels` and write their ladder.

    The choice and the ladder's returns rest on different episodes.

    Args:
        env_id: environment.
        files: checkpoints in the order of training; a file's name ends in its training steps.
        folder: folder of the ladder, which appears when the ladder is complete.
        early, late: largest numbers of rungs before and after medium, besides the expert.
        episodes: episodes to measure each checkpoint.
    """
    actors = [load_actor(file) for file in files]
    with Progress(unit="actors measured") as progress:

        @functools.cache
        def measured(index: int, seed: int) -> tuple[float, float, float]:
            progress.update()
            return measure(env_id, actors[index], episodes=episodes, seed=seed, noise=0.0)

        levels = choose_levels(
            len(files),
            lambda index: measured(index, 0)[0],
            early=early,
            late=late,
            candidates=CANDIDATES,
        )
        rungs = []
        for number, (index, level) in enumerate(levels.items()):
            mean, std, length = (round(value, 1) for value in measured(index, 1))
            steps = int(files[index].stem.rsplit("-", 1)[-1])
            file = f"rung{number:02d}.npz"
            rungs.append(Rung(number, file, level, "sac", steps, mean, std, length, episodes))
    write_ladder(folder, [actors[index] for index in levels], rungs)
    return read_ladder(folder)
