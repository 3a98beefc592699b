"""What `tto new` finds out about a user's data and its environment, by the import's own reader."""

import contextlib
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from jaxtyping import Float
from minari.dataset.minari_storage import METADATA_FILE_NAME

from tto.data.environments import action_bounds, make_env, without_module
from tto.data.episode import check_episode
from tto.data.sources import fetch_minari, minari_folder, read_source
from tto.errors import TTOError, one_line, shown

_MINARI_ID = re.compile(r"(\w+://)?([\w-]+/)*[\w-]+-v\d+")
_COLLECTED = 20_000  # transitions that uniform actions collect where there are no data
_LONGEST = 1000  # steps of an episode, where neither an environment nor data limit it
_SLACK = 1e-5  # relative, of an action at its bound
_FEW = 0.05  # share of the transitions that may be without an end


@dataclass(frozen=True)
class NewData:
    """A dataset as the workflow will import it.

    Attributes:
        name: the file, folder or id, for readers.
        entry: the dataset's entry in the config.
        observation_dim, action_dim: O and A of its environment.
        transitions: their number.
        limit: most steps of an episode of the environment.
        lengths, returns: of each episode; empty if the workflow will collect them.
        notes: what a reader of the overlay should know, a sentence each.
    """

    name: str
    entry: dict[str, Any]
    observation_dim: int
    action_dim: int
    transitions: int
    limit: int
    lengths: list[int] = field(default_factory=list)
    returns: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def env_id(self) -> str:
        """The environment, with the module that the user named."""
        return self.entry["env"]


def look_into(data: str | None, *, env: str | None = None, jumps: str | None = None) -> NewData:
    """Read a dataset to its end, as the workflow's import will.

    Args:
        data: an HDF5 file in D4RL's layout, the folder or the id of a Minari dataset, or None, for
            data that uniform actions collect in `env`.
        env: the environment; None takes the id that a Minari dataset names.
        jumps: as in `tto.data.d4rl.read_d4rl`; None refuses them.

    Raises:
        TTOError: as the import does, or no environment is named.
    """
    if data is None:
        return _uncollected(env)
    entry = _location(data)
    entry = {"env": env or _env_of(data, entry), **entry}
    if jumps is not None:
        entry["jumps"] = jumps
    with make_env(entry["env"]) as made:
        limit = _time_limit(made)
        low, high = action_bounds(made)
    dimensions = _dimensions(made)
    ended = [*_seen(data, entry, "drop", dimensions, low, high)]
    with _quiet():
        kept = [*_seen(data, entry, "truncate", dimensions, low, high)]
    if not kept:
        raise TTOError(f"{data}: expected at least one episode, got none; record some")
    notes = []
    unfinished = 1 - sum(one.length for one in ended) / sum(one.length for one in kept)
    if unfinished > _FEW:
        entry["unfinished"] = "truncate"
        notes.append(f"{unfinished:.0%} of the transitions are in episodes without an end: kept")
    else:
        kept = ended
    lengths = [one.length for one in kept]
    if limit is None:
        entry["max_steps"] = max(lengths)
        notes.append(f"{entry['env']} has no time limit; the longest episode gives one")
    if clipped := sum(one.clipped for one in kept):
        notes.append(f"the environment would clip the actions of {clipped:,} transitions")
    return NewData(
        Path(data).name if entry["source"] == "file" else data,
        entry,
        *dimensions,
        sum(lengths),
        limit or max(lengths),
        lengths,
        [one.total for one in kept],
        notes,
    )


def _uncollected(env: str | None) -> NewData:
    if env is None:
        raise TTOError(
            "expected data, or an environment to collect them in, got neither; write, say, "
            "tto new mydata.hdf5 --env Reacher-v5"
        )
    entry = {"env": env, "source": "collect", "kind": "random", "transitions": _COLLECTED}
    with make_env(env) as made:
        limit = _time_limit(made)
    if limit is None:
        entry["max_steps"] = _LONGEST
    name = "data that uniform actions collect"
    return NewData(name, entry, *_dimensions(made), _COLLECTED, limit or _LONGEST)


def _location(data: str) -> dict[str, Any]:
    """The keys of the entry that say where the data are."""
    if not data.isprintable():
        raise TTOError(f"expected a name of one line, got {shown(data)}; rename the file")
    if not Path(data).exists() and _MINARI_ID.fullmatch(data):
        return {"source": "minari", "id": data}
    return {"source": "file", "path": data}


def _env_of(data: str, entry: dict[str, Any]) -> str:
    """The id of the environment that a Minari dataset names; its module is not imported."""
    if entry["source"] == "minari":
        folder = fetch_minari(data)
    else:
        folder = minari_folder(Path(data))
        if folder is None and Path(data).exists():
            raise TTOError(
                f"{data}: expected --env, since such a file does not name its environment; add, "
                "say, --env Reacher-v5"
            )
        if folder is None:
            raise TTOError(
                f"{data}: expected a dataset, found no such file or folder; correct its path"
            )
    path = folder / METADATA_FILE_NAME
    try:
        named = EnvSpec.from_json(json.loads(path.read_text(encoding="utf-8"))["env_spec"]).id
    except (OSError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise TTOError(
            f"{data}: expected --env, since the dataset names no environment "
            f"({one_line(error)}); add, say, --env Reacher-v5"
        ) from error
    return without_module(named)


def _time_limit(env: gymnasium.Env) -> int | None:
    return env.spec.max_episode_steps if env.spec is not None else None


def _dimensions(env: gymnasium.Env) -> tuple[int, int]:
    assert env.observation_space.shape is not None
    assert env.action_space.shape is not None
    return env.observation_space.shape[0], env.action_space.shape[0]


class _Seen(NamedTuple):
    """Length and return of an episode, and the number of actions that its environment clips."""

    length: int
    total: float
    clipped: int


def _seen(
    data: str,
    entry: dict[str, Any],
    unfinished: Any,
    dimensions: tuple[int, int],
    low: Float[np.ndarray, "A"],
    high: Float[np.ndarray, "A"],
) -> Iterator[_Seen]:
    """Read the episodes and check each as the import checks it."""
    options = {"env_id": entry["env"], "unfinished": unfinished, "jumps": entry.get("jumps")}
    for number, episode in enumerate(read_source(entry["source"], data, **options)):
        check_episode(episode, source=f"{data}, episode {number}", dimensions=dimensions)
        slack = _SLACK * np.maximum(1, np.abs(episode.actions))
        clipped = (episode.actions < low - slack) | (episode.actions > high + slack)
        yield _Seen(len(episode), episode.total_reward, int(clipped.any(axis=1).sum()))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide the reader's warnings, which a first reading has shown."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
