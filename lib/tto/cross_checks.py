"""Settings that contradict each other, found before the first job.

The schema checks each key alone. Here the settings of each dataset are put together as its jobs
get them (`tto.config.settings`), and the model and the planner are asked whether they could be
built.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tto.baselines.policies import check_settings
from tto.config.check import EXPERIMENTS
from tto.config.settings import Changes, Config, changes_in, datasets_of, settings_of
from tto.config.trials import ablation_trials, tuning_trials
from tto.data.collect import dataset_kind
from tto.data.d4rl import d4rl_file
from tto.data.environments import TABLE1_ENVS, robot_of
from tto.errors import TTOError
from tto.methods import SECTIONS
from tto.model.transformer import ModelConfig
from tto.planning.settings import most_actions, planned_context, planned_window
from tto.report.drawing.robots import HIDDEN

Dimensions = Callable[[str], tuple[int, int]]


@dataclass(frozen=True)
class _Case:
    """One combination of settings.

    Attributes:
        where: the part of the config that asks for it.
        dataset: id of the dataset.
        changes: settings that count before all others.
        planned: whether models plan with it.
        swept: whether it belongs to a sweep, which may include a reference that does not search.
    """

    where: str
    dataset: str
    changes: Changes
    planned: bool
    swept: bool = False


def check_combinations(config: Config, dimensions: Dimensions) -> None:
    """Check that each model of a config can be built and that its planner can plan with it.

    Args:
        config: a config that `check_config` and `check_trials` accept.
        dimensions: observation and action dimensions of an environment, by its id.

    Raises:
        TTOError: the first contradiction, an environment that is not known, or a dataset of model
            analysis that figure 1 cannot draw or whose policy cannot act on predicted states.
    """
    known = {
        name: spec
        for experiment in (None, *EXPERIMENTS)
        for name, spec in datasets_of(config, experiment).items()
    }
    if not known:
        raise TTOError("config: datasets must hold at least one that is not null")
    if analysed := datasets_of(config, "model_analysis"):
        shown = config["model_analysis"]["prediction"]["dataset"]
        if robot_of(analysed[shown]["env"]) not in HIDDEN:
            raise TTOError(
                "config: model_analysis.prediction.dataset must be of a robot that figure 1 can "
                f"draw ({', '.join(HIDDEN)}), not of {analysed[shown]['env']}; name another one, "
                "or take model_analysis.datasets out by null"
            )
        for name, spec in analysed.items():
            if spec.get("kind") == "goal":
                raise TTOError(
                    f"config: model_analysis.datasets.{name}.kind must not be goal, whose scripted "
                    "agent cannot act on predicted states; name another kind"
                )
    _check_imitation(config)
    _check_plan_times(config, dimensions)
    for case in _cases(config):
        spec = known[case.dataset]
        try:
            _check_source(case.dataset, spec)
            _check_case(config, case, spec, *dimensions(spec["env"]))
        except TTOError as error:
            line = str(error).removeprefix("config: ")
            raise TTOError(f"config: {line} (in {case.where})") from error
    for method in ("bc", *config["baselines"]["methods"]):
        for name in datasets_of(config):
            for trial in (None, *tuning_trials(config, method, [name])):
                changes = trial.settings if trial else {}
                where = f"tuning.{trial.sweep}.{trial.value}" if trial else f"datasets.{name}"
                try:
                    check_settings(method, settings_of(config, SECTIONS[method], name, changes))
                except TTOError as error:
                    raise TTOError(f"config: {error} (in {where})") from error


def _cases(config: Config) -> Iterator[_Case]:
    for name in datasets_of(config):
        yield _Case(f"datasets.{name}", name, {}, planned=True)
    for name in datasets_of(config, "imitation"):
        for horizon in config["imitation"]["horizons"]:
            where = f"imitation.datasets.{name}"
            yield _Case(where, name, {"planning.horizon": horizon}, planned=True)
    for name in datasets_of(config, "goal_reaching"):
        yield _Case(f"goal_reaching.datasets.{name}", name, {}, planned=True)
    analysed = datasets_of(config, "model_analysis")
    for name in analysed:
        yield _Case(f"model_analysis.datasets.{name}", name, {}, planned=False)
    for variant, changes in config["model_analysis"]["variants"].items():
        changed = {k: v for k, v in (changes or {}).items() if k != "datasets"}
        for name in (changes or {}).get("datasets", analysed) if changes is not None else ():
            where = f"model_analysis.variants.{variant}"
            yield _Case(where, name, changes_in(changed), planned=False)
    for trial in tuning_trials(config, "tto", datasets_of(config)):
        where = f"tuning.{trial.sweep}.{trial.value}"
        yield _Case(where, trial.dataset, trial.settings, planned=True)
    for trial in ablation_trials(config):
        where = f"ablations.sweeps.{trial.sweep}"
        yield _Case(where, trial.dataset, trial.settings, planned=True, swept=True)


def _check_imitation(config: Config) -> None:
    """Refuse horizons that make no difference: these decodings play without a search."""
    horizons = config["imitation"]["horizons"]
    for name in datasets_of(config, "imitation"):
        planning = settings_of(config, "planning", name)
        decode = planning["action_decode"]
        plays = planning["objective"] != "return" and decode in ("expected", "drawn")
        if plays and len(horizons) > 1:
            raise TTOError(
                f"config: imitation.horizons {horizons} all play the same with action_decode "
                f"{decode}, which does not search (in imitation.datasets.{name}); name one horizon"
            )


def _check_plan_times(config: Config, dimensions: Dimensions) -> None:
    """Refuse sizes of which no plan could be timed."""
    sizes = config["plan_times"]
    for env in TABLE1_ENVS:
        O, A = dimensions(env)
        try:
            bins = config["discretizer"]["bins"]
            model = ModelConfig(observation_dim=O, action_dim=A, vocabulary=bins, **sizes["model"])
            _check_window(model, sizes["planning"])
        except TTOError as error:
            raise TTOError(f"config: {error} (in plan_times)") from error


def _check_source(name: str, spec: Config) -> None:
    if spec["source"] == "d4rl":
        d4rl_file(name)
    elif spec["source"] == "collect" and "agent" not in spec:
        dataset_kind(name, spec.get("kind"))


def _check_case(config: Config, case: _Case, spec: Config, O: int, A: int) -> None:
    def settings(section: str) -> Any:
        return settings_of(config, section, case.dataset, case.changes)

    discretizer = settings("discretizer")
    model = ModelConfig(
        observation_dim=O, action_dim=A, vocabulary=discretizer["bins"], **settings("model")
    )
    if model.output == "gaussian" and discretizer["kind"] != "uniform":
        raise TTOError(
            "model.output gaussian needs bins of equal width, but discretizer.kind is "
            f"{discretizer['kind']}; set it to uniform"
        )
    if model.output == "gaussian" and spec.get("mask"):
        raise TTOError(
            "model.output gaussian cannot predict hidden states, but the dataset has a mask; set "
            "model.output to per_dimension, or choose other datasets"
        )
    rewards = settings("rewards")
    go_on = rewards["cut_episodes"] == "go_on" and not rewards["ignored"]
    if go_on and settings("discount") == 1:
        raise TTOError(
            "rewards.cut_episodes go_on needs a discount below 1, since rewards that go on have no "
            "finite sum; lower discount, or set it to end"
        )
    if not case.planned:
        return
    planning = settings("planning")
    if spec.get("mask"):
        raise TTOError("models of masked data cannot plan; remove mask, or use model_analysis")
    if rewards["ignored"] and planning["objective"] == "return":
        raise TTOError(
            "planning.objective must not be 'return' where rewards.ignored is true, since the "
            "tokens then hold no rewards; set it to likelihood"
        )
    if model.goal != (planning["objective"] == "goal"):
        raise TTOError(
            f"planning.objective is {planning['objective']}, but model.goal is "
            f"{str(model.goal).lower()}; a model with goals plans for goal, and no other does"
        )
    if not case.swept:
        _check_choice(planning, discretizer["bins"])
    _check_window(model, planning)


def _check_window(model: ModelConfig, planning: Config) -> None:
    block, goal = model.block_transitions, model.goal
    window = planned_window(block, planning.get("window"), planning["horizon"], goal=goal)
    planned_context(planning["context"], block, window, goal=goal)


def _check_choice(planning: Config, bins: int) -> None:
    """Refuse settings under which the scores of plans do not touch the action.

    With an expansion of 1, every proposal is kept, so only the best one's action depends on the
    scores. With a single bin to draw from, all proposals are the same.
    """
    by_return = planning["objective"] == "return"
    searched = by_return or planning["action_decode"] in ("best", "mean")
    if not searched or (planning["token_search"] and not by_return):
        return
    if planning["proposal"] == "drawn" and most_actions(planning["action_top"], bins) == 1:
        raise TTOError(
            f"planning.action_top {planning['action_top']} leaves one of {bins} bins to draw from, "
            "so all proposals are the same and nothing is searched; raise it"
        )
    best = planning["action_decode"] == "best" and planning["beam_width"] > 1
    if planning["expansion"] == 1 and not best:
        raise TTOError(
            f"planning.expansion 1 with action_decode {planning['action_decode']} and beam_width "
            f"{planning['beam_width']} does not search: actions do not depend on the plans' "
            "scores; set expansion to 2"
        )
