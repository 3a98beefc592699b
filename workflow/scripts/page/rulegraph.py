"""Rule rulegraph: the paper's rules as a Mermaid picture, in an order that does not change."""

import os
import re
import subprocess
import sys

from tto.files import atomic_path
from tto.job import job

with job(snakemake.log[0], snakemake.output):
    options = ["--nolock", "--forceall", "--rulegraph", "mermaid-js"]
    options += ["--snakefile", snakemake.params.snakefile, "--configfile", snakemake.input[0]]
    drawn = subprocess.run(
        [sys.executable, "-m", "snakemake", *options],
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    names = dict(re.findall(r"(id\d+)\[(\w+)\]", drawn))
    edges = {(names[a], names[b]) for a, b in re.findall(r"(id\d+) --> (id\d+)", drawn)}
    lines = [f"    {a} --> {b}" for a, b in sorted(edges)]
    with atomic_path(snakemake.output[0]) as path:
        path.write_text("\n".join(["flowchart LR", *lines, ""]))
