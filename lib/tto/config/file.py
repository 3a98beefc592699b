"""Config files read strictly, and the rule that a config holds plain values only.

YAML keeps the last of two equal keys, reads `2020-01-01` as a date and `no` as a boolean, and lets
a value contain itself. Each of these would silently change a setting or fail far from its cause, so
they are refused here, before the schema is looked at.
"""

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from tto.errors import TTOError, one_line, shown
from tto.files import StrPath
from tto.methods import BASELINES

_MOST_VALUES = (
    100_000  # in a whole config; aliases of aliases can stand for more than fit in memory
)
_LONGEST = 200_000  # characters of a file; reading YAML takes seconds for as many
_DEEPEST = 50  # levels of mappings and lists
_LARGEST = 2**63 - 1  # integers that all libraries store
# Mappings with entries that overlays name; null in place of one takes all its entries out
_NAMED = (
    ("datasets",),
    ("imitation", "datasets"),
    ("goal_reaching", "datasets"),
    ("model_analysis", "datasets"),
    ("model_analysis", "variants"),
    ("ablations", "sweeps"),
    *(("tuning", name) for name in ("planners", "cloning", *BASELINES)),
)


def read_config_file(path: StrPath) -> dict[str, Any]:
    """Read a config from YAML or JSON, as plain values with text keys.

    Raises:
        TTOError: the file cannot be read, is neither, repeats a key, or holds anything but a
            mapping of plain values (`check_plain`).
    """
    name = os.fspath(path)
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise ValueError("a folder or device")  # a device may be endless
        with open(path, encoding="utf-8") as file:
            text = file.read(_LONGEST + 1)
        if len(text) > _LONGEST:
            raise ValueError(f"more than {_LONGEST} characters")
        config = _parsed(text)
        if isinstance(config, dict):
            check_plain(config)
    except TTOError as error:
        raise TTOError(f"{error} (in {name})") from error
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise TTOError(
            f"config {name}: expected YAML or JSON, got a file that cannot be read "
            f"({one_line(error)}); correct it there"
        ) from error
    if not isinstance(config, dict):
        raise TTOError(
            f"config {name}: expected keys with values, such as `seeds: [0]`, got {shown(config)}"
        )
    return config


def _parsed(text: str) -> Any:
    try:
        # YAML lacks a part of JSON, such as tabs between values
        return json.loads(text, object_pairs_hook=_without_repetition)
    except json.JSONDecodeError:
        return _StrictLoader(text).get_single_data()


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen = set()
    for key, _ in pairs:
        if key in seen:
            raise TTOError(f"config: the key {key!r} is there twice; remove one of them")
        seen.add(key)
    return dict(pairs)


