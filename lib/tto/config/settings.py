"""Settings of one dataset: a section of the config and everything that changes it.

From the most general to the most special: the section itself, the same section of the experiment
that the dataset belongs to, the section's `overrides` for the dataset, and changes. Changes are
dotted keys of the config with their values, as in `{"planning.horizon": 5}`. Trials, tuned choices
and variants of a model are changes.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from tto.config.check import EXPERIMENTS, is_periodic, sorted_keys
from tto.files import cut_name

Config = Mapping[str, Any]
Changes = Mapping[str, Any]

UNCHANGED = "unchanged"  # the name of no changes
_LONGEST = 150  # characters of a name; a file's has 255 at most, with what is added to it


def settings_of(config: Config, section: str, dataset: str, changes: Changes | None = None) -> Any:
    """The settings of a section for a dataset; a section that is a single value gives that value.

    Args:
        config: a whole config, with the keys of `config/config.yaml`.
        section: name of the section: model, training, planning, discount, ...
        dataset: id of the dataset.
        changes: settings that count before all others.
    """
    changes = changes or {}
    if section in changes:
        return changes[section]
    settings = config[section]
    if not isinstance(settings, Mapping):
        return settings
    settings = dict(settings)
    overrides = settings.pop("overrides", {})
    experiment = experiment_of(config, dataset)
    if experiment is not None:
        settings |= config[experiment].get(section, {})
    settings |= overrides.get(dataset) or {}  # null takes an override out
    settings |= {key.split(".", 1)[1]: v for key, v in part_of(changes, [section]).items()}
    return sorted_keys(settings)


def experiment_of(config: Config, dataset: str) -> str | None:
    """The experiment of `EXPERIMENTS` that a dataset belongs to; None for offline RL's."""
    return next((name for name in EXPERIMENTS if dataset in datasets_of(config, name)), None)


def datasets_of(config: Config, experiment: str | None = None) -> dict[str, Any]:
    """Entries of an experiment's datasets, or of offline RL's, without those that are null."""
    owner = config if experiment is None else config.get(experiment, {})
    return {name: entry for name, entry in owner.get("datasets", {}).items() if entry is not None}


def changes_in(sections: Mapping[str, Any]) -> dict[str, Any]:
    """Changes that are written as sections: `{"model": {"width": 8}}` to `{"model.width": 8}`."""
    return {
        f"{section}.{key}": value
        for section, settings in sections.items()
        for key, value in settings.items()
    }


def part_of(changes: Changes, sections: Iterable[str]) -> dict[str, Any]:
    """The changes of some sections."""
    wanted = set(sections)
    return {key: value for key, value in changes.items() if key.split(".")[0] in wanted}


def name_of(changes: Changes) -> str:
    """Changes as a name for files: `planning.beam_width=4,planning.horizon=2`.

    A name that files or Snakemake cannot have is cut, and a digest of the whole is appended.
    """
    name = ",".join(f"{key}={text_of(changes[key])}" for key in sorted(changes)) or UNCHANGED
    if len(name) <= _LONGEST and not is_periodic(name):
        return name
    return cut_name(name, _LONGEST)


def text_of(value: object) -> str:
    """A value as the config writes it."""
    if value is None:
        return "null"
    if isinstance(value, list):
        return "-".join(map(text_of, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
