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
from tto.trials import (
    CLONING_SECTIONS,
    MODEL_SECTIONS,
    TOKEN_SECTIONS,
    TUNED_METHODS,
    ablation_trials,
    candidates,
    check_trials,
    name_of,
    part_of,
    tuning_trials,
    varied,
)

BASE = Path(workflow.basedir)
# Threads that spin while they wait take the processor from others.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Jobs find the library even in an environment that it is not installed in (--sdm conda).
os.environ.update(
    PYTHONPATH=os.pathsep.join(filter(None, [str(BASE / "lib"), os.getenv("PYTHONPATH")]))
)

try:
    SCHEMA = yaml.safe_load((BASE / "workflow/schemas/config.schema.yaml").read_text())
    check_config(config, SCHEMA)
    check_trials(config, SCHEMA)
except TTOError as error:
    sys.exit(f"Error: {error}")
# Snakemake compares params as text, so their order must not depend on that of an overlay's keys.
ordered = sorted_keys(config)
config.clear()
config.update(ordered)

RESULTS = f"results/{config['run']}"


def present(datasets):
    """The datasets that no overlay took out."""
    return {name: spec for name, spec in datasets.items() if spec is not None}


# Offline RL has the top level's datasets; other experiments have their own, and their own settings.
OFFLINE = present(config["datasets"])
IMITATION = present(config["imitation"]["datasets"])
ROOMS = present(config["goal_reaching"]["datasets"])
ANALYSIS = present(config["model_analysis"]["datasets"])
ANALYSIS_VARIANTS = present(config["model_analysis"]["variants"])  # of the Transformer
EXPERIMENTS = {"imitation": IMITATION, "goal_reaching": ROOMS, "model_analysis": ANALYSIS}
DATASETS = OFFLINE | IMITATION | ROOMS | ANALYSIS
DOWNLOADS = "results/downloads/d4rl"  # shared by all runs
SEEDS = config["seeds"]
ROLLOUTS = range(config["rollouts"])
PAIRS = range(-(-config["goal_reaching"]["pairs"] // len(SEEDS)))  # of one model
TUNED = {  # by method (tto, bc) and dataset: the trials that choose its settings
    method: {name: tuning_trials(config, method, [name]) for name in OFFLINE}
    for method in TUNED_METHODS
    if candidates(config, method)
}
SWEEPS = {}  # trials of each ablation
for trial in ablation_trials(config):
    SWEEPS.setdefault(trial.sweep, []).append(trial)
CHOICES = [trials for datasets in TUNED.values() for trials in datasets.values()]
TRIALS = {trial.name: trial for trials in [*CHOICES, *SWEEPS.values()] for trial in trials}
VARIED = [
    part_of(trial.settings, sections)
    for trial in TRIALS.values()
    for sections in (MODEL_SECTIONS, CLONING_SECTIONS)
]
VARIANTS = {
    name_of(settings): settings for settings in VARIED
}  # of the models that trials act with
GPUS = int(config["device"] == "cuda")  # of a training or planning job


def one_of(names):
    """Wildcard constraint: one of some names, or nothing at all."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    dataset=one_of(DATASETS),
    method="[a-z0-9_]+",
    seed="[0-9]+",


def growing(amount):
    """A resource: `amount` at a job's first attempt, twice that at the second, and so on."""
    return lambda wildcards, attempt: amount * attempt


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


def rewards_of(wildcards):
    """A param: how rewards become tokens."""
    return config["rewards"] | experiment_of(wildcards, "rewards")


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
    actors = config["collect"]["actors"]
    ladder = f"{actors}/{robot_of(spec['env'])}/ladder.csv"
    # Shipped ones come with the code, wherever results lie.
    return ladder if actors == "results/actors" else local(ladder)


def rollouts_of(datasets, methods, rollouts):
    """Files of all episodes of some datasets and methods."""
    return expand(
        f"{RESULTS}/rollouts/{{dataset}}/{{method}}/seed{{seed}}-rollout{{rollout}}.h5",
        dataset=datasets,
        method=methods,
        seed=SEEDS,
        rollout=rollouts,
    )


def cards_of(datasets):
    """Files of the cards of some datasets."""
    # not `rules.dataset_card.output`, which cannot be expanded where results lie in a bucket
    cards = f"{RESULTS}/figures/datasets/{{dataset}}.{{format}}"
    return expand(cards, dataset=datasets, format=["png", "pdf"])


def settings_of(section):
    """A param: a section's settings, whatever of them a dataset's experiment sets differently."""
    named = {
        "rewards": rewards_of,
        "model": model_of,
        "training": training_of,
        "planning": planning_of,
    }
    return named.get(section, lambda wildcards: config[section])


def varied_settings(section):
    """A param: a section's settings as a trial, or a variant of the models, has them."""

    def settings(wildcards):
        trial = wildcards.get("trial")
        changes = TRIALS[trial].settings if trial else VARIANTS[wildcards.variant]
        return varied(section, settings_of(section)(wildcards), changes)

    return settings


def variant_tokens(wildcards):
    """The tokens of a variant: those of the dataset where bins and rewards are the same."""
    own = part_of(VARIANTS[wildcards.variant], TOKEN_SECTIONS)
    folder = f"{RESULTS}/trials/{wildcards.variant}" if own else RESULTS
    return f"{folder}/tokens/{wildcards.dataset}.h5"


def variant_folder(settings, sections):
    """Where a trial's model is: in its variant's folder, or in the run's where nothing differs."""
    own = part_of(settings, sections)
    return f"{RESULTS}/trials/{name_of(own)}" if own else RESULTS


def trial_model(name):
    """A file of the model that a trial plans with: a variant's, or the dataset's own."""

    def path(wildcards):
        folder = variant_folder(TRIALS[wildcards.trial].settings, MODEL_SECTIONS)
        return f"{folder}/models/{wildcards.dataset}/seed{wildcards.seed}/{name}"

    return path


def cloning_models(name):
    """A file of each model that may clone: a trial's, all candidates, or the config's own."""

    def paths(wildcards):
        tuned = TUNED.get("bc", {}).get(wildcards.dataset, [])
        trials = [TRIALS[wildcards.trial]] if "trial" in wildcards.keys() else tuned
        return [
            f"{variant_folder(settings, CLONING_SECTIONS)}/baselines/{wildcards.dataset}/bc/"
            f"seed{wildcards.seed}/{name}"
            for settings in ([trial.settings for trial in trials] or [{}])
        ]

    return paths


def trial_rollouts(method, trials):
    """Files of all episodes of some trials of a method, in their order."""
    return [
        f"{RESULTS}/trials/{trial.name}/rollouts/{trial.dataset}/{method}/seed{seed}-rollout{j}.h5"
        for trial in trials
        for seed in SEEDS
        for j in range(config["trials"]["rollouts"])
    ]


def trial_evaluation(wildcards):
    """A param: as `evaluation_of`, on other episodes."""
    return evaluation_of(wildcards) | {"offset": config["trials"]["seed"]}


def choice_of(method):
    """The choice that a dataset's episodes wait for, where the method's settings are tuned."""
    return lambda wildcards: (
        f"{RESULTS}/tuning/{method}/{wildcards.dataset}.txt"
        if wildcards.dataset in TUNED.get(method, {})
        else []
    )


def candidates_of(method):
    """A param: what a dataset's choice is made of, by name; nothing where it has none."""
    return lambda wildcards: (
        candidates(config, method) if wildcards.dataset in TUNED.get(method, {}) else {}
    )


def shown(part):
    """Dataset and seed of the model that figure 1 (prediction) or figure 3 (attention) shows."""
    name = config["model_analysis"][part]["dataset"]
    if ANALYSIS and name not in ANALYSIS:
        sys.exit(
            f"Error: model_analysis.{part}.dataset: expected one of model_analysis.datasets "
            f"({', '.join(ANALYSIS)}), got {name}"
        )
    return f"{name}-seed{SEEDS[0]}"


def held_out_transitions(wildcards):
    """A param: an episode is 1000 steps at most, so these hold as many as are asked for."""
    asked = config["model_analysis"]["episodes"]
    if wildcards.dataset == config["model_analysis"]["prediction"]["dataset"]:
        asked = max(asked, config["model_analysis"]["indistinguishable"]["trajectories"])
    return 1000 * asked


def of_prediction(part):
    """Rows about figure 1's dataset, of each seed's models: indistinguishable, prediction_times."""
    dataset = config["model_analysis"]["prediction"]["dataset"]
    paths = expand(f"{RESULTS}/analysis/{part}/{dataset}-seed{{seed}}.csv", seed=SEEDS)
    return paths if ANALYSIS else []


def analysis_variant(section):
    """A param: a section's settings as a variant of the Transformer has them."""

    def settings(wildcards):
        changes = ANALYSIS_VARIANTS[wildcards.model].get(section, {})
        return settings_of(section)(wildcards) | changes

    return settings


def analysis_tokens(wildcards):
    """The tokens that a variant is trained on: its own where it has other bins."""
    own = "discretizer" in ANALYSIS_VARIANTS[wildcards.model]
    folder = f"{RESULTS}/analysis/{wildcards.model}" if own else RESULTS
    return f"{folder}/tokens/{wildcards.dataset}.h5"


def analysed_model(name):
    """A file of the Transformer, or of a variant of it."""

    def path(wildcards):
        own = wildcards.model in ANALYSIS_VARIANTS
        folder = f"{RESULTS}/analysis/{wildcards.model}" if own else RESULTS
        return f"{folder}/models/{wildcards.dataset}/seed{wildcards.seed}/{name}"

    return path


def filmed_episodes(dataset):
    """Names and files of the first model's first episodes."""
    folder = f"{RESULTS}/rollouts/{dataset}"
    if dataset in ROOMS:
        return [("TTO", f"{folder}/goal/seed{SEEDS[0]}-rollout{j}.h5") for j in PAIRS[:6]]
    ours = f"imitation_h{config['imitation']['horizons'][0]}" if dataset in IMITATION else "tto"
    return [
        (name, f"{folder}/{method}/seed{SEEDS[0]}-rollout0.h5")
        for name, method in (("TTO", ours), ("BC", "bc"))
    ]
