"""A trained model with its bins, and its folder on disk."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Integer
from safetensors import SafetensorError

from tto.errors import TTOError, one_line
from tto.files import StrPath, check_is_no_pointer
from tto.model.device import check_device
from tto.model.planner_file import PLANNER, read_planner, write_planner
from tto.model.transformer import ModelConfig, TrajectoryTransformer, network_of
from tto.model.weights_file import CONFIG, WEIGHTS, read_config, read_weights, write_weights
from tto.tokens.arrays import mask_array, real_array, token_array
from tto.tokens.discretizer import Discretizer
from tto.tokens.token_file import TokenAttributes, mask_tokens

FORMAT_VERSION = 1
_EDGES = "discretizer.edges"


@dataclass(frozen=True)
class TrainedModel:
    """A Trajectory Transformer with all that planning needs.

    Attributes:
        network: the Transformer, over tokens.
        discretizer: edges of the bins, which turn values into tokens and back.
        tokens: source dataset, sizes and encoding of the tokens.
        planner: settings that `tto.Controller` takes where it is given no others; empty for its
            own defaults.

    Raises:
        TTOError: sizes of the network, the bins and the tokens differ.
    """

    network: TrajectoryTransformer
    discretizer: Discretizer
    tokens: TokenAttributes
    planner: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tokens, config, bins = self.tokens, self.network.config, self.discretizer
        for what, expected, got in (
            ("model.observation_dim", tokens.observation_dim, config.observation_dim),
            ("model.action_dim", tokens.action_dim, config.action_dim),
            ("model.vocabulary", tokens.token_count, config.vocabulary),
            ("bins of dimensions", tokens.transition_dim, bins.dimensions),
            ("bins of a dimension", tokens.vocabulary, bins.vocabulary),
            ("kind of bins", tokens.discretizer, bins.kind),
        ):
            if got != expected:
                raise TTOError(
                    f"model: expected the {what} to be {expected}, as its tokens have, got {got}; "
                    "take all parts from the same training"
                )

    @property
    def config(self) -> ModelConfig:
        """The network's sizes and variants."""
        return self.network.config

    def with_planner(self, changes: Mapping[str, Any]) -> "TrainedModel":
        """The same model with some settings of its planner replaced; None is a setting, too."""
        return replace(self, planner={**self.planner, **changes})

    def encode(
        self,
        observations: Float[np.ndarray, "T O"],
        actions: Float[np.ndarray, "T A"],
        rewards: Float[np.ndarray, " T"],
        rewards_to_go: Float[np.ndarray, " T"],
        *,
        observed: Bool[np.ndarray, "T O"] | None = None,
    ) -> Integer[np.ndarray, "T D"]:
        """Turn T transitions into tokens (bin numbers 0..V-1).

        If the model was trained without rewards, rewards and rewards-to-go are replaced by 0.

        Args:
            observed: False where a dimension is hidden; it becomes the mask token V. None if
                nothing is hidden.

        Raises:
            TTOError: shapes that do not fit the model, NaN or infinite values.
        """
        O, A = self.tokens.observation_dim, self.tokens.action_dim
        columns = [
            real_array(observations, "encode: observations", ("T", O)),
            real_array(actions, "encode: actions", ("T", A)),
        ]
        T = len(columns[0])
        for name, values in (("rewards", rewards), ("rewards_to_go", rewards_to_go)):
            column = real_array(values, f"encode: {name}", ("T",))
            columns.append(column[:, None])
        if self.tokens.rewards_ignored:
            columns[2:] = [np.zeros_like(column) for column in columns[2:]]
        if any(len(column) != T for column in columns):
            raise TTOError(
                f"encode: expected as many actions, rewards and rewards_to_go as observations, "
                f"got {[len(column) for column in columns]}"
            )
        tokens = self.discretizer.encode(np.hstack(columns))
        if observed is None:
            return tokens
        observed = mask_array(observed, "encode: observed", (T, O))
        return mask_tokens(tokens, observed, self.tokens.vocabulary)

    def encode_goals(self, goals: Float[np.ndarray, "B O"]) -> Integer[np.ndarray, "B D"]:
        """Tokens of observations to reach, padded by zeros to a transition (section 3.2).

        Raises:
            TTOError: goals of another length than the model's observations, NaN or infinite values.
        """
        goals = real_array(goals, "goals", ("B", self.tokens.observation_dim))
        tokens = self.discretizer.encode(goals).astype(np.int64)
        return np.pad(tokens, ((0, 0), (0, self.config.transition_dim - tokens.shape[1])))

    @torch.inference_mode()
    def log_probs(self, tokens: Integer[np.ndarray, "T D"]) -> Float[np.ndarray, "T*D V"]:
        """Log-probabilities of each next token: row l is for token l+1 given tokens 0..l.

        Raises:
            TTOError: tokens that are no integers or outside 0..V-1, which would read another
                dimension's embedding, no transition, or more of them than fit into the block.
        """
        checked = token_array(
            tokens, "tokens", ("T", self.config.transition_dim), below=self.config.logits
        )
        if not len(checked):
            raise TTOError("tokens: expected at least one transition, got none")
        flat = torch.from_numpy(checked.reshape(1, -1)).to(self.network.output.device)
        logits = self.network(flat)[0, :, : self.config.vocabulary]
        return logits.float().log_softmax(dim=-1).cpu().numpy()


