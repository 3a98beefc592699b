"""Check the workflow's config against its schema; the first fault becomes one readable line."""

import itertools
import math
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from tto.errors import TTOError, suggestion


def check_config(config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Check a config.

    Unknown keys are reported before missing ones: a misspelt key causes both faults.

    Raises:
        TTOError: the first fault in `config`: a key or value that `schema` does not allow, an
            unknown dataset, or settings that contradict each other.
    """
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=_urgency)
    if errors:
        raise TTOError(describe(errors[0]))
    _check_owners(config)
    if config["rewards"]["ignored"] and config["planning"]["objective"] == "return":
        raise TTOError(
            "config: planning.objective must not be 'return' where rewards.ignored is true, since "
            "the tokens then hold no rewards; set it to likelihood"
        )
    for section in ("planning", "training"):
        _check_datasets(f"{section}.overrides", config[section]["overrides"], config["datasets"])
    _check_episodes(config)
    analysis = config["model_analysis"]
    for variant, changes in analysis["variants"].items():
        where = f"model_analysis.variants.{variant}.datasets"
        _check_datasets(where, (changes or {}).get("datasets", []), analysis["datasets"])


def _check_datasets(where: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            hint = suggestion(name, sorted(known))
            raise TTOError(f"config: unknown dataset {name!r} in {where}{hint}")


def _check_owners(config: Mapping[str, Any]) -> None:
    """Check that each dataset belongs to one experiment: its models have that one's settings."""
    owners: dict[str, str] = {}
    experiments = ("imitation", "goal_reaching", "model_analysis")
    for section in ("datasets", *(f"{name}.datasets" for name in experiments)):
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
    reported = max(config["rollouts"], pairs)
    shift = config["evaluation"]["seed"] - config["trials"]["seed"]
    for one, other in itertools.product(seeds, seeds):
        distance = shift + 1000 * (
            one - other
        )  # from the first seed of trials to the first reported one
        if -reported < distance < config["trials"]["rollouts"]:
            first = config["trials"]["seed"] + 1000 * other + max(distance, 0)
            free = config["evaluation"]["seed"] + 1000 * (max(seeds) + 1) + reported
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
        return f"config: unknown key {unknown!r} in {where}{suggestion(unknown, sorted(known))}"
    if error.validator == "not":
        return f"config: {where} cannot be set for one dataset; remove it"
    if error.validator == "required":
        required: Any = error.validator_value
        missing = next(key for key in required if key not in error.instance)
        return f"config: {where} lacks the key {missing!r}; config/config.yaml shows it"
    return f"config: {where} must be {_expectation(error)}, not {error.instance!r}{_hint(error)}"


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
        meant = [inner for inner in error.context if inner.validator != "type"]
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
        case "uniqueItems":
            return "without repetition"
        case _:
            return f"such that {error.validator} is {value!r}"


def _hint(error: ValidationError) -> str:
    """The decimal form of a number that YAML 1.1 reads as text, such as `1e-3`."""
    if isinstance(error.instance, str) and error.validator == "type":
        try:
            return f"; write {Decimal(error.instance):f}"
        except InvalidOperation:
            return ""
    return ""
