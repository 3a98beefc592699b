"""A finished run's tables, figures and rows, in a small folder that can be committed.

The folder is replaced each time, except `notes.md`: a person writes it, and the index page begins
with it. Files that are too large for a repository are left out and named on the page.
"""

import json
import re
import shutil
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from tto.errors import TTOError
from tto.files import StrPath, atomic_path
from tto.report.page.contents import SECTIONS, Item

NOTES = "notes.md"
# Bytes of a file, of all films together, and of all other files together
LARGEST, FILMS, MOST = 1_000_000, 6_000_000, 3_000_000
_RESERVE = 150_000  # bytes reserved for the index page, which repeats tables
# Files to publish, most important first: later ones are left out if there is no space.
_WANTED = (
    "config.yaml",
    "claims.csv",
    "claims.md",
    "rollouts.csv",
    "goal_reaching.csv",
    "plan_times.csv",
    "tables/*.csv",
    "tables/*.md",
    "tables/*.tex",
    "sweeps/*.csv",
    "figures/*.png",
    "figures/*/*.png",
    "figures/*.pdf",
    "figures/*/*.pdf",
    "log_likelihoods.csv",
    "figures/*.webp",
)
_FILMS = ("figures/films/*.webp",)


def publish(
    results: StrPath,
    folder: StrPath,
    provenance: Mapping[str, Any],
    *,
    made: Iterable[StrPath] | None = None,
    largest: int = LARGEST,
    films: int = FILMS,
    most: int = MOST,
) -> list[str]:
    """Copy the tables, figures and rows of a finished run to a folder, with an index page.

    The folder is replaced as a whole, or stays as it was if anything fails.

    Args:
        results: folder of the finished run.
        folder: folder to write; the notes in it are kept.
        provenance: result of `tto.report.page.provenance.provenance`, which is stored, too.
        made: files of the run that count; others may stem from an earlier config. None takes all.
        largest: maximum size of one file in bytes.
        films: maximum size of all films together in bytes.
        most: maximum size of all other files together in bytes.

    Returns:
        The files that were left out, as paths in `results`.

    Raises:
        TTOError: the run has no claims or no config, or its tables alone are too large.
    """
    results, folder = Path(results), Path(folder)
    for name in ("claims.md", "config.yaml"):
        if not (results / name).is_file():
            raise TTOError(f"{results / name}: expected a finished run, got none; run it first")
    counted = None if made is None else {*map(Path, made)}
    with atomic_path(folder) as target:
        target.mkdir()
        notes = folder / NOTES
        if notes.is_file():
            shutil.copyfile(notes, target / NOTES)
        stored = json.dumps(provenance, indent=2) + "\n"
        (target / "provenance.json").write_text(stored, encoding="utf-8")
        space = most - _RESERVE - _size(target)
        left_out = _copy(results, target, _WANTED, counted, largest=largest, space=space)
        others = _size(target)
        left_out += _copy(results, target, _FILMS, counted, largest=largest, space=films)
        of_films = _size(target) - others
        page = index_page(target, folder.name, provenance, left_out)
        (target / "README.md").write_text(page, encoding="utf-8")
        if (size := _size(target) - of_films) > most:
            raise TTOError(f"{folder}: expected at most {most} bytes, got {size}; shorten {NOTES}")
    return left_out


def _copy(
    results: Path,
    target: Path,
    patterns: Iterable[str],
    counted: Collection[Path] | None,
    *,
    largest: int,
    space: int,
) -> list[str]:
    """Copy files that count and fit, most important first; return those that do not fit."""
    left_out = []
    for pattern in patterns:
        for path in sorted(results.glob(pattern)):
            if counted is not None and path not in counted:
                continue
            name, size = path.relative_to(results), path.stat().st_size
            if size > min(largest, space):
                left_out.append(name.as_posix())
                continue
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / name)
            space -= size
    return left_out


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def index_page(
    folder: Path, run: str, provenance: Mapping[str, Any], left_out: Iterable[str]
) -> str:
    """Return the folder's page: provenance, notes, tables and pictures in the report's order."""
    parts = [f"# Results of the run `{run}`", _origin(provenance)]
    if (folder / NOTES).is_file():
        parts.append((folder / NOTES).read_text(encoding="utf-8").strip())
    for section in SECTIONS:
        shown = [part for item in section.items for part in _shown(item, folder)]
        parts += [f"## {section.title}", *shown] if shown else []
    parts += ["## Files", *_files(folder, left_out)]
    parts += ["## Time", _times(provenance["seconds_by_rule"])]
    return "\n\n".join(parts) + "\n"


def _shown(item: Item, folder: Path) -> list[str]:
    """Return a table, a picture, or links to several pictures; nothing if the run has none."""
    if item.kind == "table":
        # claims.md is not in tables/
        paths = (folder / f"{item.path}.md", folder / f"{Path(item.path).name}.md")
        texts = [path.read_text(encoding="utf-8") for path in paths if path.is_file()]
        return [re.sub(r"\A# .*\n+", "", text).strip() for text in texts[:1]]
    names = [path.relative_to(folder).as_posix() for path in item.files(folder)]
    if "*" in item.path:
        links = [f"[{Path(name).stem}]({name})" for name in names]
        return [f"{item.title}: {', '.join(links)}."] if links else []
    return [f"![{item.title}: {item.alt}]({name})\n\n*{item.title}.*" for name in names]


def _origin(provenance: Mapping[str, Any]) -> str:
    machine, versions = provenance["machine"], provenance["versions"]
    packages = ", ".join(f"{name} {number}" for name, number in versions.items() if number)
    commit = provenance["commit"]
    return "\n\n".join(
        [
            f"Made by\n\n    {provenance['command']}",
            (f"at commit `{commit}`, " if commit else "")
            + f"on {machine['cores']} cores of {machine['processor']} with "
            f"{machine['memory_gib']} GiB of memory ({machine['system']}); {packages}. The whole "
            f"config is [config.yaml](config.yaml) (SHA-256 `{provenance['config_sha256']}`), and "
            "all of this is also in [provenance.json](provenance.json).",
        ]
    )


def _files(folder: Path, left_out: Iterable[str]) -> list[str]:
    raw = ("rollouts.csv", "goal_reaching.csv", "log_likelihoods.csv", "claims.csv")
    links = [f"[{name}]({name})" for name in raw if (folder / name).is_file()]
    links += [
        f"[{path.parent.name}/{path.name}]({path.parent.name}/{path.name})"
        for path in sorted(folder.glob("sweeps/*.csv"))
    ]
    missing = ", ".join(f"`{name}`" for name in left_out)
    return [
        f"Raw rows: {', '.join(links)}.",
        *([f"Left out because they are too large: {missing}."] if missing else []),
    ]


def _times(seconds: Mapping[str, float]) -> str:
    """Return a table of hours, longest first; rules below 1 % of the total share a row."""
    total = sum(seconds.values())
    long = {rule: s for rule, s in seconds.items() if s >= 0.01 * total}
    rows = sorted(long.items(), key=lambda item: -item[1])
    rows += [("others", total - sum(long.values())), ("all jobs together", total)]
    lines = [f"| {rule} | {value / 3600:.2f} |" for rule, value in rows]
    return "\n".join(["| rule | hours of all its jobs |", "|---|---:|", *lines])
