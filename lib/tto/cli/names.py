"""Names of models and policies of runs.

`demo/hopper-medium-replay-v2/seed0` is a model of the run in
`results/demo`. A name may leave out its end: the run alone means its first dataset and seed. Behind
the runs in `results` come those that a clone of the repository holds in `resources/runs`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tto.baselines.policies import is_policy
from tto.errors import TTOError, one_line, suggestion
from tto.files import StrPath
from tto.methods import BASELINES, OURS
from tto.model.planner_file import read_planner
from tto.model.trained import is_model
from tto.model.weights_file import CONFIG, WEIGHTS, read_config

_SHOWN = ("objective", "context", "horizon", "beam_width")  # settings of the planner
RESULTS = Path("results")
SHIPPED = Path(__file__).parents[3] / "resources/runs"  # of a clone


class Named(NamedTuple):
    """A model's name and its folder."""

    name: str
    folder: Path


def models(results: StrPath = RESULTS) -> Iterator[Named]:
    """Models of each run in the folder `results`, then of the shipped ones with other names."""
    seen = set()
    for runs in (Path(results), SHIPPED):
        for folder in sorted(runs.glob("*/models/*/seed*/")):
            run, _, dataset, seed = folder.parts[-4:]
            name = f"{run}/{dataset}/{seed}"
            if is_model(folder) and name not in seen:
                seen.add(name)
                yield Named(name, folder)


def described(results: StrPath = RESULTS) -> str:
    """A line for each of `models`: name, environment, dataset, planner and methods beside it.

    A model that cannot be read has its error in its line.
    """
    rows = [("name", "environment", "dataset", "planner", "beside")]
    for name, folder in models(results):
        try:
            tokens = read_config(folder)["tokens"]
            planner = read_planner(folder)
        except (TTOError, OSError, ValueError, KeyError) as error:
            rows.append((name, f"cannot be read: {one_line(error)}", "", "", ""))
            continue
        words = [f"{key.replace('_', ' ')} {planner[key]}" for key in _SHOWN if key in planner]
        beside = [method for method in BASELINES if policy_beside(folder, method)]
        columns = (str(tokens.get("env")), str(tokens.get("dataset")), ", ".join(words))
        rows.append((name, *columns, ", ".join(beside)))
    if len(rows) == 1:
        return "no models: run the workflow, or import one by tto import"
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)


def find(name: StrPath, *, method: str = OURS, results: StrPath = RESULTS) -> Path:
    """The folder of a model, or of the policy of another method beside it.

    Args:
        name: a folder of a model, of a policy or of a run, or a name of `models`, or its beginning.
        method: method of `tto.methods`; of a policy's own folder it is ignored.
        results: folder of the runs.

    Raises:
        TTOError: there is no such model or method, or the model has no policy of the method.
    """
    if method not in (OURS, *BASELINES):
        hint = suggestion(method, [OURS, *BASELINES])
        raise TTOError(f"method: expected {OURS}, {', '.join(BASELINES)}, got {method!r}{hint}")
    if is_policy(name):
        return Path(name)
    folder = _model(name, results)
    if method == OURS:
        return folder
    policy = policy_beside(folder, method)
    if policy is None:
        raise TTOError(
            f"method {method}: expected a policy of it beside the model {folder}, found none; "
            "add it to `baselines.methods` and run the workflow, or name the policy's folder"
        )
    return policy


def policy_beside(folder: StrPath, method: str) -> Path | None:
    """The policy of a method that was trained on the same data with the same seed, or None."""
    folder = Path(folder).resolve()
    run = folder.parent.parent.parent  # of results/<run>/models/<dataset>/seed<k>
    policy = run / "baselines" / folder.parent.name / method / folder.name
    return policy if is_policy(policy) else None


def _model(name: StrPath, results: StrPath) -> Path:
    path = Path(name)
    if any((path / file).exists() for file in (CONFIG, WEIGHTS)):
        return path  # perhaps damaged: whoever loads it says how
    # A folder of a run, or of one of its datasets, holds models further down.
    for pattern in ("models/*/seed*/", "seed*/"):
        below = next((folder for folder in sorted(path.glob(pattern)) if is_model(folder)), None)
        if below is not None:
            return below
    known = list(models(results))
    wanted = str(name).rstrip("/")
    for model in known:
        if model.name == wanted or model.name.startswith(f"{wanted}/"):
            return model.folder
    if path.exists():
        raise TTOError(
            f"{path}: expected a model, a policy or a run, found neither; tto inspect says what "
            "it is, and tto list names what can be played"
        )
    hint = suggestion(wanted, [model.name for model in known])
    raise TTOError(f"{wanted}: expected a folder, or a name that tto list shows, got neither{hint}")
