"""The commands of `tto`; what they do is in the library, which is imported when it is needed."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tto.errors import TTOError
from tto.job import one_line

app = typer.Typer(
    name="tto",
    help="Trajectory Transformers: single things outside the workflow.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Model = Annotated[Path, typer.Argument(help="Folder of a trained or imported model.")]
New = Annotated[Path, typer.Argument(help="Folder to write; it must not exist.")]
Anything = Annotated[
    Path, typer.Argument(help="Dataset, token file, rollout, model or checkpoint.")
]
Checkpoint = Annotated[
    Path, typer.Argument(help="Folder of a checkpoint, or the file with its weights.")
]
Env = Annotated[
    str | None, typer.Option(help="Environment to act in; by default the one it was trained for.")
]
Video = Annotated[Path | None, typer.Option(help="Film the first episode: FILE.mp4 or FILE.gif.")]
Episodes = Annotated[int, typer.Option(min=1, help="Episodes, played in step.")]
Seed = Annotated[int, typer.Option(help="Of the first episode; the next ones count on.")]
MaxSteps = Annotated[
    int | None, typer.Option(min=1, help="Cut episodes short after so many steps.")
]
Config = Annotated[
    Path | None,
    typer.Option(help="Plan as this config of the workflow says; by default the run's own."),
]
BeamWidth = Annotated[int | None, typer.Option(min=1, help="Sequences kept.")]
Horizon = Annotated[int | None, typer.Option(min=1, help="Transitions planned.")]
Context = Annotated[int | None, typer.Option(min=0, help="Past transitions that the model sees.")]
Budget = Annotated[
    float | None, typer.Option(min=0, help="Time for a step, in place of beam width and horizon.")
]
Objective = Annotated[
    Literal["return", "likelihood", "goal"] | None,
    typer.Option(help="What to plan for; by default what it was trained for."),
]
Others = Annotated[
    list[str] | None,
    typer.Option("--set", help="Another setting of planning, NAME=VALUE; repeatable."),
]
Data = Annotated[
    Path | None,
    typer.Option(help="Tokens of a model's dataset: shows how its values depend on actions."),
]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where the model computes.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Processor threads.")]
Bins = Annotated[
    Path | None,
    typer.Option(help="Its bins' edges (.npy, .npz, .h5, ...), or the dataset that they fit."),
]
Dataset = Annotated[str | None, typer.Option(help="What it was trained on.")]
Heads = Annotated[int | None, typer.Option(min=1, help="Attention heads, where no config says it.")]
Discount = Annotated[float | None, typer.Option(min=0, max=1, help="Of its reward-to-go.")]
Layout = Annotated[
    Literal["transformers", "tto"],
    typer.Option(help="Who is to load it: its port there, or tto.load."),
]


def main() -> None:
    """Run a command; bad input ends it with one line and status 1."""
    try:
        app()
    except (TTOError, OSError) as error:
        line = one_line(error)
        if line is None:
            raise
        sys.exit(line)


@app.command()
def plan(
    model: Model,
    env: Env = None,
    video: Video = None,
    episodes: Episodes = 1,
    seed: Seed = 0,
    max_steps: MaxSteps = None,
    config: Config = None,
    beam_width: BeamWidth = None,
    horizon: Horizon = None,
    context: Context = None,
    budget_ms: Budget = None,
    objective: Objective = None,
    others: Others = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Let a model act in its environment by planning; print returns, and film it."""
    if video is not None:
        from tto.evaluation.headless import choose_renderer

        choose_renderer()
    from tto.cli.play import planning_settings, play, table

    given = {"beam_width": beam_width, "horizon": horizon, "context": context}
    given |= {"budget_ms": budget_ms, "objective": objective}
    given |= dict(map(_assignment, others or ()))
    settings, source = planning_settings(model, config, given)
    if source is not None:
        typer.echo(f"planning as in {source}")
    env_id, rollouts = play(
        model,
        planning=settings,
        env=env,
        episodes=episodes,
        seed=seed,
        max_steps=max_steps,
        device=device,
        threads=threads,
        video=video,
    )
    typer.echo(table(rollouts, env_id, seed=seed))
    if video is not None:
        typer.echo(f"wrote {video}")


@app.command("inspect")
def inspect_path(path: Anything, data: Data = None) -> None:
    """Say what a file or folder holds, on one screen; of a model with its data: can it plan?"""
    from tto.cli.inspection import inspect, values_of_actions

    lines = inspect(path)
    if data is not None:
        lines += values_of_actions(path, data)
    width = max(len(label) for label, _ in lines)
    for label, value in lines:
        typer.echo(f"{label:{width}}  {value}")


@app.command("import")
def import_checkpoint(
    source: Checkpoint,
    model: New,
    bins: Bins = None,
    env: Env = None,
    dataset: Dataset = None,
    heads: Heads = None,
    discount: Discount = None,
) -> None:
    """Take in a model of the official code, its port in transformers, or the cached one."""
    _must_be_new(model)
    from tto.exchange.pretrained import ImportSettings, import_model
    from tto.model.trained import save

    given = ImportSettings(env=env, dataset=dataset, heads=heads, discount=discount)
    save(model, import_model(source, bins=bins, given=given), extra={"imported": str(source)})
    typer.echo(f"wrote {model}; next: tto plan {model}")


@app.command("export")
def export_folder(model: Model, folder: New, layout: Layout = "transformers") -> None:
    """Write a model and its card for the Hugging Face hub."""
    _must_be_new(folder)
    from tto.exchange.export import export_model
    from tto.model.trained import load

    export_model(load(model), folder, layout=layout)
    typer.echo(f"wrote {folder}; its README.md is the card, complete it")


def _assignment(text: str) -> tuple[str, Any]:
    """`NAME=VALUE`, with the value as YAML reads it."""
    import yaml

    name, equals, value = text.partition("=")
    if not equals:
        raise TTOError(f"--set: expected NAME=VALUE, got {text!r}; such as --set expansion=4")
    return name.replace("-", "_"), yaml.safe_load(value)


def _must_be_new(path: Path) -> None:
    if path.exists():
        raise TTOError(f"{path}: expected a new folder, found one; name another or remove it")
