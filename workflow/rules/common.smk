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
from tto.data.four_rooms import ACTION_NOISE
from tto.digest import code_digest
from tto.errors import TTOError

BASE = Path(workflow.basedir)
# Threads that spin while they wait take the processor from others.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
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


def present(datasets):
    """The datasets that no overlay took out."""
    return {name: spec for name, spec in datasets.items() if spec is not None}


# Offline RL has the top level's datasets; other experiments have their own, and their own settings.
OFFLINE = present(config["datasets"])
IMITATION = present(config["imitation"]["datasets"])
ROOMS = present(config["goal_reaching"]["datasets"])
ANALYSIS = present(config["model_analysis"]["datasets"])
EXPERIMENTS = {"imitation": IMITATION, "goal_reaching": ROOMS, "model_analysis": ANALYSIS}
DATASETS = OFFLINE | IMITATION | ROOMS | ANALYSIS
DOWNLOADS = "results/downloads/d4rl"  # shared by all runs
SEEDS = config["seeds"]
ROLLOUTS = range(config["rollouts"])
PAIRS = range(-(-config["goal_reaching"]["pairs"] // len(SEEDS)))  # of one model
GPUS = int(config["device"] == "cuda")  # of a training or planning job


def one_of(names):
    """Wildcard constraint: one of some names, or nothing at all."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    dataset=one_of(DATASETS),
    method="[a-z0-9_]+",
    seed="[0-9]+",


def stage_code(script):
    """Digest of a rule's script and of the library modules behind it; a param, so that a change reruns."""
    return code_digest(BASE / "workflow/scripts" / script)


def datasets_from(*sources):
    """Wildcard constraint: the datasets of some sources."""
    return one_of(name for name, spec in DATASETS.items() if spec["source"] in sources)


def evaluation_of(wildcards):
    """A param: where and how the models of a dataset are evaluated."""
    spec, evaluation = DATASETS[wildcards.dataset], config["evaluation"]
    return {
        "env_id": spec["env"],
        "source": spec["source"],
        "offset": evaluation["seed"],
        "max_steps": evaluation["max_steps"],
    }


def experiment_of(wildcards, section):
    """What the experiment that a dataset belongs to sets differently in a section of the config."""
    for name, datasets in EXPERIMENTS.items():
        if wildcards.dataset in datasets:
            return config[name].get(section, {})
    return {}


def model_of(wildcards):
    """A param: the model's sizes and variants."""
    return config["model"] | experiment_of(wildcards, "model")


def training_of(wildcards):
    """A param: how models of a dataset are trained; not by how many processes or threads."""
    settings = with_overrides(config["training"], wildcards.dataset)
    settings |= experiment_of(wildcards, "training")
    return {key: value for key, value in settings.items() if key not in ("processes", "threads")}


def planning_of(wildcards):
    """A param: how models of a dataset plan."""
    settings = with_overrides(config["planning"], wildcards.dataset)
    return settings | experiment_of(wildcards, "planning")


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


def rollouts_of(datasets, methods, rollouts):
    """Files of all episodes of some datasets and methods."""
    return expand(
        f"{RESULTS}/rollouts/{{dataset}}/{{method}}/seed{{seed}}-rollout{{rollout}}.h5",
        dataset=datasets,
        method=methods,
        seed=SEEDS,
        rollout=rollouts,
    )
