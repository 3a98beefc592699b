"""What Snakemake's command line says about the config: files to read, and values of its own.

Snakemake reads the files of `--configfile` before the Snakefile, by a reader that fails with a
traceback on a value in itself, and that runs the Python in a file with `__use_yte__`. So the
profiles, which Snakemake reads earlier still, have them checked here.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from tto.config.file import read_config_file
from tto.errors import TTOError


def check_config_files(arguments: Sequence[str]) -> None:
    """Check the config files that Snakemake is about to read.

    Args:
        arguments: Snakemake's command line, without the name of the program.

    Raises:
        TTOError: a file cannot be read, is no config (`tto.config.file.read_config_file`), or is a
            template, whose expressions Snakemake would run.
    """
    for path in _config_files(arguments):
        if "__use_yte__" in read_config_file(path):
            raise TTOError(
                f"config {path}: expected plain values, got a template (__use_yte__), which would "
                "run code; write the values that it makes"
            )


def _config_files(arguments: Sequence[str]) -> Iterator[str]:
    """The files after `--configfile`, `--configfiles` or what argparse takes for these."""
    among_files = False
    for argument in arguments:
        if argument.startswith("-"):
            option, _, first = argument.partition("=")
            among_files = option > "--config" and "--configfiles".startswith(option)
            if among_files and first:
                yield first
        elif among_files:
            yield argument


@contextlib.contextmanager
def explained_on_command_line(given: Mapping[str, Any]) -> Iterator[None]:
    """Say in an error about `--config` how to write its value as an overlay.

    Snakemake reads the numbers in lists and mappings of `--config` as text, `[0]` as `['0']`.

    Args:
        given: the entries of `--config`, as Snakemake read them.

    Raises:
        TTOError: the error of the block, with more words if it is about such an entry.
    """
    try:
        yield
    except TTOError as error:
        nested = [key for key, value in given.items() if isinstance(value, Mapping | list)]
        about = next(
            (key for key in nested if re.search(rf"\b{re.escape(key)}\b", str(error))), None
        )
        if about is None:
            raise
        line = yaml.safe_dump({about: _numbers(given[about])}, default_flow_style=True, width=1000)
        raise TTOError(
            f"{error}; --config reads numbers in lists and mappings as text: write "
            f"`{line.strip()[1:-1]}` into a file mine.yaml and run with --configfile mine.yaml"
        ) from error


def _numbers(value: Any) -> Any:
    """A value with numbers, true, false and null in place of their text."""
    if isinstance(value, Mapping):
        return {str(key): _numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_numbers(inner) for inner in value]
    try:
        read = yaml.safe_load(str(value))
    except (ValueError, yaml.YAMLError):
        return str(value)
    return read if read is None or isinstance(read, bool | int | float) else str(value)
