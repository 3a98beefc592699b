"""The port of the official code in `transformers` 4.35.2, for comparing times."""

import torch
from torch import Tensor, nn

from tto.model.transformer import ModelConfig


class Port(nn.Module):
    """The port with our model's interface; its dropout uses torch's global generator."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        from transformers import (  # type: ignore[import-not-found]
            TrajectoryTransformerConfig,
            TrajectoryTransformerModel,
        )

        sizes = TrajectoryTransformerConfig(
            vocab_size=config.vocabulary,
            observation_dim=config.observation_dim,
            action_dim=config.action_dim,
            transition_dim=config.transition_dim,
            block_size=config.block_size,
            n_layer=config.layers,
            n_head=config.heads,
            n_embd=config.width,
            embd_pdrop=config.dropout,
            attn_pdrop=config.dropout,
            resid_pdrop=config.dropout,
        )
        self.model = TrajectoryTransformerModel(sizes).train()
        self.blocks = self.model.blocks  # whose matrices decay

    def forward(self, tokens: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        return self.model(tokens, return_dict=True).logits


def port_is_here() -> bool:
    """Whether transformers 4.35.2 can be imported."""
    try:
        import transformers  # type: ignore[import-not-found]
    except ImportError:
        return False
    return transformers.__version__ == "4.35.2"
