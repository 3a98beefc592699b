"""The official recipe's model against the port in `transformers` 4.35.2, with the same weights.

The port is only correct without its cache. Its head i reads position i of a transition and predicts
the next token, as our head of dimension i + 1 does.
"""

import pytest
import torch
from port_reference import port_logits, port_of, randomise

from tto.errors import TTOError
from tto.exchange.port import to_port
from tto.model.transformer import ModelConfig, TrajectoryTransformer

O, A, V = 5, 3, 20
D = O + A + 2


@pytest.mark.parametrize("training", [False, True])
def test_logits_equal_the_port(training):
    config = ModelConfig(
        observation_dim=O,
        action_dim=A,
        vocabulary=V,
        layers=3,
        heads=4,
        width=32,
        output="per_dimension",
        attend_values=False,
        dropout_at="gpt",
        stop_token=True,
        max_transitions=10,
    )
    generator = torch.Generator().manual_seed(0)
    network = TrajectoryTransformer(config, generator=generator)
    randomise(network, generator)
    port = port_of(config)
    port.load_state_dict(to_port(network))
    tokens = torch.randint(V, (4, config.block_size), generator=generator)
    tokens[2:, 7 * D :] = V  # two sequences have stopped
    with torch.set_grad_enabled(training):  # training uses another kernel for attention
        ours = network(tokens)
    theirs = port_logits(port, tokens)
    assert ours.shape == theirs.shape == (4, config.block_size, V + 1)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attend_values": True}, "got model.attend_values: true"),
        ({"output": "gaussian"}, "got model.output: gaussian"),
        ({"output": "gaussian", "input": "values"}, "got model.output: gaussian"),
    ],
)
def test_models_that_the_port_cannot_represent_are_refused(settings, message):
    config = ModelConfig(observation_dim=O, action_dim=A, vocabulary=V, layers=1, **settings)
    network = TrajectoryTransformer(config, generator=torch.Generator().manual_seed(0))
    with pytest.raises(TTOError, match=message):
        to_port(network)
