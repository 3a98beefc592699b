"""Three training recipes on the same tokens: held-out loss against processor seconds.

    python benchmarks/recipes.py [--tokens 4e6] [--seeds 0 1 2] [--output docs/figures/recipes]

The recipes are the training and model sections of config/paper.yaml (v1), config/official.yaml and
config/config.yaml (ours), at the demo's layers, heads, width and block. Schedules are scaled to the
run: v1 and official warm up over 5 % of the updates, as in the paper (2000 of some 39,000). v1 and
official train on --tokens tokens, ours on a quarter of them, where its schedule ends. Two datasets
of 100k transitions are collected first and discretised by uniform bins.

Each training is a process with one thread. Rows are appended to <output>.csv as they come;
trainings that are already in the file are not run again.
"""

import argparse
import copy
import csv
import dataclasses
import itertools
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import yaml
from matplotlib.figure import Figure

from tto.data.collect import collect, dataset_kind
from tto.data.episodes import open_dataset, write_dataset
from tto.model.device import precision_named
from tto.model.transformer import ModelConfig
from tto.report.drawing.style import PAGE_WIDTH, SEQUENCE, paper_style, save_figure
from tto.tokens.token_file import TokenFile, read_token_file
from tto.tokens.tokenize import tokenize_dataset
from tto.training.config import TrainingConfig, training_config
from tto.training.distributed import ProcessGroup
from tto.training.state import TrainingState

ROOT = Path(__file__).parents[1]
DATASETS = {"hopper-medium-replay-v2": "Hopper-v5", "halfcheetah-medium-v2": "HalfCheetah-v5"}
RECIPES = {"v1": "paper", "official": "official", "ours": "config"}
SHARES = {"v1": 1.0, "official": 1.0, "ours": 0.25}
POINTS = 30
COLUMNS = ("dataset", "recipe", "seed", "update", "tokens", "cpu_seconds", "held_out_loss")


