"""A trained model with its bins, and its folder on disk."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Integer
from safetensors import SafetensorError

from tto.errors import TTOError, one_line
from tto.files import StrPath
from tto.model.transformer import ModelConfig, TrajectoryTransformer, network_of
from tto.model.weights_file import CONFIG, WEIGHTS, read_config, read_weights, write_weights
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

    Raises:
        TTOError: sizes of the network, the bins and the tokens differ.
    """

    network: TrajectoryTransformer
    discretizer: Discretizer
    tokens: TokenAttributes

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
        columns = [np.atleast_2d(observations), np.atleast_2d(actions)]
        columns += [np.reshape(rewards, (-1, 1)), np.reshape(rewards_to_go, (-1, 1))]
        if self.tokens.rewards_ignored:
            columns[2:] = [np.zeros_like(column, dtype=float) for column in columns[2:]]
        widths = [column.shape[1] for column in columns]
        expected = [self.tokens.observation_dim, self.tokens.action_dim, 1, 1]
        if widths != expected or len({len(column) for column in columns}) != 1:
            raise TTOError(
                f"encode: expected T rows of {expected} values (observation, action, reward, "
                f"reward-to-go), got shapes {[column.shape for column in columns]}"
            )
        tokens = self.discretizer.encode(np.hstack(columns))
        return tokens if observed is None else mask_tokens(tokens, observed, self.tokens.vocabulary)

    def encode_goals(self, goals: Float[np.ndarray, "B O"]) -> Integer[np.ndarray, "B D"]:
        """Tokens of observations to reach, padded by zeros to a transition (section 3.2)."""
        tokens = self.discretizer.encode(goals).astype(np.int64)
        return np.pad(tokens, ((0, 0), (0, self.config.transition_dim - tokens.shape[1])))

    @torch.inference_mode()
    def log_probs(self, tokens: Integer[np.ndarray, "T D"]) -> Float[np.ndarray, "T*D V"]:
        """Log-probabilities of each next token: row l is for token l+1 given tokens 0..l.

        Raises:
            TTOError: more transitions than fit into the block.
        """
        device = self.network.output.device
        flat = torch.as_tensor(np.asarray(tokens).reshape(1, -1), dtype=torch.long, device=device)
        logits = self.network(flat)[0, :, : self.config.vocabulary]
        return logits.float().log_softmax(dim=-1).cpu().numpy()


def save(folder: StrPath, model: TrainedModel, *, extra: dict[str, Any]) -> None:
    """Write model.safetensors (weights and edges) and config.json into `folder`.

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


def load(folder: StrPath, *, device: str = "cpu") -> TrainedModel:
    """Load the model in a folder that `save` wrote.

    Raises:
        TTOError: files are missing, damaged, of another format version or do not fit together.
    """
    folder = Path(folder)
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise TTOError(
                f"model {folder}: expected {name} in it, found none; train it first, or import "
                "a checkpoint of another implementation by tto import"
            )
    try:
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
    try:
        config = ModelConfig(**stored["model"])
        tokens = TokenAttributes(**stored["tokens"])
        discretizer = Discretizer(tokens.discretizer, tensors.pop(_EDGES).double().numpy())
        network = network_of(config, tensors)
        return TrainedModel(network.to(device).eval(), discretizer, tokens)
    except (ValueError, KeyError, TypeError, RuntimeError, TTOError) as error:
        raise _damaged(folder, error) from error


def _damaged(folder: Path, error: Exception) -> TTOError:
    return TTOError(
        f"model {folder}: expected whole files that fit together, but loading failed "
        f"({one_line(error)}); copy the folder again, or train it again"
    )
