"""Training recipes on the same tokens and CPU seconds: what does each second teach?

    python benchmarks/recipes.py [--recipes v1 official ours one two before] [--seconds 300 1200] \
        [--seeds 0 1 2] [--episodes 0] [--output docs/figures/recipes]

`v1`, `official` and `ours` are the model and training sections of config/paper.yaml,
config/official.yaml and config/config.yaml, at the sizes of config.yaml with windows of six
transitions. `one` and `two` are ours with windows of one and of two transitions. The action loss of
`one` is what a state alone can tell, to which the first place of a window compares; imitation plans
two. `before` is ours as it once was: half of the learning rate, which falls as a cosine, no short
windows, no stop token, and torch's attention.

Each training's updates are its seconds over the cost of an update, which is measured first, so that
the seconds spent differ a little. The schedule ends with the last update. v1 and official warm up
over 5 % of the updates, as in the paper (2000 of some 39,000), the others over 100 updates.

Models and behaviour cloning are trained on 100,000 transitions that are collected here (20,000 of
the humanoid) and judged on another collection, by the loss of each kind of token (observations
without the first place of a window), the loss of actions at the first place and at later places,
and the root mean square of predicted less recorded actions: the Transformer predicts its
expectation for each dimension, given those before it, cloning its output. With `--episodes`, both
also play: the Transformer by planning, on first states that no run reports.

Each training is a process with one thread. Rows are appended to <output>.csv as they come;
trainings that are already in the file are not run again. Models stay in the data's folder.
"""

import argparse
import copy
import csv
import dataclasses
import itertools
import math
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from matplotlib.figure import Figure

from tto.baselines.behavior_cloning import load_behavior_cloning, train_behavior_cloning
from tto.baselines.networks import NetworkPolicy
from tto.data.collect import collect, dataset_kind
from tto.data.episodes import EpisodeDataset, open_dataset, write_dataset
from tto.evaluation.rollout import Policy, evaluate, evaluation_seeds
from tto.model import native_attention
from tto.model.device import precision_named
from tto.model.trained import TrainedModel, save
from tto.model.transformer import ModelConfig
from tto.planning.controller import Controller
from tto.report.drawing.style import PAGE_WIDTH, SEQUENCE, paper_style, save_figure
from tto.tokens.token_file import TokenFile, read_token_file
from tto.tokens.tokenize import tokenize_dataset, transition_matrix
from tto.training.config import TrainingConfig, training_config
from tto.training.distributed import ProcessGroup
from tto.training.held_out import held_out_losses
from tto.training.loss import next_token_losses
from tto.training.smooth_bins import fold
from tto.training.state import TrainingState
from tto.training.windows import Windows

ROOT = Path(__file__).parents[1]
CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text())
DATASETS = {  # environment, transitions
    "hopper-medium-replay-v2": ("Hopper-v5", 100_000),
    "walker2d-medium-replay-v2": ("Walker2d-v5", 100_000),
    "walker2d-expert-v2": ("Walker2d-v5", 100_000),
    "humanoid-medium-v2": ("tto/Humanoid-v5", 20_000),
}
# The recipes' files in config/.
RECIPES = {"v1": "paper", "official": "official", "ours": "config"}
RECIPES |= {"one": "config", "two": "config", "before": "config"}
WINDOWS = {"one": 1, "two": 2}  # transitions of a window, where they are not those of SIZES
SIZES = {name: CONFIG["model"][name] for name in ("layers", "heads", "width")}
SIZES |= {"block_tokens": 512, "max_transitions": 6}
NO_PLANNER = ("overrides", "precision")  # of the section planning, not of `Controller`
TEST_WINDOWS = 2048
OFFSET = 800_000  # offset of the reset seeds, which differs from those of trials and of results
LOSSES = ("loss", "observation", "action", "reward", "reward_to_go", "first_action", "later_action")
ERRORS = ("action_error", "cloning_error", "return", "cloning_return")
COLUMNS = ("dataset", "recipe", "seed", "seconds", "cpu_seconds", "updates", "tokens")
COLUMNS += LOSSES + ERRORS


