"""`tto new`: from a user's data to an overlay, and words on what the workflow makes of it."""

import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from tto.cli.new_data import look_into
from tto.cli.new_overlay import describe, new_run, overlay_text, read_base, run_name
from tto.errors import TTOError
from tto.files import atomic_path


def write_new(
    data: str | None,
    *,
    env: str | None = None,
    name: str | None = None,
    output: Path | None = None,
    jumps: str | None = None,
    force: bool = False,
) -> Iterator[str]:
    """Write the overlay; yield lines for the user.

    Args:
        data, env, jumps: as in `tto.cli.new_data.look_into`.
        name: name of the run; None takes that of the data.
        output: file to write; None takes the run's name.
        force: whether the file may exist; it is overwritten.

    Raises:
        TTOError: the data cannot be read, or the file exists.
    """
    base = read_base()
    found = look_into(data, env=env, jumps=jumps)
    run = new_run(run_name(name, found), found, base)
    path = output or Path(f"{run.name}.yaml")
    if path.exists() and not force:
        raise TTOError(f"{path}: expected a new file, found one; name another, or add --force")
    with atomic_path(path) as temporary:
        temporary.write_text(overlay_text(run, file=shlex.quote(str(path))), encoding="utf-8")
    yield from (f"{found.name}:", *(f"  {line}" for line in describe(found)))
    yield f"wrote {path}"
    yield "measuring how fast this machine trains and plans ..."
    from tto.cli.run_time import in_words, seconds_of  # PyTorch, which takes seconds

    time = in_words(seconds_of(run, base))
    methods = ["behaviour cloning", *base["baselines"]["methods"]]
    yield (
        f"The run trains a Transformer ({run.updates:,} updates), {' and '.join(methods)}, "
        f"plays {run.overlay['rollouts']} episodes with each, and ends with "
        f"results/{run.name}/report.html."
    )
    yield f"It takes {time} on this machine if nothing else runs. To see its jobs, and to run it:"
    yield ""
    program = _snakemake()
    yield f"    {program} -n --configfile {shlex.quote(str(path))}"
    yield f"    {program} --cores all --configfile {shlex.quote(str(path))}"


def _snakemake() -> str:
    """Snakemake as the user's shell finds it: by its name, or in this Python's environment."""
    if shutil.which("snakemake"):
        return "snakemake"
    beside = Path(sys.executable).with_name("snakemake")
    return str(beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside)
