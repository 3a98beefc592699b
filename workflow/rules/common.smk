# The config checked, and what all rules share: paths, the datasets, the stages' code.

import os
import re
import sys
from pathlib import Path

import yaml

from tto.config import check_config, sorted_keys, with_overrides
from tto.data.collect import uses_ladder
from tto.data.d4rl import d4rl_file
from tto.data.environments import robot_of
from tto.digest import code_digest
from tto.errors import TTOError

BASE = Path(workflow.basedir)
# Jobs find the library even in an environment that it is not installed in (--sdm conda).
os.environ.update(
    PYTHONPATH=os.pathsep.join(filter(None, [str(BASE / "lib"), os.getenv("PYTHONPATH")]))
)

try:
    check_config(config, yaml.safe_load((BASE / "workflow/schemas/config.schema.yaml").read_text()))
except TTOError as error:
    sys.exit(f"Error: {error}")
# Snakemake compares params as text, so their order must not depend on that of an overlay's keys.
config.update(sorted_keys(config))

RESULTS = f"results/{config['run']}"
DATASETS = {name: spec for name, spec in config["datasets"].items() if spec is not None}
DOWNLOADS = "results/downloads/d4rl"  # shared by all runs
SEEDS = config["seeds"]
ROLLOUTS = range(config["rollouts"])
METHODS = ["tto", "bc"]
GPUS = int(config["device"] == "cuda")  # of a training or planning job


wildcard_constraints:
    dataset="|".join(map(re.escape, DATASETS)),
    method="[a-z_]+",
    seed="[0-9]+",


def stage_code(script):
    """Digest of a rule's script and of the library modules behind it; a param, so that a change reruns."""
    return code_digest(BASE / "workflow/scripts" / script)


def datasets_from(*sources):
    """Wildcard constraint: the datasets of some sources, or nothing at all."""
    names = [name for name, spec in DATASETS.items() if spec["source"] in sources]
    return "|".join(map(re.escape, names)) or "(?!)"


def evaluation_of(wildcards):
    """A param: where and how the models of a dataset are evaluated."""
    spec, evaluation = DATASETS[wildcards.dataset], config["evaluation"]
    return {
        "env_id": spec["env"],
        "source": spec["source"],
        "offset": evaluation["seed"],
        "max_steps": evaluation["max_steps"],
    }


def training_of(wildcards):
    """A param: how models of a dataset are trained; not by how many processes or threads."""
    settings = with_overrides(config["training"], wildcards.dataset)
    return {key: value for key, value in settings.items() if key not in ("processes", "threads")}


def dataset_option(key, default=None):
    """A param: a key of the dataset's own entry in the config."""
    return lambda wildcards: DATASETS[wildcards.dataset].get(key, default)


def dataset_file(wildcards):
    """The file or folder that a dataset of another source is made of; Minari keeps its own."""
    spec = DATASETS[wildcards.dataset]
    if spec["source"] == "d4rl":
        return f"{DOWNLOADS}/{d4rl_file(wildcards.dataset)}"
    return spec["path"] if spec["source"] == "file" else []


def dataset_location(wildcards):
    """A param: where the source finds a dataset; for Minari an id, or None for the usual one."""
    return dataset_file(wildcards) or DATASETS[wildcards.dataset].get("id")


def ladder_of(wildcards):
    """The behaviour policies that a collected dataset needs; a user's agent, or none."""
    spec = DATASETS[wildcards.dataset]
    if "agent" in spec:
        return spec["agent"]["path"]
    if not uses_ladder(wildcards.dataset, spec.get("kind")):
        return []
    return f"{config['collect']['actors']}/{robot_of(spec['env'])}/ladder.csv"