def settings_of(recipe: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Model and training sections of a recipe."""
    overlay = yaml.safe_load((ROOT / f"config/{RECIPES[recipe]}.yaml").read_text())
    model, training = (
        copy.deepcopy(CONFIG[part]) | overlay[part] for part in ("model", "training")
    )
    training |= {"held_out_fraction": 0.0, "evaluate_every": 10**9}
    training["precision"] = precision_named("auto", "cpu")  # the same for all recipes
    for key in ("threads", "processes", "overrides"):
        del training[key]
    sizes = dict(SIZES)
    if recipe in WINDOWS:  # as many tokens in an update
        sizes |= {"max_transitions": WINDOWS[recipe]}
        training["batch_size"] *= SIZES["max_transitions"] // WINDOWS[recipe]
        training |= {"short_windows": 0.0}
    if recipe == "before":
        training |= {"learning_rate": 5e-3, "short_windows": 0.0}
        training |= {"learning_rate_plateau": 0.0, "learning_rate_decay": "cosine"}
        sizes |= {"stop_token": False}
    return model | sizes, training


def start(file: TokenFile, recipe: str, *, updates: int, seed: int) -> TrainingState:
    """The start of a training of that many updates."""
    model, settings = settings_of(recipe)
    attributes = file.attributes
    config = ModelConfig(
        observation_dim=attributes.observation_dim,
        action_dim=attributes.action_dim,
        vocabulary=attributes.token_count,
        **model,
    )
    training: TrainingConfig = training_config(settings)
    if RECIPES[recipe] != "config":
        optimizer = dataclasses.replace(training.optimizer, warmup_updates=round(0.05 * updates))
        training = dataclasses.replace(training, optimizer=optimizer)
    state = TrainingState(
        file, config, training, seed=seed, device=torch.device("cpu"), group=ProcessGroup()
    )
    state.updates = updates
    return state


def trained(file: TokenFile, recipe: str, *, seconds: float, seed: int) -> tuple[Any, float]:
    """The training state after about as many CPU seconds, and the seconds that it took."""
    trial = start(file, recipe, updates=10**5, seed=seed)
    trial.advance()
    cost, stages = 0.0, 8
    for stage in range(stages):  # the cost of an update may differ from stage to stage
        trial.update = stage * trial.updates // stages + 1
        started, done = time.process_time(), 0
        while time.process_time() - started < 0.01 * seconds:
            trial.advance()
            done += 1
        cost += (time.process_time() - started) / done / stages
    state = start(file, recipe, updates=max(1, round(seconds / cost)), seed=seed)
    started = time.process_time()
    while not state.finished:
        state.advance()
    spent = time.process_time() - started
    fold(state.network)
    return state, spent


def test_windows(file: TokenFile, episodes: EpisodeDataset, transitions: int) -> Windows:
    """All windows of the test episodes, in the training data's bins."""
    settings = file.attributes.reward_settings
    rows = [file.discretizer.encode(transition_matrix(e, **settings)) for e in episodes]
    lengths = [len(part) for part in rows]
    test = dataclasses.replace(
        file,
        tokens=np.concatenate(rows),
        episode_starts=np.append(0, np.cumsum(lengths)),
        terminated=np.zeros(len(rows), dtype=bool),
        goals=np.zeros((len(rows), file.attributes.observation_dim), dtype=file.tokens.dtype),
    )
    owners = np.repeat(np.arange(len(rows)), lengths)
    return Windows(test, np.arange(sum(lengths)), owners, transitions)


def judged(state: TrainingState, windows: Windows) -> dict[str, float]:
    """Losses in nats a token and the error of expected actions on test windows."""
    network, config = state.network, state.network.config
    O, A = config.observation_dim, config.action_dim
    centers = torch.as_tensor(windows.file.discretizer.centers[O : O + A], dtype=torch.float32)
    errors: list[np.ndarray] = []

    def losses(chosen: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        tokens, counted = (torch.from_numpy(array) for array in windows.gather(chosen))
        logits = network(tokens[:, :-1]).float()
        shares = logits[..., : config.vocabulary].softmax(-1)
        of_steps = (len(tokens), windows.transitions, config.transition_dim)
        actions = tokens.view(of_steps)[:, :, O : O + A]
        for i in range(A):
            expected = shares[:, O + i - 1 :: config.transition_dim] @ centers[i]
            error = (expected - centers[i][actions[:, :, i]]) ** 2
            errors.append(error[counted.view(of_steps)[:, :, O + i]].numpy())
        return next_token_losses(logits, tokens), counted

    sums, counts = held_out_losses(windows, losses, count=TEST_WINDOWS, batch_size=64, seed=0)

    def mean(places: slice, dimensions: slice) -> float:
        count = float(counts[places, dimensions].sum())  # 0: windows of one have no later places
        return float(sums[places, dimensions].sum()) / count if count else math.nan

    everywhere, action = slice(None), slice(O, O + A)
    return {
        "loss": mean(everywhere, everywhere),
        "observation": mean(slice(1, None), slice(O)),
        "action": mean(everywhere, action),
        "reward": mean(everywhere, slice(O + A, O + A + 1)),
        "reward_to_go": mean(everywhere, slice(O + A + 1, None)),
        "first_action": mean(slice(1), action),
        "later_action": mean(slice(1, None), action),
        "action_error": math.sqrt(float(np.concatenate(errors).mean())),
    }


def returned(policy: Policy, env: str, seeds: list[int]) -> float:
    """Mean return of a policy over an episode for each reset seed."""
    return float(np.mean([rollout.total_reward for rollout in evaluate(policy, env, seeds=seeds)]))


def cloned(folder: Path, dataset: str, seed: int) -> NetworkPolicy:
    """Behaviour cloning of a dataset, which is trained if it is missing."""
    path = folder / f"{dataset}-cloning{seed}"
    if path.is_dir():
        return load_behavior_cloning(path)
    settings = {k: v for k, v in CONFIG["behavior_cloning"].items() if k != "overrides"}
    return train_behavior_cloning(open_dataset(folder / dataset), path, seed=seed, **settings)


def collected(folder: Path, dataset: str) -> None:
    """Collect a dataset and its test episodes, and make the tokens, if they are missing."""
    env, transitions = DATASETS[dataset]
    for name, seed in ((dataset, 0), (f"{dataset}-test", 1)):
        if (folder / name).is_dir():
            continue
        episodes = collect(
            env,
            dataset_kind(dataset),
            transitions=transitions if seed == 0 else transitions // 5,
            seed=seed,
            noise=0.1,
            actors=ROOT / "resources/actors",
        )
        write_dataset(folder / name, episodes, env_id=env, algorithm="-", description="-")
    if not (folder / f"{dataset}.h5").exists():
        tokenize_dataset(
            open_dataset(folder / dataset),
            folder / f"{dataset}.h5",
            name=dataset,
            **{k: v for k, v in CONFIG["discretizer"].items() if k != "kind"},
            discretizer=CONFIG["discretizer"]["kind"],
            discount=CONFIG["discount"],
        )


def train(
    folder: Path, dataset: str, recipe: str, seed: int, seconds: float, episodes: int
) -> None:
    """Train one model and print its row."""
    torch.set_num_threads(1)
    if recipe == "before":
        native_attention.fits = lambda *_: False  # type: ignore[assignment]
    file = read_token_file(folder / f"{dataset}.h5")
    state, spent = trained(file, recipe, seconds=seconds, seed=seed)
    config = state.network.config
    model = TrainedModel(state.network, file.discretizer, file.attributes)
    save(folder / f"models/{dataset}/{recipe}-{seed}-{seconds:g}s", model, extra={})
    test = open_dataset(folder / f"{dataset}-test")
    row = judged(state, test_windows(file, test, config.block_transitions))
    policy = cloned(folder, dataset, seed)
    errors = [policy.act(e.observations[:-1]) - e.actions for e in test]
    row |= {
        "dataset": dataset,
        "recipe": recipe,
        "seed": seed,
        "seconds": seconds,
        "cpu_seconds": round(spent, 1),
        "updates": state.updates,
        "tokens": state.updates * state.training.batch_size * config.block_size,
        "cloning_error": math.sqrt(float((np.concatenate(errors) ** 2).mean())),
        "return": math.nan,
        "cloning_return": math.nan,
    }
    if episodes:
        seeds = evaluation_seeds(seed=seed, rollouts=episodes, offset=OFFSET)
        settings = {k: v for k, v in CONFIG["planning"].items() if k not in NO_PLANNER}
        planner = Controller(model, seed=seeds, **settings)
        env = DATASETS[dataset][0]
        row["return"] = returned(planner, env, seeds)
        row["cloning_return"] = returned(policy, env, seeds)
    shown = (f"{row[name]:.4f}" if name in LOSSES + ERRORS else row[name] for name in COLUMNS)
    csv.writer(sys.stdout).writerow(shown)


def draw(rows: pd.DataFrame, output: Path) -> None:
    """Plot the losses against CPU seconds: a row for each kind, a panel for each dataset."""
    kinds = ("action", "loss")
    with paper_style():
        figure = Figure(figsize=(PAGE_WIDTH, 3.6))
        datasets = list(dict.fromkeys(rows["dataset"]))
        panels = figure.subplots(len(kinds), len(datasets), squeeze=False, sharex=True)
        for column, dataset in enumerate(datasets):
            part = rows.loc[rows["dataset"] == dataset]
            panels[0, column].set_title(dataset.removesuffix("-v2"), loc="left", fontsize=7)
            for color, recipe in zip(SEQUENCE, RECIPES, strict=False):
                means = part.loc[part["recipe"] == recipe].groupby("seconds")
                seconds = means["cpu_seconds"].mean().to_numpy()
                for axis, kind in zip(panels[:, column], kinds, strict=True):
                    losses = means[kind].mean().to_numpy()
                    axis.plot(seconds, losses, "o-", color=color, label=recipe)
                    axis.set_xscale("log")
        budgets = sorted(set(rows["seconds"]))
        for axis in panels[-1]:
            axis.set_xlabel("processor seconds")
            axis.set_xticks(budgets, [f"{seconds:g}" for seconds in budgets])
            axis.minorticks_off()
        for axis, kind in zip(panels[:, 0], kinds, strict=True):
            axis.set_ylabel(f"{'all tokens' if kind == 'loss' else 'actions'} (nats)")
        panels[0, -1].legend(loc="upper left")  # where budgets have no points
        save_figure(figure, [output.with_suffix(".png"), output.with_suffix(".pdf")], dpi=150)


def main() -> None:
    """Train what is missing, then draw and print the means over seeds."""
    parser = argparse.ArgumentParser(description="Compare training recipes.")
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), choices=list(RECIPES))
    parser.add_argument("--datasets", nargs="+", default=list(DATASETS), choices=list(DATASETS))
    parser.add_argument("--seconds", type=float, nargs="+", default=[300.0, 1200.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--episodes", type=int, default=0, help="episodes that each model plays")
    parser.add_argument("--output", type=Path, default=ROOT / "docs/figures/recipes")
    parser.add_argument("--data", type=Path, default=ROOT / "results/benchmarks/recipes")
    parser.add_argument("--train", nargs=4, metavar=("DATASET", "RECIPE", "SEED", "SECONDS"))
    arguments = parser.parse_args()
    if arguments.train:
        dataset, recipe, seed, seconds = arguments.train
        train(arguments.data, dataset, recipe, int(seed), float(seconds), arguments.episodes)
        return
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    table = arguments.output.with_suffix(".csv")
    if not table.exists():
        table.write_text(",".join(COLUMNS) + "\n")
    names = ["seed", "seconds", "dataset", "recipe"]
    done = set(pd.read_csv(table)[names].itertuples(index=False, name=None))
    for seed, seconds, dataset, recipe in itertools.product(
        arguments.seeds, arguments.seconds, arguments.datasets, arguments.recipes
    ):
        if (seed, seconds, dataset, recipe) in done:
            continue
        collected(arguments.data, dataset)
        command = [sys.executable, __file__, "--data", str(arguments.data)]
        command += ["--episodes", str(arguments.episodes)]
        command += ["--train", dataset, recipe, str(seed), str(seconds)]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        with open(table, "a") as file:
            file.write(output)
    rows = pd.read_csv(table)
    draw(rows, arguments.output)
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}")
    means = rows.groupby(["dataset", "seconds", "recipe"], sort=False)[list(COLUMNS[4:])].mean()
    print(pd.DataFrame(means).to_string(float_format="%.3f"))


if __name__ == "__main__":
    main()
