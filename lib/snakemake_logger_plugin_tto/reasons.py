"""Snakemake's reasons for a job in few words: the keys that changed, with their values."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DIGEST = re.compile(r"[0-9a-f]{16,}")
# Snakemake joins its reasons by "; ", which values of params may hold, too.
BEGINNINGS = (
    "Missing output files: ",
    "Incomplete output files: ",
    "Updated input files: ",
    "Input files updated by another job: ",
    "Set of input files has changed",
    "Code has changed",
    "Params have changed since last execution: ",
    "Software environment definition has changed",
    "Forced execution",
    "Rules with ",
)
PARAMS = re.compile(r"before: (.*) now: (.*)", re.DOTALL)
NOTHING = "<nothing exclusive>"
LONGEST = 40  # characters of a value


@dataclass(frozen=True)
class Why:
    """The reasons for one job: those of its own, and files that another job makes first."""

    reasons: tuple[str, ...]
    updated: tuple[str, ...]


def why(reason: str) -> Why:
    """Read Snakemake's text on why a job runs."""
    own, updated = [], []
    for part in re.split(rf"; (?={'|'.join(map(re.escape, BEGINNINGS))})", reason):
        name, _, rest = part.partition(": ")
        match name:
            case "Missing output files":
                own.append("makes new files")
            case "Incomplete output files":
                own.append("its last run did not end")
            case "Updated input files":
                own.append(f"newer input: {_clipped(rest)}")
            case "Input files updated by another job":
                updated += [
                    file.removesuffix(" (retrieve from storage)") for file in rest.split(", ")
                ]
            case "Params have changed since last execution":
                own += changes(rest)
            case "Forced execution":
                own.append("forced, or unfinished")
            case _ if part.startswith("Set of input files"):
                own.append("other input files")
            case _ if part.startswith("Rules with"):
                pass  # of targets, which are no files
            case _ if part:
                own.append(_clipped(part[0].lower() + part[1:]))
    return Why(tuple(own), tuple(updated))


def changes(text: str) -> list[str]:
    """What changed between params before and now, as `beam_width: 4 -> 5`."""
    found = PARAMS.search(text.strip())
    before, now = (_values(part) for part in found.groups()) if found else (None, None)
    if before is None or now is None:
        return ["params have changed"]
    lines = []
    for old, new in _pairs(before, now):
        if isinstance(old, str) and isinstance(new, str) and all(map(_is_digest, (old, new))):
            lines.append("code or data have changed")
        else:
            lines += _differences(old, new)
    return list(dict.fromkeys(lines))


def _values(text: str) -> list[Any] | None:
    """The values of params, which Snakemake joins without names; None if they are no literals."""
    if text.strip() == NOTHING:
        return []
    try:
        return list(ast.literal_eval(f"({text},)"))
    except (ValueError, SyntaxError):
        return None


_ABSENT = object()


def _pairs(before: list[Any], now: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Values before, each with the one now that is most like it."""
    rest = list(now)
    for old in before:
        best = max(rest, key=lambda new: _likeness(old, new), default=_ABSENT)
        if best is not _ABSENT and _likeness(old, best) > 0:
            rest.remove(best)
            yield old, best
        else:
            yield old, _ABSENT
    for new in rest:
        yield _ABSENT, new


def _likeness(old: Any, new: Any) -> float:
    """How much speaks for two values being one param's, from 0; a setting may become None."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        same = sum(key in new for key in old)
        return 1 + same / max(len(old), len(new), 1)
    if isinstance(old, str) and isinstance(new, str):
        return 2.0 if _is_digest(old) == _is_digest(new) else 0.0
    if isinstance(old, Mapping) or isinstance(new, Mapping) or _is_digest(old) or _is_digest(new):
        return 0.0
    return 1.0 + (type(old) is type(new))


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and DIGEST.fullmatch(value) is not None


def _differences(old: Any, new: Any, place: str = "") -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys([*old, *new]):
            before, now = old.get(key, _ABSENT), new.get(key, _ABSENT)
            if before is _ABSENT or now is _ABSENT or before != now:
                yield from _differences(before, now, f"{place}.{key}" if place else str(key))
        return
    if old is _ABSENT or new is _ABSENT:
        value, word = (new, "new") if old is _ABSENT else (old, "gone")
        yield ": ".join(filter(None, [place, f"{word} ({_clipped(_written(value))})"]))
        return
    yield ": ".join(
        filter(None, [place, f"{_clipped(_written(old))} -> {_clipped(_written(new))}"])
    )


def _written(value: Any) -> str:
    """A value as an overlay has it."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(_written, value))}]"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _clipped(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."
