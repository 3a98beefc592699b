"""Trials: changed settings, played on other episodes than the reported ones.

Trials choose among planners and show what each setting is worth. A trial is a set of changes
(`tto.config.settings`) on one dataset. Its name holds only what differs from the dataset's own
settings, so trials with equal settings share models and episodes.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tto.config.check import check_config, check_datasets
from tto.config.settings import Changes, Config, datasets_of, name_of, settings_of, text_of
from tto.errors import TTOError, suggestion
from tto.methods import SECTIONS

TOKEN_SECTIONS = ("discretizer", "discount", "rewards")
MODEL_SECTIONS = (*TOKEN_SECTIONS, "model", "training")  # what a trained model depends on
SWEPT_SECTIONS = (*MODEL_SECTIONS, "planning")  # what a sweep may change
_CANDIDATES = {"tto": "planners", "bc": "cloning"}  # key in `tuning`; of others: the method's name


@dataclass(frozen=True)
class Trial:
    """One point of a sweep.

    Attributes:
        sweep: name of the sweep.
        line: name of the points that a figure joins by a line.
        value: value of the varied setting, as text.
        dataset: id of the dataset.
        settings: changes that differ from the dataset's own settings.
    """

    sweep: str
    line: str
    value: str
    dataset: str
    settings: Changes

    @property
    def name(self) -> str:
        """Name of the changes, the same for equal settings."""
        return name_of(self.settings)


def candidates(config: Config, method: str) -> Mapping[str, Mapping[str, Any]]:
    """The candidates of `tuning` for a method of `tto.methods`, by name; null takes one out."""
    tuned = config["tuning"].get(_CANDIDATES.get(method, method), {})
    return {name: changes for name, changes in tuned.items() if changes is not None}


def changes_of_candidate(config: Config, method: str, name: str) -> dict[str, Any]:
    """Changes that a candidate makes."""
    section = SECTIONS[method]
    return {f"{section}.{key}": value for key, value in candidates(config, method)[name].items()}


def tuning_trials(config: Config, method: str, datasets: Iterable[str]) -> list[Trial]:
    """Return a trial for each candidate setting of a method on each dataset."""
    sweep = _CANDIDATES.get(method, method)
    return [
        Trial(
            sweep,
            dataset,
            name,
            dataset,
            _differing(config, dataset, changes_of_candidate(config, method, name)),
        )
        for dataset in datasets
        for name in candidates(config, method)
    ]


def ablation_trials(config: Config) -> list[Trial]:
    """Return a trial for each value of each sweep of `ablations`, on each line and dataset."""
    trials = []
    for name, sweep in config["ablations"]["sweeps"].items():
        if sweep is None:
            continue
        lines = sweep.get("lines", {"key": "", "values": [None]})
        for dataset in sweep.get("datasets", config["ablations"]["datasets"]):
            for line in lines["values"]:
                for value in sweep["values"]:
                    changes = {**sweep.get("with", {}), sweep["key"]: value}
                    if lines["key"]:
                        changes[lines["key"]] = line
                    label = f"{dataset}, {text_of(line)}" if lines["key"] else dataset
                    differing = _differing(config, dataset, changes)
                    trials.append(Trial(name, label, text_of(value), dataset, differing))
    return trials


def check_trials(config: Config, schema: Mapping[str, Any]) -> None:
    """Raise a `TTOError` for the first trial whose settings the config could not have.

    Raises:
        TTOError: an unknown dataset, an unknown key or a value that the schema does not allow.
    """
    tuned = [
        (f"tuning.{trial.sweep}", (section,), trial)
        for method, section in SECTIONS.items()
        for trial in tuning_trials(config, method, datasets_of(config))
    ]
    swept = [(f"ablations.sweeps.{t.sweep}", SWEPT_SECTIONS, t) for t in ablation_trials(config)]
    # Here a dataset may be taken out: the base names one, and every overlay would repeat the list.
    every = {name: {} for name in config["datasets"]}
    for section in ("loss_ladder", "ablations"):
        check_datasets(f"{section}.datasets", config[section]["datasets"], every)
    for name, sweep in config["ablations"]["sweeps"].items():
        if sweep is not None and not sweep.get("datasets", config["ablations"]["datasets"]):
            raise TTOError(
                f"config: ablations.datasets must be at least 1 long, not [], since the sweep "
                f"{name!r} names no datasets of its own"
            )
    checked = set()
    for where, sections, trial in [*tuned, *swept]:
        check_datasets("ablations", [trial.dataset], config["datasets"])
        if trial.name in checked:
            continue
        checked.add(trial.name)
        try:
            check_config(_changed(config, trial.settings, sections), schema)
        except TTOError as error:
            raise TTOError(f"{error} (in {where})") from error


def _differing(config: Config, dataset: str, changes: Changes) -> Changes:
    """The changes that differ from the dataset's own settings."""
    return {key: value for key, value in changes.items() if _value(config, dataset, key) != value}


def _value(config: Config, dataset: str, key: str) -> object:
    """The dataset's own value of a dotted key; the key itself where there is no such setting."""
    section, _, name = key.partition(".")
    settings = settings_of(config, section, dataset) if section in config else key
    if not name:
        return settings
    return settings.get(name, key) if isinstance(settings, Mapping) else key


def _changed(config: Config, changes: Changes, sections: Sequence[str]) -> dict[str, Any]:
    """The config with changes, which may be in the given sections only."""
    changed: Any = copy.deepcopy(dict(config))
    for key, value in changes.items():
        section, _, name = key.partition(".")
        if section not in sections or (name and not isinstance(changed[section], dict)):
            hint = suggestion(section, sorted(sections))
            raise TTOError(f"config: {key!r} is not a setting that can be varied{hint}")
        if name:
            changed[section][name] = value
        else:
            changed[section] = value
    return changed
