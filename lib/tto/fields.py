"""Records whose fields are checked against their annotations when they are made.

A record comes from a config, from Python, or from a file that may be damaged or foreign. Its values
then decide sizes of arrays, also in compiled code, which checks nothing. So each field is annotated
by its type and, where not every value makes sense, its range:

    layers: Annotated[int, Between(1, 1000)] = 4

Relations between fields are checked by each record itself.
"""

import dataclasses
import functools
import types
import typing
from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

import numpy as np

from tto.errors import TTOError, number_meant, shown


@dataclasses.dataclass(frozen=True)
class Between:
    """The range of a number, or of each number in a sequence.

    Attributes:
        low, high: the bounds; None has no bound.
        open_low, open_high: whether the bound itself is excluded.
    """

    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False

    def holds(self, value: float) -> bool:
        """Whether a number is in the range."""
        above = self.low is None or (value > self.low if self.open_low else value >= self.low)
        below = self.high is None or (value < self.high if self.open_high else value <= self.high)
        return above and below

    def __str__(self) -> str:
        parts = []
        if self.low is not None:
            parts.append(f"{'above' if self.open_low else 'at least'} {self.low:.15g}")
        if self.high is not None:
            parts.append(f"{'below' if self.open_high else 'at most'} {self.high:.15g}")
        return " and ".join(parts)


@dataclasses.dataclass(frozen=True)
class Printable:
    """A limit of texts: one line, neither empty nor long.

    Attributes:
        most: largest number of characters.
        without: a text that is not allowed, such as the ":" after a module's name: environments'
            ids in files name no module, since the module of an id is imported, which runs it.
    """

    most: int = 200
    without: str = ""

    def holds(self, value: str) -> bool:
        """Whether a text is within the limit."""
        allowed = not self.without or self.without not in value
        return allowed and 0 < len(value) <= self.most and value.isprintable()

    def __str__(self) -> str:
        without = f" without {self.without!r}" if self.without else ""
        return f"of one line and at most {self.most} characters{without}"


_LARGEST = 1e300  # of a number with a fraction; whole numbers above it do not fit into a float
_MOST_ITEMS = 100  # of a list, such as the layers of a network
POSITIVE = Between(0, open_low=True)
COUNT = Between(1, 10**9)  # as in the config's schema
UNITS = Between(1, 100_000)  # of a layer of a network
SHARE = Between(0, 1, open_low=True, open_high=True)  # of a whole of which something must be left


def check_fields(record: Any, section: str) -> None:
    """Check the type and range of each field of a dataclass, for its `__post_init__`.

    Integers pass as floats, but booleans do not pass as numbers; no number may be NaN or infinite.
    NumPy's numbers become Python's.

    Args:
        section: first part of the fields' names in errors, such as "model" for "model.layers".

    Raises:
        TTOError: a value is of another type, or out of range.
    """
    for name, annotation in _annotations(type(record)).items():
        value = getattr(record, name)
        if isinstance(value, np.generic):
            value = value.item()
            object.__setattr__(record, name, value)  # the record may be frozen
        if not _fits(value, annotation):
            hint = number_meant(value) if isinstance(value, str) else ""
            raise TTOError(
                f"{section}.{name}: expected {_words(annotation)}, got {shown(value)}{hint}"
            )


@functools.cache
def _annotations(record: type) -> dict[str, Any]:
    hints = typing.get_type_hints(record, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(record)}


def _parts(annotation: Any) -> tuple[Any, list[Any]]:
    """A type without its `Annotated`, and the limits in that."""
    if get_origin(annotation) is not typing.Annotated:
        return annotation, []
    kind, *limits = get_args(annotation)
    return kind, [limit for limit in limits if isinstance(limit, Between | Printable)]


def _fits(value: Any, annotation: Any) -> bool:
    kind, limits = _parts(annotation)
    if get_origin(kind) in (typing.Union, types.UnionType):
        return any(_fits(value, choice) for choice in get_args(kind))
    if get_origin(kind) is Literal:
        return any(type(value) is type(choice) and value == choice for choice in get_args(kind))
    if get_origin(kind) is Sequence or get_origin(kind) is tuple:
        item = get_args(kind)[0]
        fits = isinstance(value, list | tuple) and len(value) <= _MOST_ITEMS
        fits = fits and all(_fits(each, item) for each in value)
    elif kind is float:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        fits = fits and -_LARGEST < value < _LARGEST  # NaN is not, either
    elif kind is int:
        fits = isinstance(value, int) and not isinstance(value, bool)
    elif kind is None or kind is type(None):
        return value is None
    else:
        fits = isinstance(value, kind)
    return fits and all(limit.holds(value) for limit in limits)


def _words(annotation: Any) -> str:
    kind, limits = _parts(annotation)
    if get_origin(kind) in (typing.Union, types.UnionType):
        return " or ".join(map(_words, get_args(kind)))
    if get_origin(kind) is Literal:
        return ", ".join(map(str, get_args(kind)))
    if get_origin(kind) in (Sequence, tuple):
        return f"a list, each {_words(get_args(kind)[0])}"
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    names[type(None)] = "null"
    return " ".join([names.get(kind, getattr(kind, "__name__", str(kind))), *map(str, limits)])