def settings_of(recipe: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Model and training sections of a recipe, at the demo's size."""
    base = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    merged = copy.deepcopy(base)
    overlay = yaml.safe_load((ROOT / f"config/{RECIPES[recipe]}.yaml").read_text())
    for section in ("model", "training"):
        merged[section] |= overlay[section]
    sizes = ("layers", "heads", "width", "block_tokens", "max_transitions")
    model = merged["model"] | {name: base["model"][name] for name in sizes}
    training = merged["training"] | {"held_out_fraction": 0.05}
    training["precision"] = precision_named("auto", "cpu")  # the same for all recipes
    for name in ("threads", "processes", "overrides"):
        del training[name]
    return model, training


def make_run(file: TokenFile, recipe: str, *, tokens: float, seed: int) -> TrainingState:
    """The training of a recipe on `tokens` tokens."""
    model, settings = settings_of(recipe)
    attributes = file.attributes
    config = ModelConfig(
        observation_dim=attributes.observation_dim,
        action_dim=attributes.action_dim,
        vocabulary=attributes.token_count,
        **model,
    )
    training: TrainingConfig = training_config(settings | {"epoch": "tokens"})
    updates = round(tokens / (training.batch_size * config.block_size))
    if recipe != "ours":
        optimizer = dataclasses.replace(training.optimizer, warmup_updates=round(0.05 * updates))
        training = dataclasses.replace(training, optimizer=optimizer)
    training = dataclasses.replace(
        training,
        epochs=tokens / (0.95 * file.tokens.size),
        evaluate_every=max(1, updates // POINTS),
        evaluation_windows=512,
    )
    return TrainingState(
        file, config, training, seed=seed, device=torch.device("cpu"), group=ProcessGroup()
    )


def train(path: Path, dataset: str, recipe: str, seed: int, tokens: float) -> None:
    """Train, and print a row at each evaluation; seconds of evaluations do not count."""
    torch.set_num_threads(1)
    run = make_run(read_token_file(path), recipe, tokens=SHARES[recipe] * tokens, seed=seed)
    writer = csv.writer(sys.stdout)
    seconds = 0.0
    while not run.finished:
        started = time.process_time()
        last = run.seconds
        row = run.advance()
        # When an update ends with an evaluation, `run.seconds` counts the update alone.
        spent = time.process_time() - started
        seconds += spent if row is None else min(spent, run.seconds - last)
        if row is not None:
            loss = f"{row['held_out_loss']:.4f}"
            writer.writerow(
                [dataset, recipe, seed, run.update, row["tokens"], f"{seconds:.1f}", loss]
            )
            sys.stdout.flush()


def collected(folder: Path, dataset: str) -> Path:
    """Path of the dataset's token file, which is made if it is missing."""
    path = folder / f"{dataset}.h5"
    if not path.exists():
        env = DATASETS[dataset]
        episodes = collect(
            env,
            dataset_kind(dataset),
            transitions=100_000,
            seed=0,
            noise=0.1,
            actors=ROOT / "resources/actors",
        )
        write_dataset(folder / dataset, episodes, env_id=env, algorithm="-", description="-")
        tokenize_dataset(
            open_dataset(folder / dataset),
            path,
            name=dataset,
            discretizer="uniform",
            bins=100,
            discount=0.99,
        )
    return path


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Final loss of v1, and seconds until the other recipes reach it, for each dataset and seed."""
    lines = []
    pairs = itertools.product(rows.dataset.unique(), rows.seed.unique())
    for dataset, seed in pairs:
        part = rows[(rows.dataset == dataset) & (rows.seed == seed)]
        runs = {str(recipe): run for recipe, run in part.groupby("recipe")}
        final = runs["v1"].iloc[-1]
        line = {"dataset": dataset, "seed": seed, "v1": final.held_out_loss}
        line["v1 seconds"] = final.cpu_seconds
        for recipe in ("official", "ours"):
            run = runs[recipe]
            line[recipe] = run.held_out_loss.iloc[-1]
            reached = run.cpu_seconds[run.held_out_loss <= final.held_out_loss]
            line[f"{recipe} seconds to v1"] = reached.min()
        line["share"] = line["ours seconds to v1"] / final.cpu_seconds
        lines.append(line)
    return pd.DataFrame(lines)


def draw(rows: pd.DataFrame, output: Path) -> None:
    """Plot the loss against processor seconds: a panel for each dataset, a line for each seed."""
    with paper_style():
        figure = Figure(figsize=(PAGE_WIDTH, 2.6))
        axes = figure.subplots(1, rows.dataset.nunique(), squeeze=False)[0]
        for axis, (dataset, part) in zip(axes, rows.groupby("dataset"), strict=True):
            for color, recipe in zip(SEQUENCE, RECIPES, strict=False):
                for seed, run in part[part.recipe == recipe].groupby("seed"):
                    label = recipe if seed == part.seed.min() else None
                    axis.plot(run.cpu_seconds, run.held_out_loss, color=color, label=label)
            axis.set_xscale("log")
            axis.set_xlabel("processor seconds")
            axis.set_title(str(dataset), loc="left")
        axes[0].set_ylabel("held-out loss (nats per token)")
        axes[0].legend()
        save_figure(figure, [output.with_suffix(".png"), output.with_suffix(".pdf")], dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare training recipes.")
    parser.add_argument("--tokens", type=float, default=4e6)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--output", type=Path, default=ROOT / "docs/figures/recipes")
    parser.add_argument("--data", type=Path, default=ROOT / "results/benchmarks/recipes")
    parser.add_argument("--train", nargs=3, metavar=("DATASET", "RECIPE", "SEED"))
    arguments = parser.parse_args()
    if arguments.train:
        dataset, recipe, seed = arguments.train
        path = collected(arguments.data, dataset)
        train(path, dataset, recipe, int(seed), arguments.tokens)
        return
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    table = arguments.output.with_suffix(".csv")
    if not table.exists():
        table.write_text(",".join(COLUMNS) + "\n")
    for seed, dataset, recipe in itertools.product(arguments.seeds, DATASETS, RECIPES):
        done = pd.read_csv(table)
        if ((done.dataset == dataset) & (done.recipe == recipe) & (done.seed == seed)).any():
            continue
        collected(arguments.data, dataset)
        command = [sys.executable, __file__, "--train", dataset, recipe, str(seed)]
        command += ["--tokens", str(arguments.tokens), "--data", str(arguments.data)]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        with open(table, "a") as file:
            file.write(output)
        draw(pd.read_csv(table), arguments.output)
    rows = pd.read_csv(table)
    draw(rows, arguments.output)
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}")
    print(summary(rows).to_string(index=False, float_format="%.3f"))


if __name__ == "__main__":
    main()
