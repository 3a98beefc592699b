"""The overlay that `tto new` writes: a user's data in place of the demo's, and fitting sizes."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tto.cli.new_data import NewData
from tto.config.check import EXPERIMENTS
from tto.config.file import read_config_file
from tto.config.settings import datasets_of
from tto.errors import TTOError, shown

CONFIG = Path("config/config.yaml")  # in the folder of the workflow
# The demo's model learns from nine million tokens, in windows of six transitions.
_TOKENS = 9_000_000
# Passes over few data: more than these teach it by heart, unless there are too few updates.
_PASSES, _MOST_PASSES, _UPDATES = 12, 30, 1_200
_TRANSITIONS, _FEWEST = 6, 3  # in a window: wanted, and at least
_MOST_WINDOW = 512  # tokens
_CLONED = 1_280_000  # transitions that behaviour cloning sees: 5,000 updates
_MOST_CLONING_PASSES = 100
_ROLLOUTS = 10  # three, the demo's, decide little
_ROWS = 10  # least rows of a training curve


@dataclass(frozen=True)
class NewRun:
    """A run of new data.

    Attributes:
        name: name of the run and of its dataset.
        data: the dataset.
        overlay: what differs from `CONFIG`, as the overlay says it.
        updates: updates of the Transformer's training.
    """

    name: str
    data: NewData
    overlay: dict[str, Any]
    updates: int

    @property
    def transition_dim(self) -> int:
        """D, the tokens of a transition."""
        return self.data.observation_dim + self.data.action_dim + 2

    def section(self, base: Mapping[str, Any], name: str) -> dict[str, Any]:
        """Settings of a section as the workflow will merge them."""
        return {**base[name], **self.overlay.get(name, {})}


def read_base() -> dict[str, Any]:
    """The workflow's config, which an overlay differs from.

    Raises:
        TTOError: this is not the folder of the workflow.
    """
    if not CONFIG.is_file():
        raise TTOError(
            f"{CONFIG}: expected the workflow's config, found none; go to the folder of the "
            "workflow, where Snakefile is"
        )
    return read_config_file(CONFIG)


def run_name(name: str | None, data: NewData) -> str:
    """The run's name: the given one, or one from the name of the data or environment.

    Raises:
        TTOError: the given one cannot be a name.
    """
    if name is not None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", name):
            raise TTOError(
                f"--name: expected letters, digits and _ . - only, got {shown(name)}; choose "
                "another"
            )
        return name
    source = data.name if data.lengths else data.env_id
    stem = re.sub(r"\.(hdf5|h5)$", "", re.split(r"[/:]", source.rstrip("/"))[-1])
    return re.sub(r"[^a-z0-9_.-]+", "-", stem.lower()).strip("-._")[:50] or "mine"


def new_run(name: str, data: NewData, base: Mapping[str, Any]) -> NewRun:
    """Choose sizes and lengths of training by the size and the dimensions of the data.

    A window holds six transitions, since three are seen and three are planned, but at most 512
    tokens. A model sees nine million tokens, but no transition more than twelve times, or thirty
    times where the data are so few that twelve passes make too few updates.
    """
    D = data.observation_dim + data.action_dim + 2
    T = max(_FEWEST, min(_TRANSITIONS, _MOST_WINDOW // D))
    least = _UPDATES * base["training"]["batch_size"] * T / data.transitions  # passes
    passes = min(_TOKENS / (D * data.transitions), max(_PASSES, min(_MOST_PASSES, least)))
    training = {**base["training"], "epochs": _rounded(passes)}
    updates = math.ceil(training["epochs"] * data.transitions / T / training["batch_size"])
    changed: dict[str, Any] = {"epochs": training["epochs"]}
    if updates < 10 * training["warmup_updates"]:
        changed["warmup_updates"] = max(1, updates // 10)
    if updates < _ROWS * training["evaluate_every"]:
        changed["evaluate_every"] = max(1, updates // _ROWS)
    if len(data.lengths) == 1:
        changed["held_out_fraction"] = 0.0
    overlay: dict[str, Any] = {
        "run": name,
        "datasets": {**dict.fromkeys(datasets_of(base)), name: data.entry},
        "seeds": [0],
        "rollouts": _ROLLOUTS,
        "model": {"block_tokens": T * D},
        "training": changed,
        "behavior_cloning": {
            "epochs": _rounded(min(_MOST_CLONING_PASSES, _CLONED / data.transitions))
        },
        **{
            experiment: {"datasets": dict.fromkeys(others)}
            for experiment in EXPERIMENTS
            if (others := datasets_of(base, experiment))
        },
    }
    if base["planning"]["context"] >= T:
        overlay["planning"] = {"context": T - 1}
    return NewRun(name, data, overlay, updates)


def _rounded(number: float) -> float | int:
    """Two digits; an integer from 10 up."""
    digits = 1 - math.floor(math.log10(number))
    rounded = round(number, digits)
    return int(rounded) if rounded >= 10 else max(rounded, 0.0001)


def overlay_text(run: NewRun, *, file: str) -> str:
    """The overlay as YAML, with comments that say why."""
    overlay, data, D = run.overlay, run.data, run.transition_dim
    T = overlay["model"]["block_tokens"] // D
    dims = f"{data.observation_dim} + {data.action_dim} + 2"
    lines = [
        f"# {data.name}: written by `tto new`; change what you like.",
        f"#   snakemake --cores all --configfile {file}",
        "# All other keys, with their values and what they mean: config/config.yaml.",
        *(f"# {note}" for note in describe(data)),
        "",
        f"run: {_yaml(run.name)} # results go to results/{run.name}/",
        "",
        "datasets:",
        *(
            f"  {name}: null # takes the demo's dataset out"
            for name, entry in overlay["datasets"].items()
            if entry is None
        ),
        f"  {_yaml(run.name)}:",
        *(f"    {key}: {_yaml(value)}{_WHY.get(key, '')}" for key, value in data.entry.items()),
        "",
        "seeds: [0] # one model; [0, 1, 2] trains three, which gives intervals",
        f"rollouts: {_ROLLOUTS} # episodes that each method plays with each model",
        "",
        f"# A transition has {dims} = {D} tokens: observation, action, reward, reward-to-go.",
        f"# A window has {T} transitions: {_TRANSITIONS}, three seen and three planned, if they",
        f"# fit into {_MOST_WINDOW} tokens.",
        f"model: {{block_tokens: {overlay['model']['block_tokens']}}}",
    ]
    if "planning" in overlay:
        lines += [f"planning: {{context: {overlay['planning']['context']}}} # as many fit"]
    lines += [
        "",
        f"# The data have {D * data.transitions:,} tokens. A model of this size learns from about",
        f"# {_TOKENS:,}. After more than {_PASSES} passes it learns few data by heart; up to",
        f"# {_MOST_PASSES} are made where {_PASSES} would be less than {_UPDATES:,} updates.",
        "training:",
        *(f"  {key}: {value}{_WHY.get(key, '')}" for key, value in overlay["training"].items()),
        "# Behaviour cloning, for comparison: about 5,000 updates.",
        f"behavior_cloning: {{epochs: {overlay['behavior_cloning']['epochs']}}}",
        "",
        "# The demo's other experiments are not about these data.",
        *(
            f"{experiment}: {_yaml(overlay[experiment])}"
            for experiment in EXPERIMENTS
            if experiment in overlay
        ),
    ]
    return "\n".join(lines) + "\n"


_WHY = {
    "max_steps": " # the time limit of an episode",
    "unfinished": " # keeps episodes without an end",
    "transitions": " # as many are collected",
    "epochs": " # passes over the data",
    "warmup_updates": " # a tenth of the updates",
    "evaluate_every": " # updates between the points of the training curves",
    "held_out_fraction": " # a single episode cannot be split",
}


def describe(data: NewData) -> list[str]:
    """Size of the data, its environment and what to know, a line each."""
    env = (
        f"{data.env_id}: {data.observation_dim} numbers are observed, {data.action_dim} "
        f"{'is' if data.action_dim == 1 else 'are'} chosen, at most {data.limit:,} steps"
    )
    if not data.lengths:
        return [env, f"uniform actions collect {data.transitions:,} transitions", *data.notes]
    mean, best = sum(data.returns) / len(data.returns), max(data.returns)
    size = (
        f"{len(data.lengths):,} episode{'s' if len(data.lengths) > 1 else ''}, "
        f"{data.transitions:,} transitions; return {mean:,.1f} on average, {best:,.1f} at most"
    )
    return [size, env, *data.notes]


def _yaml(value: Any) -> str:
    """A value in YAML's flow style on one line; a text that YAML could misread is quoted."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_yaml(key)}: {_yaml(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z/][\w./-]*", value):
        return value if value.lower() not in _WORDS else f'"{value}"'
    return json.dumps(value, ensure_ascii=False)


_WORDS = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")
