"""The model card of an exported model: its sizes, data, scores, planner, licence and use."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tto.errors import TTOError, shown
from tto.exchange.pretrained import BINS_FILE
from tto.model.trained import TrainedModel

ExportLayout = Literal["transformers", "tto"]
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")


@dataclass(frozen=True)
class Facts:
    """What a card says that is not in the model.

    Attributes:
        data: a sentence on the dataset: its source and size.
        scores: results as (name, number with interval, over what); empty if there are none.
        planner: settings of `tto.Controller` that the scores were got with.
        licence: identifier that the hub knows, such as "mit"; None does not state one.
    """

    data: str = ""
    scores: Sequence[tuple[str, str, str]] = ()
    planner: Mapping[str, Any] = field(default_factory=dict)
    licence: str | None = None

    def __post_init__(self) -> None:
        """Check the licence, which becomes a line of the card's header.

        Raises:
            TTOError: it is no identifier.
        """
        if self.licence is not None and not _IDENTIFIER.fullmatch(self.licence):
            raise TTOError(
                f"license: expected an identifier such as mit or cc-by-4.0, got "
                f"{shown(self.licence)}; the hub lists them"
            )


_CARD = """---
library_name: {library}
pipeline_tag: reinforcement-learning
{licence}tags:
- reinforcement-learning
- offline-rl
- trajectory-transformer
---

# Trajectory Transformer, {dataset}

A Trajectory Transformer ([arXiv:2106.02039](https://arxiv.org/abs/2106.02039)) for `{env}`, trained
on `{dataset}`. It predicts trajectories token by token; beam search with it plans actions.

| | |
|---|---|
| a transition | {D} tokens: {O} of the observation, {A} of the action, reward, reward-to-go |
| bins | {V} a dimension, {kind}; edges in `{bins}` |
| reward-to-go | discount {discount}, {includes} its own reward |
| network | {layers} layers, {heads} heads, width {width}, {parameters:,} parameters |
| block | {transitions} transitions ({tokens} tokens){goal} |

## Data

{data}

## Scores

{scores}

## Planner

{planner}

## Licence

{licence_words}

## Use

{use}

The token of a number x in dimension i is the number of its bin, 0 to {last}: the largest v with
`edges[i, v] <= x`.
"""
_USE_TRANSFORMERS = """With `transformers==4.35.2` (later versions lack the model), uncached:

```python
from safetensors.numpy import load_file
from transformers import TrajectoryTransformerModel

model = TrajectoryTransformerModel.from_pretrained("FOLDER").eval()
edges = load_file("FOLDER/{bins}")["edges"]  # (D, V + 1)
logits = model(tokens, use_cache=False, return_dict=True).logits[:, :, :{V}]
```

Logit {V} belongs to the stop token{stop}. To plan with it, import it into
[this reproduction](https://arxiv.org/abs/2106.02039): `tto import FOLDER MODEL`, then
`tto play MODEL`."""
_USE_TTO = """```python
import tto

controller = tto.Controller(tto.load("FOLDER"){goal}{settings})
action = controller.act(observation)
controller.observe(action, reward)
```

`FOLDER` is this folder, or `hf://USER/NAME`. `tto play FOLDER --video out.mp4` films it."""
_COMPARISON = (
    "Scores on data that was collected locally are not comparable with scores on D4RL's data."
)


def model_card(model: TrainedModel, *, layout: ExportLayout, facts: Facts | None = None) -> str:
    """The README of an exported model.

    Args:
        facts: what is known beside the model; what is not known, the card says so.
    """
    config, tokens, facts = model.config, model.tokens, facts or Facts()
    stop = "" if config.stop_token else ", which this model was trained without: ignore it"
    use = _USE_TRANSFORMERS if layout == "transformers" else _USE_TTO
    bins = BINS_FILE if layout == "transformers" else "model.safetensors (discretizer.edges)"
    settings = facts.planner or {"beam_width": 32, "horizon": 5, "context": 5}
    return _CARD.format(
        library="transformers" if layout == "transformers" else "tto",
        licence=f"license: {facts.licence}\n" if facts.licence else "",
        licence_words=f"`{facts.licence}`" if facts.licence else "Not stated by its author.",
        dataset=tokens.dataset,
        env=tokens.env,
        D=config.transition_dim,
        O=config.observation_dim,
        A=config.action_dim,
        V=model.discretizer.vocabulary,
        kind=tokens.discretizer,
        bins=bins,
        discount=tokens.discount,
        includes="including" if tokens.to_go_includes_reward else "without",
        layers=config.layers,
        heads=config.heads,
        width=config.width,
        parameters=sum(parameter.numel() for parameter in model.network.parameters()),
        transitions=config.block_transitions,
        tokens=config.block_size,
        goal="; the first is the goal's" if config.goal else "",
        last=model.discretizer.vocabulary - 1,
        data=facts.data or f"`{tokens.dataset}`, of `{tokens.env}`; no more is known of it here.",
        scores=_scores(facts),
        planner=_planner(facts),
        use=use.format(
            bins=bins,
            V=config.vocabulary,
            stop=stop,
            goal=', objective="goal", goal=goal' if config.goal else "",
            settings="".join(
                f", {name}={value!r}"
                for name, value in settings.items()
                if name in ("beam_width", "horizon", "context")
            ),
        ),
    )


def _scores(facts: Facts) -> str:
    if not facts.scores:
        return f"Not measured: evaluate the model to see how well it plans. {_COMPARISON}"
    lines = ["| | | |", "|---|---:|---|"]
    lines += [f"| {name} | {number} | {over} |" for name, number, over in facts.scores]
    return "\n".join([*lines, "", _COMPARISON])


def _planner(facts: Facts) -> str:
    if not facts.planner:
        return "Not stated: the settings in the code below are a beginning."
    lines = ["| setting | value |", "|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {value} |" for name, value in facts.planner.items())])
