"""A user's Stable-Baselines3 agent as a behaviour policy.

An agent's zip holds pickled Python objects, so loading it can run any code of its author. Only a
file whose SHA-256 the user has named is loaded; the library unpickles no other foreign file. The
statistics of observations, which `VecNormalize.save` pickles, are read without running anything.
"""

import dataclasses
import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32

from tto.errors import TTOError, one_line
from tto.files import StrPath, content_digest, kind_of
from tto.plain_pickle import array_in, read_state

LIBRARIES = ("stable_baselines3", "sb3_contrib", "sbx")


# Algorithms whose agents have no distribution of actions.
DETERMINISTIC = ("ARS", "DDPG", "DQN", "QRDQN", "TD3")


class SB3Agent:
    """An agent that draws its actions, or takes its mean action, to which the collector adds noise.

    Attributes:
        agent: the loaded agent.
        stochastic: whether it draws its actions.
        normalization: statistics by which its observations are normalised, or None.
    """

    def __init__(
        self, agent: Any, *, stochastic: bool, normalization: "Normalization | None" = None
    ) -> None:
        """Wrap a loaded agent."""
        self.agent = agent
        self.stochastic = stochastic
        self.normalization = normalization
        self.forget()

    @property
    def spaces(self) -> tuple[Any, Any]:
        """Observation and action space that the agent was made for."""
        return self.agent.observation_space, self.agent.action_space

    def forget(self) -> None:
        """Begin an episode: a recurrent agent forgets what it saw."""
        self._memory: Any = None
        self._begins = True

    def act(
        self, observation: Float[np.ndarray, "*N O"], generator: np.random.Generator
    ) -> Float32[np.ndarray, "*N A"]:
        """Draw an action for each observation; an agent that is not stochastic draws nothing."""
        if self.normalization is not None:
            observation = self.normalization.apply(observation)
        if not self.stochastic:
            return self._predict(observation, deterministic=True)
        import torch  # takes seconds; this module is imported by each job's Snakemake

        # The libraries draw from PyTorch's generator, or from a key of their own.
        seed = int(generator.integers(2**31))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if hasattr(self.agent.policy, "noise_key"):
                self.agent.policy.key = _jax_key(seed)
            return self._predict(observation, deterministic=False)

    def _predict(
        self, observation: Float[np.ndarray, "*N O"], *, deterministic: bool
    ) -> Float32[np.ndarray, "*N A"]:
        action, self._memory = self.agent.predict(
            observation,
            state=self._memory,
            episode_start=np.full(math.prod(observation.shape[:-1]), self._begins),
            deterministic=deterministic,
        )
        self._begins = False
        return np.asarray(action, dtype=np.float32)


@dataclasses.dataclass(frozen=True)
class Normalization:
    """Statistics of observations, as SB3's VecNormalize keeps them.

    Attributes:
        mean, variance: of each dimension.
        epsilon: number added to the variance.
        clip: largest absolute normalised number.
    """

    mean: Float[np.ndarray, "O"]
    variance: Float[np.ndarray, "O"]
    epsilon: float
    clip: float

    def apply(self, observation: Float[np.ndarray, "*N O"]) -> Float32[np.ndarray, "*N O"]:
        """Normalise observations as VecNormalize does."""
        scaled = (observation - self.mean) / np.sqrt(self.variance + self.epsilon)
        return np.clip(scaled, -self.clip, self.clip).astype(np.float32)


def read_normalization(path: StrPath, observation_dim: int) -> Normalization:
    """Read the file that `VecNormalize.save` wrote, without running code from it.

    Raises:
        TTOError: the file is missing, another file, or of another number of dimensions.
    """
    try:
        state = read_state(path)
        statistics = state["obs_rms"].state
        mean, variance = array_in(statistics["mean"]), array_in(statistics["var"])
        epsilon, clip = float(state["epsilon"]), float(state["clip_obs"])
        if not (mean.shape == variance.shape == (observation_dim,)):
            raise ValueError(f"{mean.size} dimensions in place of {observation_dim}")
        usable = np.isfinite(mean).all() and np.isfinite(variance + epsilon).all()
        if not (usable and (variance + epsilon > 0).all() and clip > 0):
            raise ValueError("statistics that are not finite and positive")
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise TTOError(
            f"{path}: expected the statistics of {observation_dim} observation dimensions, as "
            f"VecNormalize.save writes them, got {kind_of(path)} ({one_line(error)}); save them "
            "again and correct agent: normalization"
        ) from error
    return Normalization(mean, variance, epsilon, clip)


def _jax_key(seed: int) -> Any:
    import jax  # pyright: ignore[reportMissingImports]  # comes with SBX

    return jax.random.PRNGKey(seed)


def load_sb3_agent(
    path: StrPath,
    algorithm: str,
    sha256: str,
    *,
    deterministic: bool | None = None,
    normalization: StrPath | None = None,
) -> SB3Agent:
    """Load a zip that an agent's `save` wrote. Loading can run code from the file.

    Args:
        path: the zip.
        algorithm: name of the agent's class (`SAC`, `PPO`, `TQC`, ...). Of stable_baselines3,
            sb3_contrib and sbx, the first that has the class and can load the file is used.
        sha256: SHA-256 of the file that the user trusts.
        deterministic: whether the agent takes its mean action; None means that it draws its actions
            unless its algorithm is one of `DETERMINISTIC`.
        normalization: the file of a VecNormalize that the agent was trained with; None where it saw
            observations as they are.

    Raises:
        TTOError: the file is missing, is not the trusted one or cannot be loaded, no library has
            the algorithm, or its agents have no distribution to draw from.
    """
    if deterministic is None:
        deterministic = algorithm in DETERMINISTIC
    elif not deterministic and algorithm in DETERMINISTIC:
        raise TTOError(
            f"agent: expected deterministic: true for {algorithm}, whose agents have no "
            "distribution of actions, got false; take the key out, and set collect: noise"
        )
    if not Path(path).is_file():
        raise TTOError(
            f"{path}: expected a Stable-Baselines3 zip, found no such file; correct agent: path"
        )
    if (found := content_digest(path)) != sha256:
        raise TTOError(
            f"{path}: expected the SHA-256 {sha256!r} of agent: sha256, got {found}; loading runs "
            "code from the file, so state its SHA-256 there only if you trust it"
        )
    reasons = []
    for library in LIBRARIES:
        try:
            loader = getattr(importlib.import_module(library), algorithm, None)
        except ImportError:
            continue
        if loader is None:
            continue
        try:
            agent = loader.load(path)
        except Exception as error:  # whatever unpickling a foreign file raises
            reasons.append(f"{library}: {one_line(error)}")
            continue
        statistics = None
        if normalization is not None:
            statistics = read_normalization(normalization, math.prod(agent.observation_space.shape))
        return SB3Agent(agent, stochastic=not deterministic, normalization=statistics)
    if reasons:
        raise TTOError(
            f"{path}: expected an agent of {algorithm}, got {kind_of(path)}, that it cannot load "
            f"({'; '.join(reasons)}); name the algorithm that wrote it"
        )
    raise TTOError(
        f"agent: expected a library with the algorithm {algorithm!r}, found none installed among "
        f"{', '.join(LIBRARIES)}; install the one that wrote {path}"
    )
