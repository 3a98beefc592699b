"""The Trajectory Transformer: a GPT decoder over transition tokens (section 3.1, appendix A).

Tokens are bin numbers 0..V-1; this module adds the offset V*i of equation 1 to select an embedding.
Losses, optimisers, edges of bins and planning are elsewhere. The only randomness is dropout, which
is drawn from a generator; without a generator there is no dropout.

Letters: B batch, L tokens, D tokens a transition, V bins, C channels, H heads, K head size.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from tto.errors import TTOError
from tto.fields import Between, check_fields
from tto.model.attention import DropoutSource, causal_attention, dropout, past
from tto.model.weights_file import check_tensors
from tto.tokens.discretizer import MOST_TOKENS

# From the layer's number, queries, keys and values, each (B, H, L, K), to values (B, H, L, K).
Attend = Callable[[int, Tensor, Tensor, Tensor], Tensor]
# Smallest log-deviation of a Gaussian output, in units of half a dimension's range: a quarter of a
# bin if there are a hundred.
_LEAST_LOG_DEVIATION = -5.3


@dataclass(frozen=True)
class ModelConfig:
    """Sizes and variants of a Trajectory Transformer.

    Attributes:
        vocabulary: number of bins of a dimension, V.
        layers, heads, width: number of blocks, attention heads and channels C.
        dropout: probability of dropping an element.
        dropout_at: "block" drops once, at the end of each block (appendix A). "gpt" drops the
            embedding, the attention and both residual branches (the official code).
        input: "tokens" gives each bin an embedding (section 3.1). "values" maps the bin's centre
            linearly, so that the input is continuous like a Gaussian output, which it requires; the
            vocabulary should be large then, since the centres are those of V equal bins.
        output: "shared" is one layer of V logits for all dimensions (appendix A). "per_dimension"
            is a head for each of the D dimensions (the official code). "gaussian" is a head for
            each dimension that predicts the mean and deviation of a Gaussian on the bins' centres
            instead of V free logits, to measure what free logits gain; it requires bins of equal
            width and no mask token.
        attend_values: whether tokens may attend to past reward-to-go tokens; if so, later tokens
            copy them. The paper does not say, the official code forbids it.
        position: "learned" is a vector for each position (GPT). "factored" is the sum of a vector
            for the dimension and one for the time step.
        block_tokens: largest number of input tokens; the block has floor(block_tokens / D) whole
            transitions.
        max_transitions: largest number of transitions in a block for any D (10 in the official
            code), or None.
        stop_token: whether a token V, the same for all dimensions and with its own logit, follows
            the end of a terminated episode (the official code).
        goal: whether sequences begin with the state to reach (section 3.2), padded to a transition.

    Raises:
        TTOError: a value is of another type or out of range, or values contradict each other.
    """

    observation_dim: Annotated[int, Between(1, 10_000)]
    action_dim: Annotated[int, Between(1, 10_000)]
    vocabulary: Annotated[int, Between(1, MOST_TOKENS)]
    layers: Annotated[int, Between(1, 1000)] = 4
    heads: Annotated[int, Between(1, 10_000)] = 6
    width: Annotated[int, Between(1, 100_000)] = 192
    dropout: Annotated[float, Between(0, 1, open_high=True)] = 0.1
    dropout_at: Literal["block", "gpt"] = "block"
    input: Literal["tokens", "values"] = "tokens"
    output: Literal["shared", "per_dimension", "gaussian"] = "shared"
    attend_values: bool = False
    position: Literal["learned", "factored"] = "learned"
    block_tokens: Annotated[int, Between(1, 10_000_000)] = 512
    max_transitions: Annotated[int, Between(1)] | None = None
    stop_token: bool = False
    goal: bool = False

    def __post_init__(self) -> None:
        check_fields(self, "model")
        if self.width % self.heads:
            raise TTOError(
                f"model: expected width divisible by heads, got {self.width} and {self.heads}"
            )
        if self.output == "gaussian" and self.stop_token:
            raise TTOError(
                "model: expected output shared or per_dimension with a stop token, which no "
                "Gaussian can predict, got gaussian; set model.stop_token to false"
            )
        if self.input == "values" and self.output != "gaussian":
            raise TTOError(
                "model: expected output gaussian with input values, got "
                f"{self.output}; set model.output to gaussian or model.input to tokens"
            )
        if self.block_transitions < 1 + self.goal:
            raise TTOError(
                f"model: expected a whole transition of {self.transition_dim} tokens"
                f"{' after the goal' if self.goal else ''} in a block, got block_tokens "
                f"{self.block_tokens}; raise model.block_tokens"
            )

    @property
    def transition_dim(self) -> int:
        """Number of tokens of a transition, D."""
        return self.observation_dim + self.action_dim + 2

    @property
    def logits(self) -> int:
        """Number of logits of a token: V, plus one if there is a stop token."""
        return self.vocabulary + self.stop_token

    @property
    def block_transitions(self) -> int:
        """Number of transitions that fit into the block."""
        fitting = self.block_tokens // self.transition_dim
        return fitting if self.max_transitions is None else min(fitting, self.max_transitions)

    @property
    def block_size(self) -> int:
        """Number of tokens in `block_transitions` transitions."""
        return self.block_transitions * self.transition_dim


class DecoderBlock(nn.Module):
    """Attention, then a two-layer perceptron; each reads a layer norm and is added to its input."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.branch_dropout = config.dropout if config.dropout_at == "gpt" else 0.0
        self.end_dropout = config.dropout
        self.attention_norm = nn.LayerNorm(width)
        self.attention_in = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp_in = nn.Linear(width, 4 * width)
        self.mlp_out = nn.Linear(4 * width, width)

    def forward(
        self,
        x: Float[Tensor, "B L C"],
        attend: Callable[[Tensor, Tensor, Tensor], Tensor],
        generator: DropoutSource | None = None,
    ) -> Float[Tensor, "B L C"]:
        B, L, C = x.shape
        qkv = self.attention_in(self.attention_norm(x)).view(B, L, 3, self.heads, C // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, H, L, K)
        attended = attend(q, k, v).transpose(1, 2).reshape(B, L, C)
        x = x + dropout(self.attention_out(attended), self.branch_dropout, generator)
        hidden = self.mlp_out(F.gelu(self.mlp_in(self.mlp_norm(x))))
        return x + dropout(hidden, self.end_dropout, generator)


class TrajectoryTransformer(nn.Module):
    """A network that computes the logits of each next token of a trajectory."""

    def __init__(self, config: ModelConfig, *, generator: torch.Generator | None = None) -> None:
        """Initialise as GPT does: normal weights with deviation 0.02, zero biases."""
        super().__init__()
        self.config = config
        D, V, C = config.transition_dim, config.vocabulary, config.width
        # values need a slope for each dimension, tokens a vector for each bin
        rows = D if config.input == "values" else D * V + config.stop_token
        self.token_embedding = nn.Embedding(rows, C)
        positions = config.block_size if config.position == "learned" else config.block_transitions
        self.position_embedding = nn.Embedding(positions, C)
        self.dimension_embedding = nn.Embedding(D, C) if config.position == "factored" else None
        self.blocks = nn.ModuleList(DecoderBlock(config) for _ in range(config.layers))
        self.output_norm = nn.LayerNorm(C)
        heads = 1 if config.output == "shared" else D
        outputs = 2 if config.output == "gaussian" else config.logits
        self.output = nn.Parameter(torch.empty(heads, outputs, C))
        self._initialise(generator)

    def _initialise(self, generator: torch.Generator | None) -> None:
        for name, parameter in self.named_parameters():
            if parameter.ndim < 2:
                nn.init.constant_(parameter, 1.0 if name.endswith("norm.weight") else 0.0)
            else:
                nn.init.normal_(parameter, std=0.02, generator=generator)

    def forward(
        self,
        tokens: Int[Tensor, "B L"],
        *,
        generator: DropoutSource | None = None,
    ) -> Float[Tensor, "B L V"]:
        """Logits of token l+1 given tokens 0..l, for l = 0..L-1.

        Args:
            tokens: sequences that begin with the first token of a transition.
            generator: draws the dropout masks; None turns dropout off. "global" is PyTorch's own
                generator and dropout, which `torch.compile` needs.

        Raises:
            TTOError: more tokens than fit into the block.
        """
        config = self.config
        length = tokens.shape[1]
        if length > config.block_size:
            raise TTOError(f"model: expected at most {config.block_size} tokens, got {length}")
        attention_dropout = config.dropout if config.dropout_at == "gpt" else 0.0
        seen = None if config.attend_values else attended(length, config, tokens.device)

        def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            return causal_attention(q, k, v, seen=seen, p=attention_dropout, generator=generator)

        x = self.embed(tokens)
        if config.dropout_at == "gpt":
            x = dropout(x, config.dropout, generator)
        return self.logits(self.run_blocks(x, attend, generator))

    def embed(self, tokens: Int[Tensor, "B L"], *, start: int = 0) -> Float[Tensor, "B L C"]:
        """Input vectors of tokens at positions start..start+L-1."""
        config = self.config
        positions = torch.arange(start, start + tokens.shape[1], device=tokens.device)
        dimensions = positions % config.transition_dim
        if config.input == "values":
            slopes = self.token_embedding(dimensions)
            x = self._centers(tokens.device)[tokens][..., None] * slopes
        else:
            x = self.token_embedding(self._embedded(tokens, dimensions))
        if self.dimension_embedding is None:
            return x + self.position_embedding(positions)
        steps = positions // config.transition_dim
        return x + self.position_embedding(steps) + self.dimension_embedding(dimensions)

    def _embedded(
        self, tokens: Int[Tensor, "B L"], dimensions: Int[Tensor, " L"]
    ) -> Int[Tensor, "B L"]:
        """Rows of the embedding: token + V*i (equation 1), or the last row for the stop token."""
        rows = tokens + dimensions * self.config.vocabulary
        if not self.config.stop_token:
            return rows
        return rows.masked_fill_(
            tokens == self.config.vocabulary, self.token_embedding.num_embeddings - 1
        )

    def run_blocks(
        self, x: Float[Tensor, "B L C"], attend: Attend, generator: DropoutSource | None = None
    ) -> Float[Tensor, "B L C"]:
        """Run all blocks; the caller supplies the attention (cached or not)."""
        for layer, block in enumerate(self.blocks):
            x = block(x, lambda q, k, v, layer=layer: attend(layer, q, k, v), generator)
        return x

    def logits(self, x: Float[Tensor, "B L C"], *, start: int = 0) -> Float[Tensor, "B L V"]:
        """Logits of the tokens that follow positions start..start+L-1."""
        x = self.output_norm(x)
        if self.config.output == "shared":
            return F.linear(x, self.output[0])
        D = self.config.transition_dim
        B, L, C = x.shape
        if L == 1:
            return self._bin_logits(F.linear(x, self.output[(start + 1) % D]))
        # Position l needs the head of dimension (l + 1) mod D: pad to whole transitions.
        before, after = start % D, -(start + L) % D
        x = F.pad(x, (0, 0, before, after)).view(B, -1, D, C)
        logits = torch.einsum("btdc,dvc->btdv", x, self.output.roll(-1, dims=0))
        return self._bin_logits(logits.flatten(1, 2)[:, before : before + L])

    def _bin_logits(self, outputs: Float[Tensor, "B L outputs"]) -> Float[Tensor, "B L V"]:
        """Logits from the heads' outputs: the outputs themselves, or the log of a Gaussian."""
        if self.config.output != "gaussian":
            return outputs
        centers = self._centers(outputs.device)
        mean, raw = outputs.float().unbind(dim=-1)
        log_deviation = _LEAST_LOG_DEVIATION + F.softplus(raw - _LEAST_LOG_DEVIATION)
        return -0.5 * ((centers - mean[..., None]) * torch.exp(-log_deviation)[..., None]).square()

    def _centers(self, device: torch.device) -> Float[Tensor, " V"]:
        """Centres of the V bins, in units of half a dimension's range."""
        V = self.config.vocabulary
        return (torch.arange(V, device=device) + 0.5) * (2 / V) - 1


def network_of(config: ModelConfig, tensors: Mapping[str, Tensor]) -> TrajectoryTransformer:
    """Make a network with the given weights, in training mode.

    The weights decide: a config of other sizes is refused before memory for them is allocated.

    Raises:
        TTOError: a tensor is missing, unknown, or of another shape or type.
    """
    layers = len({name.split(".")[1] for name in tensors if name.startswith("blocks.")})
    if layers != config.layers:
        raise TTOError(
            f"weights: expected {config.layers} layers, as model.layers says, got {layers}; take "
            "config and weights from the same model"
        )
    with torch.device("meta"):
        check_tensors(tensors, TrajectoryTransformer(config).state_dict())
    network = TrajectoryTransformer(config)
    network.load_state_dict(tensors)
    return network


def attention_mask(L: int, config: ModelConfig, device: torch.device) -> Bool[Tensor, "L L"]:
    """True where a row may attend to a column: the past, without hidden reward-to-go tokens."""
    return past(L, device) & attended(L, config, device)


def attended(L: int, config: ModelConfig, device: torch.device) -> Bool[Tensor, " L"]:
    """Return a mask of L tokens, True where later tokens may attend to the token."""
    seen = torch.ones(L, dtype=torch.bool, device=device)
    if not config.attend_values:
        seen[config.transition_dim - 1 :: config.transition_dim] = False
    return seen


def attended_count(L: int, config: ModelConfig) -> int:
    """How many of the first L tokens later tokens may attend to."""
    return L if config.attend_values else L - L // config.transition_dim
