"""Check the workflow's config against its schema; the first fault becomes one readable line."""

import itertools
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError

from tto.config.file import check_plain
from tto.errors import TTOError, number_meant, shown, suggestion

# Experiments with datasets and settings of their own; offline RL has the top level's.
EXPERIMENTS = ("imitation", "goal_reaching", "model_analysis")
EPISODES = 1000  # most episodes of one model; the seeds of the next model's episodes follow
# JSON Schema takes 2.0 for an integer, on which `range` and array sizes fail much later.
_Validator = validators.extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


def check_config(config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Check a config.

    Unknown keys are reported before missing ones: a misspelt key causes both faults.

    Raises:
        TTOError: the first fault in `config`: a key or value that `schema` does not allow, an
            unknown dataset, settings that contradict each other, or values that are not plain
            (`tto.config.file.check_plain`).
    """
    check_plain(config)
    errors = sorted(_Validator(schema).iter_errors(config), key=_urgency)
    if errors:
        raise TTOError(describe(errors[0]))
    _check_names(config)
    _check_owners(config)
    if config["rewards"]["ignored"] and config["planning"]["objective"] == "return":
        raise TTOError(
            "config: planning.objective must not be 'return' where rewards.ignored is true, since "
            "the tokens then hold no rewards; set it to likelihood"
        )
    for section in (name for name, value in config.items() if _overrides(value)):
        known = _datasets_with(config, section)
        check_datasets(f"{section}.overrides", _overrides(config[section]), known)
    _check_episodes(config)
    _check_analysis(config["model_analysis"])


def _check_names(config: Mapping[str, Any]) -> None:
    """Check that Snakemake takes the names: it refuses those that end in a repetition."""
    experiments = (config[name]["datasets"] for name in EXPERIMENTS)
    names = itertools.chain(config["datasets"], *experiments, config["ablations"]["sweeps"])
    for name in itertools.chain(names, config["model_analysis"]["variants"]):
        if is_periodic(name):
            raise TTOError(
                f"config: the name {name!r} must not end in the same letters twenty times; choose "
                "another"
            )


def is_periodic(name: str) -> bool:
    """Whether a name ends in twenty repetitions, which Snakemake takes for endless recursion."""
    return re.search(r"(.+?)\1{19}$", name) is not None


def _datasets_with(config: Mapping[str, Any], section: str) -> dict[str, Any]:
    """The datasets of offline RL and of the experiments that have a section, by name.

    The value is null where none of them has the dataset any more.
    """
    owners = (config, *(config[name] for name in EXPERIMENTS if section in config[name]))
    entries = [entry for owner in owners for entry in owner["datasets"].items()]
    return dict(entries) | {name: spec for name, spec in entries if spec is not None}


def _overrides(section: Any) -> list[str]:
    """The datasets that a section has settings of their own for."""
    overrides = section.get("overrides", {}) if isinstance(section, Mapping) else {}
    return [name for name, value in overrides.items() if value is not None]


def _check_analysis(analysis: Mapping[str, Any]) -> None:
    for variant, changes in analysis["variants"].items():
        where = f"model_analysis.variants.{variant}.datasets"
        check_datasets(where, (changes or {}).get("datasets", []), analysis["datasets"])
    if any(spec is not None for spec in analysis["datasets"].values()):
        for part in ("prediction", "attention"):
            where = f"model_analysis.{part}.dataset"
            check_datasets(where, [analysis[part]["dataset"]], analysis["datasets"])


def check_datasets(where: str, names: Iterable[str], known: Mapping[str, Any]) -> None:
    """Raise a `TTOError` for the first name that is none of `known`, or is taken out there.

    Args:
        where: key of the config that holds the names, for the error.
        known: datasets of the config by name; null takes one out.
    """
    present = sorted(name for name, spec in known.items() if spec is not None)
    for name in names:
        if name not in known:
            raise TTOError(
                f"config: unknown dataset {shown(name)} in {where}{suggestion(name, present)}"
            )
        if name not in present:
            raise TTOError(
                f"config: dataset {name!r} is taken out by null, but {where} names it; remove it "
                "there, too"
            )


def _check_owners(config: Mapping[str, Any]) -> None:
    """Check that each dataset belongs to one experiment: its models have that one's settings."""
    owners: dict[str, str] = {}
    for section in ("datasets", *(f"{name}.datasets" for name in EXPERIMENTS)):
        datasets: Any = config
        for key in section.split("."):
            datasets = datasets[key]
        for name in (name for name, spec in datasets.items() if spec is not None):
            if name in owners:
                raise TTOError(
                    f"config: dataset {name!r} is defined both in {owners[name]} and in {section}; "
                    "rename one of them"
                )
            owners[name] = section


def _check_episodes(config: Mapping[str, Any]) -> None:
    """Check that no trial plays a reported episode, so that no setting is chosen on those.

    Episode j of the model with seed k starts from the episode seed `seed + 1000 k + j`
    (`tto.evaluation.rollout.evaluation_seeds`); the pairs of goal reaching use the same seeds.
    """
    seeds = config["seeds"]
    goals = config["goal_reaching"]
    pairs = math.ceil(goals["pairs"] / len(seeds)) if any(goals["datasets"].values()) else 0
    if pairs > EPISODES:
        raise TTOError(
            f"config: goal_reaching.pairs must be at most {EPISODES} for each of the {len(seeds)} "
            f"seeds, not {goals['pairs']}; lower it or add seeds"
        )
    reported = max(config["rollouts"], pairs)
    shift = config["evaluation"]["seed"] - config["trials"]["seed"]
    for one, other in itertools.product(seeds, seeds):
        # from the first seed of trials to the first reported one
        distance = shift + EPISODES * (one - other)
        if -reported < distance < config["trials"]["rollouts"]:
            first = config["trials"]["seed"] + EPISODES * other + max(distance, 0)
            free = config["evaluation"]["seed"] + EPISODES * (max(seeds) + 1) + reported
            raise TTOError(
                "config: trials.seed must keep trials apart from reported episodes, but both use "
                f"the episode seed {first}; set it to {free}"
            )


def describe(error: ValidationError) -> str:
    """A schema error as one line: the key, what was expected, what came and what to do."""
    error = _innermost(error)
    where = ".".join(str(part) for part in error.absolute_path) or "the top level"
    if error.validator == "additionalProperties":
        known, unknown = _known_and_unknown(error)
        return (
            f"config: unknown key {shown(unknown)} in {where}{suggestion(unknown, sorted(known))}"
        )
    if error.validator == "not":
        return f"config: {where} cannot be set for one dataset; remove it"
    if error.validator == "required":
        required: Any = error.validator_value
        missing = next(key for key in required if key not in error.instance)
        return f"config: {where} lacks the key {missing!r}; config/config.yaml shows it"
    hint = number_meant(error.instance) if error.validator == "type" else ""
    return f"config: {where} must be {_expectation(error)}, not {shown(error.instance)}{hint}"


def sorted_keys(value: Any) -> Any:
    """A copy of `value` in which the keys of every mapping are sorted."""
    if isinstance(value, Mapping):
        return {key: sorted_keys(value[key]) for key in sorted(value)}
    return [sorted_keys(item) for item in value] if isinstance(value, list) else value


def _urgency(error: ValidationError) -> tuple[bool, list[str]]:
    return error.validator != "additionalProperties", [str(part) for part in error.absolute_path]


def _innermost(error: ValidationError) -> ValidationError:
    """The error of the alternative that was probably meant, where the schema allows several."""
    while error.context:
        # one that the whole value is of another type for, such as null, was not meant
        meant = [inner for inner in error.context if inner.validator != "type" or inner.path]
        error = min(meant or error.context, key=_urgency)
    return error


def _known_and_unknown(error: ValidationError) -> tuple[list[str], str]:
    schema: Any = error.schema
    known, given = list(schema.get("properties", {})), cast(Mapping[str, Any], error.instance)
    return known, next(key for key in given if key not in known)


def _expectation(error: ValidationError) -> str:
    value: Any = error.validator_value
    match error.validator:
        case "enum":
            return "one of " + ", ".join(str(choice) for choice in value)
        case "const":
            return repr(value)
        case "type":
            return "of type " + (" or ".join(value) if isinstance(value, list) else str(value))
        case "minimum":
            return f"at least {value}"
        case "exclusiveMinimum":
            return f"above {value}"
        case "maximum":
            return f"at most {value}"
        case "exclusiveMaximum":
            return f"below {value}"
        case "pattern":
            schema: Any = error.schema
            return str(schema["description"])
        case "minItems" | "minProperties":
            return f"at least {value} long"
        case "maxItems" | "maxProperties":
            return f"at most {value} long"
        case "minLength":
            return f"text of at least {value} characters"
        case "maxLength":
            return f"text of at most {value} characters"
        case "uniqueItems":
            return "without repetition"
        case _:
            return f"such that {error.validator} is {value!r}"
