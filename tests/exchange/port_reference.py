"""A reference: the port of the official code in `transformers` 4.35.2, with random weights."""

import warnings

import pytest
import torch

from tto.exchange.port import port_sizes
from tto.model.transformer import ModelConfig

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it uses deprecated functions of torch
    transformers = pytest.importorskip("transformers", exc_type=ImportError)
    if transformers.__version__ != "4.35.2":
        pytest.skip("later versions than transformers 4.35.2 lack it", allow_module_level=True)
    PortConfig = transformers.TrajectoryTransformerConfig
    Port = transformers.TrajectoryTransformerModel


def port_of(config: ModelConfig) -> torch.nn.Module:
    """A port with the sizes of `config`, in evaluation mode."""
    return Port(PortConfig(**port_sizes(config))).eval()


def randomise(network: torch.nn.Module, generator: torch.Generator) -> None:
    """Set random weights; GPT's initial weights are too small to make all terms matter."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.3, generator=generator)


@torch.no_grad()
def port_logits(port: torch.nn.Module, tokens: torch.Tensor) -> torch.Tensor:
    """The port's logits, without its cache, which is wrong."""
    return port(tokens, use_cache=False, return_dict=True).logits
