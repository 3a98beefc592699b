# What Snakemake defines in a script that it runs; its params have no static types.
from typing import Any

snakemake: Any
