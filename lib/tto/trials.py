"""Trials: variations of the config's settings, to tune them and to measure their effect.

A trial is a set of settings, written as dotted keys of the config with other values, on one
dataset. Its name lists the settings that differ from the dataset's own, so trials with equal
settings share their models and episodes.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tto.config import check_config, suggestion, with_overrides
from tto.errors import TTOError

Settings = Mapping[str, Any]  # dotted keys to values: {"planning.horizon": 5}

TOKEN_SECTIONS = ("discretizer", "discount", "rewards")
MODEL_SECTIONS = (*TOKEN_SECTIONS, "model", "training")  # what a trained model depends on
SECTIONS = (*MODEL_SECTIONS, "planning")
UNCHANGED = "unchanged"  # the name of no settings at all
CLONING_SECTIONS = ("behavior_cloning",)  # what behaviour cloning's model depends on
# For each tuned method, the key of its candidates in `tuning` and the section that they change.
TUNED_METHODS = {"tto": ("planners", "planning"), "bc": ("cloning", "behavior_cloning")}


@dataclass(frozen=True)
class Trial:
    """One point of a sweep: what is varied, its value as text, and all settings that differ.

    Attributes:
        sweep: name of the sweep.
        line: what the points that belong together have in common; drawn as one line.
        value: the place on the line.
    """

    sweep: str
    line: str
    value: str
    dataset: str
    settings: Settings

    @property
    def name(self) -> str:
        """What differs from the config, the same for equal settings."""
        return name_of(self.settings)


def name_of(settings: Settings) -> str:
    """Settings as a name for files: `planning.beam_width=4,planning.horizon=2`."""
    return ",".join(f"{key}={text_of(settings[key])}" for key in sorted(settings)) or UNCHANGED


def text_of(value: object) -> str:
    """A value as the config writes it."""
    if value is None:
        return "null"
    if isinstance(value, list):
        return "-".join(map(text_of, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def part_of(settings: Settings, sections: Iterable[str]) -> dict[str, Any]:
    """The settings of some sections."""
    wanted = set(sections)
    return {key: value for key, value in settings.items() if key.split(".")[0] in wanted}


def varied(section: str, value: Any, settings: Settings) -> Any:
    """A section of the config with a trial's settings on top."""
    if section in settings:
        return settings[section]
    changes = part_of(settings, [section])
    if not changes:
        return value
    return value | {key.split(".", 1)[1]: change for key, change in changes.items()}


def candidates(config: Mapping[str, Any], method: str) -> Mapping[str, Mapping[str, Any]]:
    """The settings that `tuning` names for a method (a key of `TUNED_METHODS`) to choose from."""
    return config["tuning"][TUNED_METHODS[method][0]]


def tuning_trials(config: Mapping[str, Any], method: str, datasets: Iterable[str]) -> list[Trial]:
    """Each candidate for a method on each dataset."""
    name, section = TUNED_METHODS[method]
    return [
        Trial(
            name,
            dataset,
            candidate,
            dataset,
            _differing(config, dataset, {f"{section}.{key}": v for key, v in settings.items()}),
        )
        for dataset in datasets
        for candidate, settings in candidates(config, method).items()
    ]


def ablation_trials(config: Mapping[str, Any]) -> list[Trial]:
    """Each value of each sweep of `ablations`, on each line, on each of its datasets."""
    trials = []
    for name, sweep in config["ablations"]["sweeps"].items():
        if sweep is None:
            continue
        lines = sweep.get("lines", {"key": "", "values": [None]})
        for dataset in sweep.get("datasets", config["ablations"]["datasets"]):
            for line in lines["values"]:
                for value in sweep["values"]:
                    settings = {**sweep.get("with", {}), sweep["key"]: value}
                    if lines["key"]:
                        settings[lines["key"]] = line
                    label = f"{dataset}, {text_of(line)}" if lines["key"] else dataset
                    differing = _differing(config, dataset, settings)
                    trials.append(Trial(name, label, text_of(value), dataset, differing))
    return trials


def check_trials(config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Raise a `TTOError` for the first trial whose settings the config could not have.

    Raises:
        TTOError: an unknown dataset, an unknown key or a value that the schema does not allow.
    """
    tuned = [
        (f"tuning.{trial.sweep}", (section,), trial)
        for method, (_, section) in TUNED_METHODS.items()
        for trial in tuning_trials(config, method, config["datasets"])
    ]
    swept = [(f"ablations.sweeps.{t.sweep}", SECTIONS, t) for t in ablation_trials(config)]
    checked = set()
    for where, sections, trial in [*tuned, *swept]:
        if config["datasets"].get(trial.dataset, {}) == {}:
            hint = suggestion(trial.dataset, config["datasets"])
            raise TTOError(f"config: unknown dataset {trial.dataset!r} in ablations{hint}")
        if trial.name in checked:
            continue
        checked.add(trial.name)
        try:
            check_config(_changed(config, trial.settings, sections), schema)
        except TTOError as error:
            raise TTOError(f"{error} (in {where})") from error


def _differing(config: Mapping[str, Any], dataset: str, settings: Settings) -> Settings:
    """The settings that the dataset does not have anyway."""
    return {key: value for key, value in settings.items() if _value(config, dataset, key) != value}


def _value(config: Mapping[str, Any], dataset: str, key: str) -> object:
    """What a dataset has for a dotted key; the key itself where there is no such setting."""
    section, _, name = key.partition(".")
    settings = config.get(section, key)
    if not name:
        return settings
    if isinstance(settings, dict) and "overrides" in settings:
        settings = with_overrides(settings, dataset)
    return settings.get(name, key) if isinstance(settings, dict) else key


def _changed(
    config: Mapping[str, Any], settings: Settings, sections: Sequence[str]
) -> dict[str, Any]:
    """The config with a trial's settings, which may be of some sections alone."""
    changed: Any = copy.deepcopy(dict(config))
    for key, value in settings.items():
        section, _, name = key.partition(".")
        if section not in sections or (name and not isinstance(changed[section], dict)):
            hint = suggestion(section, sections)
            raise TTOError(f"config: {key!r} is not a setting that can be varied{hint}")
        if name:
            changed[section][name] = value
        else:
            changed[section] = value
    return changed