def save(folder: StrPath, model: TrainedModel, *, extra: dict[str, Any]) -> None:
    """Write model.safetensors (weights and edges) and config.json into `folder`.

    A model with settings of a planner also gets planner.json.

    Args:
        extra: further entries of config.json.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: t.detach().cpu().contiguous() for name, t in model.network.state_dict().items()
    }
    tensors[_EDGES] = torch.from_numpy(model.discretizer.edges.astype(np.float64))
    stored = {
        "format_version": FORMAT_VERSION,
        "model": asdict(model.config),
        "tokens": asdict(model.tokens),
        **extra,
    }
    write_weights(folder, tensors, stored)
    if model.planner:
        write_planner(folder / PLANNER, model.planner)


def is_model(folder: StrPath) -> bool:
    """Whether a folder holds a model that `save` wrote, perhaps a damaged one; never fails."""
    try:
        stored = read_config(Path(folder))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(stored, dict) and {"format_version", "model", "tokens"} <= set(stored)


def load(folder: StrPath, *, device: str = "cpu") -> TrainedModel:
    """Load the model in a folder that `save` wrote.

    Raises:
        TTOError: files are missing, damaged, of another format version or do not fit together, or
            there is no such device.
    """
    if not isinstance(folder, str | os.PathLike):
        raise TTOError(f"load: expected the path of a folder, got {type(folder).__name__}")
    check_device(device)
    folder = Path(folder)
    for name in (CONFIG, WEIGHTS):
        if not os.path.isfile(folder / name):  # also where the path is too long to be one
            raise TTOError(
                f"model {folder}: expected {name} in it, found none; train it first, or import "
                "a checkpoint of another implementation by tto import"
            )
    try:
        for name in (CONFIG, WEIGHTS):
            check_is_no_pointer(folder / name)
        stored = read_config(folder)
        if stored.get("format_version") != FORMAT_VERSION:
            raise TTOError(
                f"model {folder}: expected format_version {FORMAT_VERSION}, "
                f"got {stored.get('format_version')!r:.80}; train it again, update the package, or "
                "import a checkpoint of another implementation by tto import"
            )
        tensors = read_weights(folder, stored)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise _damaged(folder, error) from error
    planner = read_planner(folder)
    try:
        config = ModelConfig(**stored["model"])
        tokens = TokenAttributes(**stored["tokens"])
        discretizer = Discretizer(tokens.discretizer, tensors.pop(_EDGES).double().numpy())
        network = network_of(config, tensors)
        return TrainedModel(network.to(device).eval(), discretizer, tokens, planner)
    except (ValueError, KeyError, TypeError, RuntimeError, TTOError) as error:
        raise _damaged(folder, error) from error


def _damaged(folder: Path, error: Exception) -> TTOError:
    return TTOError(
        f"model {folder}: expected whole files that fit together, but loading failed "
        f"({one_line(error)}); copy the folder again, or train it again"
    )
