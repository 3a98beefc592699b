"""The commands of `tto`. Each imports the library only when it runs, so that help is quick."""

import sys
import traceback
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tto.errors import TTOError, shown
from tto.job import line_for_user

app = typer.Typer(
    name="tto",
    help="Trajectory Transformers: single tasks outside the workflow.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Model = Annotated[Path, typer.Argument(help="Folder of a trained or imported model.")]
Player = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A name that `tto list` shows, or the folder of a model, a policy or a run.",
    ),
]
Method = Annotated[
    str, typer.Option(help="Method that plays: tto, or bc, cql, ... trained beside the model.")
]
Beside = Annotated[
    str | None,
    typer.Option(
        help="Method that plays the same episodes, beside it in the film; none for nobody. By "
        "default behaviour cloning, where the run trained it."
    ),
]
Output = Annotated[
    Path | None, typer.Option(help="CSV file of the episodes; by default NAME.csv here.")
]
New = Annotated[Path, typer.Argument(help="Folder to write; it must not exist.")]
Anything = Annotated[
    Path, typer.Argument(help="Dataset, token file, rollout, model or checkpoint.")
]
Checkpoint = Annotated[
    Path, typer.Argument(help="Folder of a checkpoint, or the file with its weights.")
]
Run = Annotated[Path, typer.Argument(help="Folder of a run, as results/demo.")]
Port = Annotated[int, typer.Option(min=1, help="Port at which a browser finds it.")]
Env = Annotated[
    str | None,
    typer.Option(
        help="Environment to act in, as ID or, if a package of yours registers it, PACKAGE:ID; by "
        "default the model's own."
    ),
]
Video = Annotated[
    Path | None,
    typer.Option(help="Film of the first episode, FILE.mp4 or FILE.gif; by default NAME.mp4 here."),
]
Silent = Annotated[bool, typer.Option("--no-video", help="Make no film.")]
_MOST = 1000  # episodes that are played in parallel, each in an environment of its own
Episodes = Annotated[
    int, typer.Option(min=1, max=_MOST, help="Number of episodes, played in parallel.")
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the first episode; each next one adds 1.")]
MaxSteps = Annotated[int | None, typer.Option(min=1, help="Stop episodes after this many steps.")]
BeamWidth = Annotated[int | None, typer.Option(min=1, help="Number of sequences kept.")]
Horizon = Annotated[int | None, typer.Option(min=1, help="Number of transitions planned.")]
Context = Annotated[
    int | None, typer.Option(min=0, help="Number of past transitions that the model sees.")
]
Budget = Annotated[
    float | None,
    typer.Option(min=0, help="Time per step in ms, in place of beam width and horizon."),
]
Objective = Annotated[
    Literal["return", "likelihood", "goal"] | None,
    typer.Option(help="Objective of planning; by default the model's own."),
]
Others = Annotated[
    list[str] | None,
    typer.Option("--set", help="Another planning setting, NAME=VALUE; repeatable."),
]
Data = Annotated[
    Path | None,
    typer.Option(help="Token file of a model's dataset; shows how values depend on actions."),
]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Device of the model.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Number of processor threads.")]
Bins = Annotated[
    Path | None,
    typer.Option(help="Edges of its bins (.npy, .npz, .h5, ...), or a dataset to fit them to."),
]
Dataset = Annotated[str | None, typer.Option(help="Name of the dataset that it was trained on.")]
Heads = Annotated[
    int | None, typer.Option(min=1, help="Number of attention heads, if no config states it.")
]
Discount = Annotated[
    float | None, typer.Option(min=0, max=1, help="Discount of its rewards-to-go.")
]
Layout = Annotated[
    Literal["transformers", "tto"] | None,
    typer.Option(
        help="Format to write: for transformers, or for tto.load; by default the first one that "
        "can represent the model."
    ),
]
Licence = Annotated[
    str | None, typer.Option("--license", help="Licence for the card, as mit or cc-by-4.0.")
]


@app.callback()
def options(
    debug: Annotated[
        bool, typer.Option("--debug", help="After an error, also print its traceback.")
    ] = False,
) -> None:
    """Take the options of all commands; `main` has removed --debug, here it is for the help."""


def main() -> None:
    """Run a command; after an error, print one line and exit with status 1.

    With --debug, anywhere on the command line, the traceback comes before the line.
    """
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app(args=arguments)
    except Exception as error:
        if len(arguments) < len(sys.argv) - 1:
            traceback.print_exc()
        sys.exit(line_for_user(error, traceback_in="--debug shows"))


@app.command()
def play(
    model: Player,
    method: Method = "tto",
    beside: Beside = None,
    env: Env = None,
    video: Video = None,
    no_video: Silent = False,
    episodes: Episodes = 1,
    seed: Seed = 0,
    max_steps: MaxSteps = None,
    beam_width: BeamWidth = None,
    horizon: Horizon = None,
    context: Context = None,
    budget_ms: Budget = None,
    objective: Objective = None,
    others: Others = None,
    device: Device = "auto",
    threads: Threads = None,
) -> None:
    """Let a model plan, or a policy act, in its environment; film it, and print returns.

    A model plays as its run played it; the options of planning change that.
    """
    if not no_video:
        from tto.evaluation.headless import choose_renderer

        choose_renderer()
    from tto.cli.names import find, policy_beside
    from tto.cli.play import film_name, table, why_no_film
    from tto.cli.play import play as play_episodes
    from tto.cli.players import player

    planning = _planning(beam_width, horizon, context, budget_ms, objective, others)
    folder = find(model, method=method)
    options: dict[str, Any] = {"env": env, "seed": seed, "device": device, "threads": threads}
    players = [player(folder, planning=planning, **options)]
    other = None
    if beside is None and not no_video and players[0].name == "tto":
        other = policy_beside(folder, "bc")
    elif beside not in (None, "none"):
        other = find(model, method=str(beside))
    if other is not None:
        players.append(player(other, **options))
    film = None if no_video else video or film_name(model)
    if film is not None and video is None and (reason := why_no_film(players[0].env_id)):
        typer.echo(f"no film: {reason}")
        film = None
    played = play_episodes(players, episodes=episodes, seed=seed, max_steps=max_steps, video=film)
    typer.echo(table(played, seed=seed))
    if film is not None:
        typer.echo(f"wrote {film}")


@app.command()
def evaluate(
    model: Player,
    method: Method = "tto",
    env: Env = None,
    episodes: Episodes = 20,
    seed: Seed = 0,
    max_steps: MaxSteps = None,
    beam_width: BeamWidth = None,
    horizon: Horizon = None,
    context: Context = None,
    budget_ms: Budget = None,
    objective: Objective = None,
    others: Others = None,
    device: Device = "auto",
    threads: Threads = None,
    output: Output = None,
) -> None:
    """Play episodes; print the mean return with its interval, and write a row for each.

    A model plays as its run played it; the options of planning change that.
    """
    from tto.cli.evaluate import rows_of, summary
    from tto.cli.names import find
    from tto.cli.play import file_name
    from tto.cli.play import play as play_episodes
    from tto.cli.players import player
    from tto.row_files import write_rows

    path = output or file_name(model, ".csv" if method == "tto" else f"-{method}.csv")
    _make_ready(path)
    planning = _planning(beam_width, horizon, context, budget_ms, objective, others)
    folder = find(model, method=method)
    options: dict[str, Any] = {"env": env, "seed": seed, "device": device, "threads": threads}
    one = player(folder, planning=planning, **options)
    (played,) = play_episodes([one], episodes=episodes, seed=seed, max_steps=max_steps)
    rows = rows_of(played, seed=seed)
    typer.echo(f"{played.name} on {played.env_id}, {episodes} episodes")
    typer.echo(summary(rows))
    write_rows(path, rows)
    typer.echo(f"wrote {path}")


@app.command("list")
def list_models(
    results: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("results"),
) -> None:
    """Name the models of runs, which can be played."""
    from tto.cli.names import described

    typer.echo(described(results))


@app.command("inspect")
def inspect_path(path: Anything, data: Data = None) -> None:
    """Describe a file or folder on one screen; with a model's data, also whether it can plan."""
    from tto.cli.inspection import inspect, values_of_actions

    lines = inspect(path)
    if data is not None:
        lines += values_of_actions(path, data)
    width = max(len(label) for label, _ in lines)
    for label, value in lines:
        typer.echo(f"{label:{width}}  {value}")


@app.command("new")
def new_run(
    data: Annotated[
        str | None,
        typer.Argument(
            help="HDF5 file in D4RL's layout, or the folder or id of a Minari dataset; none: "
            "uniform actions collect data in the environment."
        ),
    ] = None,
    env: Annotated[
        str | None,
        typer.Option(
            help="Environment of the data, ID or PACKAGE:ID; by default the one that a Minari "
            "dataset names."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the run; by default that of the data.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="File to write; by default NAME.yaml here.")
    ] = None,
    jumps: Annotated[
        Literal["refuse", "cut"] | None,
        typer.Option(help="What becomes of an episode whose rows do not follow each other."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Look into your own data, and write the settings of a run that learns from them."""
    from tto.cli.new import write_new

    given = {"env": env, "name": name, "output": output, "jumps": jumps, "force": force}
    for line in write_new(data, **given):
        typer.echo(line)


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
    """Import a checkpoint of the official code, its port in transformers, or the cached code."""
    _must_be_new(model)
    from tto.exchange.hub import fetch, is_address
    from tto.exchange.pretrained import ImportSettings, import_model
    from tto.model.trained import save

    given = ImportSettings(env=env, dataset=dataset, heads=heads, discount=discount)
    here = fetch(str(source)) if is_address(source) else source
    save(model, import_model(here, bins=bins, given=given), extra={"imported": str(source)})
    typer.echo(f"wrote {model}; next: tto play {model}")


@app.command("export")
def export_folder(
    model: Model, folder: New, layout: Layout = None, licence: Licence = None
) -> None:
    """Write a model and its card for the Hugging Face hub."""
    _must_be_new(folder)
    from tto.cli.model_facts import facts_of, other_entries
    from tto.exchange.export import export_model
    from tto.model.trained import load

    more = {"facts": facts_of(model, licence=licence), "extra": other_entries(model)}
    written = export_model(load(model), folder, layout=layout, **more)
    typer.echo(f"wrote {folder} for {written}; next: read the model card, its README.md")


@app.command("push")
def push_folder(
    model: Model,
    name: Annotated[str, typer.Argument(help="USER/NAME on the hub.")],
    licence: Licence = None,
    private: Annotated[bool, typer.Option(help="Make a new repository private.")] = False,
) -> None:
    """Put a model and its card on the Hugging Face hub; `hf auth login` comes first."""
    from tto.cli.push import push_model

    address = push_model(model, name, licence=licence, private=private)
    typer.echo(f'pushed; next: tto.load("{address}")')


@app.command("watch")
def watch_run(run: Run, port: Port = 6006) -> None:
    """Show the losses of a run in TensorBoard, while it goes on or later."""
    from tto.cli.watch import watch

    watch(run, port=port)


def _planning(
    beam_width: int | None,
    horizon: int | None,
    context: int | None,
    budget_ms: float | None,
    objective: str | None,
    others: list[str] | None,
) -> dict[str, Any]:
    """The planning settings that the command line gives."""
    given = {"beam_width": beam_width, "horizon": horizon, "context": context}
    given |= {"budget_ms": budget_ms, "objective": objective}
    given = {name: value for name, value in given.items() if value is not None}
    return given | dict(map(_assignment, others or ()))


def _assignment(text: str) -> tuple[str, Any]:
    """Split `NAME=VALUE` and read the value as YAML."""
    import yaml

    name, equals, value = text.partition("=")
    if not equals:
        raise TTOError(f"--set: expected NAME=VALUE, got {text!r}; write, say, --set expansion=4")
    try:
        return name.replace("-", "_"), yaml.safe_load(value)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise TTOError(
            f"--set {name}: expected a number, a word, true, false or null, got {shown(value)}"
        ) from error


def _must_be_new(path: Path) -> None:
    if path.exists():
        raise TTOError(f"{path}: expected a new folder, found one; name another or remove it")


def _make_ready(path: Path) -> None:
    """Refuse a folder in place of a file, and make the file's own folder, before the work."""
    if path.is_dir():
        raise TTOError(f"--output {path}: expected a file, found a folder; name a file in it")
    path.parent.mkdir(parents=True, exist_ok=True)