class _StrictLoader(yaml.SafeLoader):
    """YAML without repeated keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = (key_node.tag, str(key_node.value))
            if key in seen and key_node.tag != "tag:yaml.org,2002:merge":
                raise TTOError(
                    f"config: line {key_node.start_mark.line + 1}: the key "
                    f"{str(key_node.value)!r} is there twice; remove one of them"
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def check_plain(config: Mapping[str, Any]) -> None:
    """Check that a config is made of mappings with text keys, lists, and plain values.

    Plain values are text without control characters, finite numbers, booleans and null.

    Raises:
        TTOError: the first value that is not plain, a value that contains itself, or too many
            values.
    """
    count = 0

    def check(value: Any, where: str, above: tuple[int, ...]) -> None:
        nonlocal count
        count += 1
        if count > _MOST_VALUES:
            raise TTOError(f"config: expected at most {_MOST_VALUES} values, got more at {where}")
        if isinstance(value, Mapping | list):
            if id(value) in above:
                raise TTOError(f"config: {where} contains itself; remove the alias (*) there")
            if len(above) >= _DEEPEST:
                raise TTOError(f"config: expected at most {_DEEPEST} levels, got more at {where}")
            above = (*above, id(value))
        if isinstance(value, Mapping):
            for key, inner in value.items():
                if not isinstance(key, str):
                    raise TTOError(
                        f"config: the key {shown(key)} in {where or 'the top level'} is not "
                        "text; write it in quotes"
                    )
                _check_text(key, f"the key {shown(key)} in {where or 'the top level'}")
                check(inner, f"{where}.{key}" if where else key, above)
        elif isinstance(value, list):
            for i, inner in enumerate(value):
                check(inner, f"{where}.{i}", above)
        else:
            _check_scalar(value, where)

    check(config, "", ())


def restore_empty_mappings(config: dict[str, Any], overlays: Iterable[Mapping[str, Any]]) -> None:
    """Put the empty mappings of overlays back into the config that Snakemake merged.

    Over a list, a number or null, Snakemake's merging takes `{}` for no change, so that `seeds: {}`
    would pass without a word. With it in its place, the schema says what was expected there.

    Args:
        config: the merged config, which is changed.
        overlays: what was merged into it, in that order.
    """
    last: dict[tuple[str, ...], Any] = {}
    for overlay in overlays:
        last.update(_leaves(overlay))
    for path in (path for path, value in last.items() if isinstance(value, Mapping)):
        place = _at(config, path[:-1])
        if isinstance(place, dict) and not isinstance(place.get(path[-1]), Mapping):
            place[path[-1]] = {}


def take_out_entries(config: dict[str, Any], files: Iterable[Mapping[str, Any]]) -> None:
    """Write a null for each entry that a null in place of all entries takes out.

    `datasets: null` or `tuning: null` takes out what earlier files name there, not what later ones
    do. Snakemake merges overlays with each other first, and loses which came first.

    Args:
        config: the merged config, which is changed.
        files: all that was merged into it, in that order, config.yaml and `--config` included.
    """
    files = list(files)
    if _is_null(config, ("tuning",)):
        config["tuning"] = {}
    for path in _NAMED:
        nulls = [path, path[:1]] if path[0] == "tuning" else [path]
        named: dict[str, bool] | None = None  # entries, and whether they are taken out
        for file in files:
            part = _at(file, path)
            if isinstance(part, Mapping):
                named = (named or {}) | dict.fromkeys(part, False)
            elif named and any(_is_null(file, null) for null in nulls):
                named = dict.fromkeys(named, True)
        owner = _at(config, path[:-1])
        if named is None or not isinstance(owner, dict):
            continue
        if owner.get(path[-1]) is None:
            owner[path[-1]] = {}
        if isinstance(owner[path[-1]], dict):
            owner[path[-1]] |= {name: None for name, is_out in named.items() if is_out}


def _is_null(tree: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    """Whether a path of keys ends with null."""
    owner = _at(tree, path[:-1])
    return isinstance(owner, Mapping) and path[-1] in owner and owner[path[-1]] is None


def _at(tree: Any, path: tuple[str, ...]) -> Any:
    """The value at a path of keys, or None."""
    for key in path:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


def _leaves(
    tree: Mapping[str, Any], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Paths and values of all but the mappings that hold something."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key), value


def _check_scalar(value: Any, where: str) -> None:
    if isinstance(value, str):
        _check_text(value, where)
    elif isinstance(value, float) and not math.isfinite(value):
        raise TTOError(f"config: {where} must be a finite number, not {value}")
    elif isinstance(value, int) and abs(value) > _LARGEST:
        raise TTOError(f"config: {where} must be below 2^63, not a larger number")
    elif value is not None and not isinstance(value, bool | int | float):
        raise TTOError(
            f"config: {where} must be text, a number, true, false or null, not "
            f"{type(value).__name__}; write it in quotes"
        )


def _check_text(text: str, where: str) -> None:
    if not text.isprintable():
        raise TTOError(
            f"config: {where} must be text of one line without control characters, not "
            f"{shown(text)}"
        )
