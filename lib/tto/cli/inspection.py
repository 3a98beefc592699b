"""`tto inspect`: describe a dataset, token file, model, checkpoint or rollout on one screen."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tto.analysis.heads import PATTERNS
from tto.analysis.predictions import SOURCES
from tto.analysis.value_spread import VANISHED, value_spread
from tto.cli import other_files
from tto.data.d4rl import REQUIRED, cut_rows, find_columns
from tto.data.environments import normalized_score
from tto.data.episodes import open_dataset
from tto.errors import TTOError, one_line
from tto.evaluation.rollout import Rollout
from tto.evaluation.rollout_file import read_rollout
from tto.exchange.pretrained import read_source
from tto.files import StrPath, check_is_no_pointer
from tto.hdf5 import matrix, read_hdf5
from tto.model.trained import load
from tto.model.weights_file import CONFIG, WEIGHTS
from tto.report.numbers.dataset_statistics import returns_and_lengths
from tto.report.numbers.overtraining import held_out
from tto.tokens.discretizer import Discretizer
from tto.tokens.token_file import TokenAttributes, read_token_file

Lines = list[tuple[str, str]]  # pairs of a label and a value


def inspect(path: StrPath) -> Lines:
    """Describe the file or folder at `path`, as pairs of a label and a value.

    Raises:
        TTOError: the path does not exist, or is damaged or of an unknown kind.
    """
    path = Path(path)
    if not path.exists():
        raise TTOError(f"{path}: expected a file or folder, found none; check the name")
    if path.is_file():
        check_is_no_pointer(path)
    try:
        return _reader(path)(path)
    except (TTOError, OSError, MemoryError):
        raise
    except Exception as error:  # damaged and foreign files may fail in any way
        raise TTOError(
            f"{path}: expected a whole file of this project or of an import, got one that cannot "
            f"be read ({type(error).__name__}: {one_line(error)}); make it or fetch it again"
        ) from error


def _reader(path: Path) -> Callable[[Path], Lines]:
    if path.name in (WEIGHTS, CONFIG) and "format_version" in other_files.stored_config(
        path.parent
    ):
        reader = _reader(path.parent)  # a part of a model
        return lambda path: reader(path.parent)
    if path.is_dir() and (path / "data").is_dir():
        return _dataset
    if path.is_dir() and other_files.is_baseline(path):
        return other_files.baseline
    if path.is_dir() and "format_version" in other_files.stored_config(path):
        return _model
    if path.is_dir() and other_files.is_run(path):
        return other_files.run
    if other_files.is_unfinished_training(path):
        return other_files.unfinished_training
    if path.is_file() and path.suffix in (".h5", ".hdf5"):
        return _hdf5
    if path.is_dir() or path.suffix in (".pt", ".pth", ".bin", ".safetensors"):
        return _checkpoint
    if path.suffix in other_files.TEXTS:
        return other_files.text
    raise TTOError(
        f"{path}: expected a dataset, token file, rollout (.h5, .hdf5), model, baseline, run, "
        "checkpoint or table, got another kind of file; name the folder that holds it"
    )


def _dataset(path: Path) -> Lines:
    dataset = open_dataset(path)
    returns, lengths = returns_and_lengths(dataset)
    return [
        ("dataset", dataset.name),
        ("environment", f"{dataset.env_id} ({_sizes(dataset)})"),
        ("episodes", f"{len(returns):,}"),
        ("transitions", f"{lengths.sum():,}"),
        ("length", _spread(lengths)),
        ("return", _spread(returns)),
        *_score(dataset.env_id, float(returns.mean())),
        ("size", _bytes(dataset.data_file)),
    ]


def _hdf5(path: Path) -> Lines:
    with read_hdf5(path, expected="a whole HDF5 file", remedy="make it again") as file:
        names = sorted(file)
    if "tokens" in names:
        return _tokens(path)
    if "plan_seconds" in names:
        return _rollout(path)
    if set(REQUIRED) <= set(names):
        return _d4rl(path)
    if set(SOURCES) <= set(names) or set(names) & set(PATTERNS):  # of the analysis
        return other_files.arrays(path)
    raise TTOError(
        f"{path}: expected a token file, a rollout or D4RL's arrays {', '.join(REQUIRED)}, got an "
        f"HDF5 file with {names[:8]}; for a dataset in Minari's format, name its folder"
    )


def _d4rl(path: Path) -> Lines:
    with read_hdf5(path, expected="a file in D4RL's layout", remedy="make it again") as file:
        columns = find_columns(path, file)
        cut = cut_rows(path, columns, on_jumps="cut")
        rewards = matrix(columns["rewards"][()], f"{path}: rewards")[:, 0].astype(float)
        sizes = [columns[name].shape[1:] for name in ("observations", "actions")]
    ends = cut.ends
    lines = [
        ("file", f"{path.name}, in D4RL's layout"),
        ("an observation", f"{math.prod(sizes[0])} numbers"),
        ("an action", f"{math.prod(sizes[1])} numbers"),
        ("episodes", f"{len(ends):,}, {cut.terminals.sum():,} of them terminated"),
        ("transitions", f"{len(rewards):,}"),
    ]
    if len(ends):
        lengths = np.diff(ends, prepend=0)
        lines += [
            (
                "left over",
                f"{len(rewards) - ends[-1]:,} transitions after the last end, which are ignored",
            ),
            ("length", _spread(lengths)),
            ("return", _spread(np.add.reduceat(rewards[: ends[-1]], ends - lengths))),
        ]
    return [*lines, ("size", _bytes(path))]


def _tokens(path: Path) -> Lines:
    file = read_token_file(path)
    lengths = np.diff(file.episode_starts)
    used = [len(np.unique(column)) for column in file.tokens.T]
    return [
        ("token file", path.name),
        *_meaning(file.attributes),
        ("episodes", f"{len(lengths):,}, {file.terminated.sum():,} of them terminated"),
        ("transitions", f"{len(file.tokens):,}"),
        ("tokens", f"{file.tokens.size:,}"),
        ("length", _spread(lengths)),
        ("bins used", f"{min(used)} to {max(used)} of {file.attributes.token_count} per dimension"),
        *_ranges(file.discretizer, file.attributes),
        ("source", file.source_digest[:16]),
        ("size", _bytes(path)),
    ]


def _rollout(path: Path) -> Lines:
    rollout, attributes = read_rollout(path)
    end = "terminated" if rollout.terminated else "truncated by a time limit"
    return [
        ("rollout", path.name),
        ("dataset", f"{attributes['dataset']} ({attributes['source']})"),
        ("method", f"{attributes['method']}, seed {attributes['seed']}"),
        ("environment", f"{attributes['env_id']}, reset with seed {attributes['evaluation_seed']}"),
        ("length", f"{len(rollout.rewards)} transitions, {end}"),
        ("return", f"{rollout.total_reward:.1f}"),
        *_score(attributes["env_id"], rollout.total_reward),
        ("time of a plan", f"{attributes['plan_ms_alone']:.1f} ms for a single episode (median)"),
        ("in a batch", _batch_plan(rollout)),
    ]


def _batch_plan(rollout: Rollout) -> str:
    """Median time to plan for all running episodes of the run, and the number of those."""
    least, most = rollout.batch.min(), rollout.batch.max()
    episodes = f"{most}" if least == most else f"{least} to {most}"
    return f"{1000 * np.median(rollout.plan_seconds):.1f} ms for {episodes} in parallel (median)"


def _model(path: Path) -> Lines:
    model = load(path)
    config = model.config
    stored = json.loads((path / "config.json").read_text())
    heads = (
        "one shared" if config.output == "shared" else f"{config.transition_dim}, one per dimension"
    )
    return [
        ("model", path.name),
        *_meaning(model.tokens),
        ("network", f"{config.layers} layers, {config.heads} heads, width {config.width}"),
        ("parameters", f"{sum(p.numel() for p in model.network.parameters()):,}"),
        ("output layer", heads),
        ("positions", config.position),
        ("block", f"{config.block_transitions} transitions, {config.block_size} tokens"),
        ("rewards-to-go", "attended to" if config.attend_values else "hidden from attention"),
        ("stop token", "yes" if config.stop_token else "no"),
        ("goal", "at the start of each sequence" if config.goal else "no"),
        *_ranges(model.discretizer, model.tokens),
        *_training(path, stored),
        ("size", _bytes(path / "model.safetensors")),
    ]


def values_of_actions(path: StrPath, data: StrPath) -> Lines:
    """Measure how much a model's predicted values depend on the action, one line per context.

    Raises:
        TTOError: the paths are no model and token file, or their sizes differ.
    """
    model, file = load(path), read_token_file(data)
    contexts = sorted({0, min(3, model.config.block_transitions - 1)})
    spreads = [value_spread(model, file, context=context) for context in contexts]
    lines = [
        (
            f"value, context {spread.context}",
            f"differs by {', '.join(f'{value:.3g}' for value in spread.expected)} between actions "
            f"at planned transition {_counted(len(spread.expected))}",
        )
        for spread in spreads
    ]
    largest = max(float(spread.expected.max()) for spread in spreads)
    least = min(float(spread.expected.min()) for spread in spreads)
    return [*lines, ("it can plan", _sight(least, largest))]


def _sight(least: float, largest: float) -> str:
    """Whether a search can plan with values of these spreads."""
    if least >= VANISHED * largest:
        return "yes: the value depends on the action at each depth"
    return (
        "only in part: where the value hardly depends on the action, the search follows noise; "
        "see docs/planning.md"
    )


def _counted(number: int) -> str:
    """The numbers from 1 to `number` as a list in words."""
    *most, last = map(str, range(1, number + 1))
    return f"{', '.join(most)} and {last}" if most else last


def _training(path: Path, stored: dict[str, Any]) -> Lines:
    lines = [("seed", str(stored["seed"]))] if "seed" in stored else []
    metrics = path / "metrics.csv"
    if metrics.is_file():
        names, *rows = (line.split(",") for line in metrics.read_text().splitlines())
        if rows:
            last = dict(zip(names, rows[-1], strict=False))
            lines.append(("updates", last.get("update", "?")))
        if loss := held_out(metrics):
            lines.append(("held-out loss", loss.text() if loss.rose else f"{loss.last:.3f}"))
    return lines


def _checkpoint(path: Path) -> Lines:
    source = read_source(path)
    for name in ("head.weight", "pos_emb"):
        if name not in source.tensors:
            raise TTOError(f"{path}: expected weights with {name}, found none; is the file whole?")
    head, position = source.tensors["head.weight"], source.tensors["pos_emb"]
    numbers = sum(t.numel() for t in source.tensors.values() if t.is_floating_point())
    known = [f"{name} {value}" for name, value in sorted(source.known.items())]
    return [
        ("checkpoint", str(source.path)),
        ("layout", source.layout.name),
        ("parameters", f"{numbers:,}"),
        ("output layer", " x ".join(map(str, head.shape))),
        ("positions", str(position.shape[-2])),
        ("config", "; ".join(known) or "none found"),
        ("bins", str(source.bins.name) if source.bins else "none beside it"),
        ("to use it", f"tto import {path} MODEL"),
    ]


def _meaning(tokens: TokenAttributes) -> Lines:
    includes = "including" if tokens.to_go_includes_reward else "without"
    penalty = "" if tokens.terminal_penalty is None else f", penalty {tokens.terminal_penalty:g}"
    to_go = f"discount {tokens.discount:g}, {includes} its own reward{penalty}"
    if tokens.rewards_ignored:
        to_go = "none: the tokens hold no rewards"
    return [
        ("dataset", tokens.dataset),
        ("environment", f"{tokens.env} ({_sizes(tokens)})"),
        ("a transition", f"{tokens.transition_dim} tokens, each with {tokens.vocabulary} bins"),
        ("bins", tokens.discretizer + (", and a mask token" if tokens.mask_token else "")),
        ("reward-to-go", to_go),
    ]


def _ranges(discretizer: Discretizer, tokens: TokenAttributes) -> Lines:
    edges, O, A = discretizer.edges, tokens.observation_dim, tokens.action_dim
    parts = {
        "observations": edges[:O],
        "actions": edges[O : O + A],
        "rewards": edges[-2:-1],
        "rewards-to-go": edges[-1:],
    }
    return [
        (f"range of {name}", f"{rows[:, 0].min():.4g} to {rows[:, -1].max():.4g}")
        for name, rows in parts.items()
    ]


def _sizes(data: Any) -> str:
    return f"{data.observation_dim} observation and {data.action_dim} action dimensions"


def _score(env_id: str, episode_return: float) -> Lines:
    score = normalized_score(env_id, episode_return)
    return [] if score is None else [("score", f"{score:.1f} (D4RL's scale)")]


def _spread(values: np.ndarray) -> str:
    return (
        f"{values.mean():,.1f} on average, {values.std():,.1f} standard deviation, "
        f"{values.min():,.1f} to {values.max():,.1f}"
    )


def _bytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:,.1f} MB"
