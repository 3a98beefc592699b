# The config checked, and what all rules share: paths, the datasets, the stages' code.

import json
import os
import re
from pathlib import Path

from tto.config.check import check_config, sorted_keys
from tto.config.command_line import explained_on_command_line
from tto.config.file import read_config_file, restore_empty_mappings, take_out_entries
from tto.data.collect import dataset_kind, uses_ladder
from tto.data.d4rl import d4rl_file
from tto.data.environments import IMPORTS, env_dimensions, robot_of, split_module
from tto.data.four_rooms import ACTION_NOISE
from tto.digest import DIGESTS, code_digest, data_digest
from tto.job import start_of_workflow
from tto.methods import BASELINES, OURS, SECTIONS
from tto.report.numbers.paper_rows import paper_row
from tto.config.settings import EXPERIMENTS, changes_in, datasets_of, name_of, part_of, settings_of
from tto.config.trials import (
    MODEL_SECTIONS,
    TOKEN_SECTIONS,
    ablation_trials,
    candidates,
    check_trials,
    tuning_trials,
)

BASE = Path(workflow.basedir)
# Threads that spin while they wait take the processor from others.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Jobs find the library even in an environment that it is not installed in (--sdm conda).
os.environ.update(
    PYTHONPATH=os.pathsep.join(filter(None, [str(BASE / "lib"), os.getenv("PYTHONPATH")]))
)

with start_of_workflow(), explained_on_command_line(workflow.config_settings.config):
    files = {path: read_config_file(path) for path in workflow.configfiles}
    overlays = [files[path] for path in workflow.overwrite_configfiles]
    base = [files[path] for path in files if path not in workflow.overwrite_configfiles]
    given = workflow.config_settings.config
    restore_empty_mappings(config, [*overlays, given])
    take_out_entries(config, [*base, *overlays, given])
    if workflow.is_main_process:  # jobs get what it has checked
        SCHEMA = read_config_file(BASE / "workflow/schemas/config.schema.yaml")
        check_config(config, SCHEMA)
        check_trials(config, SCHEMA)
    # Modules that register environments, for all jobs. Files hold ids without a module, and their
    # readers import none that a file names.
    for experiment in (None, *EXPERIMENTS):
        for spec in datasets_of(config, experiment).values():
            home, spec["env"] = split_module(spec["env"])
            config["imports"] += [home] if home and home not in config["imports"] else []
    os.environ[IMPORTS] = ",".join(config["imports"])
    if workflow.is_main_process:
        from tto.cross_checks import check_combinations

        check_combinations(config, env_dimensions)
# Snakemake compares params as text, so their order must not depend on that of an overlay's keys.
ordered = sorted_keys(config)
config.clear()
config.update(ordered)

RESULTS = f"results/{config['run']}"
OFFLINE = datasets_of(config)  # offline RL's
IMITATION = datasets_of(config, "imitation")
ROOMS = datasets_of(config, "goal_reaching")
ANALYSIS = datasets_of(config, "model_analysis")
DATASETS = OFFLINE | IMITATION | ROOMS | ANALYSIS
# Whether the paper's table has a row for one of them; else published numbers say nothing about them.
IN_PAPER = any(map(paper_row, OFFLINE))
# Kinds of the datasets that the project's own policies collect.
LADDER_COLLECTED = {
    name: dataset_kind(name, spec.get("kind"))
    for name, spec in DATASETS.items()
    if spec["source"] == "collect" and "agent" not in spec and uses_ladder(name, spec.get("kind"))
}
# Datasets of the figure loss_ladder; those that an overlay takes out are skipped.
LADDERS = [name for name in config["loss_ladder"]["datasets"] if name in OFFLINE]
DOWNLOADS = "results/downloads/d4rl"  # shared by all runs
TRAINED_ACTORS = "results/actors"  # as an output of this workflow
SEEDS = config["seeds"]
ROLLOUTS = range(config["rollouts"])
METHODS = config["baselines"]["methods"]  # of offline RL, beside TTO and behaviour cloning
PAIRS = range(-(-config["goal_reaching"]["pairs"] // len(SEEDS)))  # of one model
# Trials: those that choose settings, by method and dataset, and those of each ablation.
TUNED = {
    method: {name: tuning_trials(config, method, [name]) for name in OFFLINE}
    for method in (OURS, "bc", *METHODS)
    if candidates(config, method)
}
SWEEPS = {}
for trial in ablation_trials(config):
    SWEEPS.setdefault(trial.sweep, []).append(trial)
CHOICES = [trials for datasets in TUNED.values() for trials in datasets.values()]
TRIALS = {trial.name: trial for trials in [*CHOICES, *SWEEPS.values()] for trial in trials}
# Changes that need models of their own, by name: those of trials, and the variants of model analysis.
TRIAL_VARIANTS = {
    name_of(part): part
    for trial in TRIALS.values()
    for sections in (MODEL_SECTIONS, *([SECTIONS[method]] for method in BASELINES))
    for part in [part_of(trial.settings, sections)]
}
ANALYSIS_VARIANTS = {
    name: changes_in(
        {section: value for section, value in variant.items() if section != "datasets"}
    )
    for name, variant in config["model_analysis"]["variants"].items()
    if variant is not None
}
# Digests by script; an environment variable hands them to the jobs.
CODE = {} if workflow.is_main_process else json.loads(os.getenv(DIGESTS, "{}"))
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


def log_file(name):
    """Path of a job's log."""
    return f"{RESULTS}/logs/{name}.log"


def benchmark_file(name):
    """Path of a job's time and memory."""
    return f"{RESULTS}/benchmarks/{name}.tsv"


def stage_code(script):
    """Digest of a rule's script and of the library modules behind it; a param, so that a change reruns.

    Jobs take the digests of the Snakemake that started them: to parse the library takes each a second.
    """
    if script not in CODE:
        CODE[script] = code_digest(BASE / "workflow/scripts" / script)
        os.environ[DIGESTS] = json.dumps(CODE)
    return CODE[script]


def datasets_from(*sources):
    """Wildcard constraint: the datasets of some sources."""
    return one_of(name for name, spec in DATASETS.items() if spec["source"] in sources)


def evaluation_of(wildcards):
    """A param: where and how the models of a dataset are evaluated."""
    spec, evaluation = DATASETS[wildcards.dataset], config["evaluation"]
    limits = filter(None, (evaluation["max_steps"], spec.get("max_steps")))
    return {
        "env_id": spec["env"],
        "source": spec["source"],
        "offset": evaluation["seed"],
        "max_steps": min(limits, default=None),
    }


def changes_of(wildcards):
    """What a trial, or the variant of a model, sets differently."""
    if "trial" in wildcards.keys():
        return TRIALS[wildcards.trial].settings
    if "variant" in wildcards.keys():
        return TRIAL_VARIANTS[wildcards.variant]
    return ANALYSIS_VARIANTS.get(wildcards.get("model"), {})


def settings(section):
    """A param: the settings of a dataset, with all that changes them (`tto.config.settings`)."""
    return lambda wildcards: settings_of(config, section, wildcards.dataset, changes_of(wildcards))


def training_settings(wildcards):
    """A param: how a model is trained; the numbers of processes and threads change nothing."""
    training = settings("training")(wildcards)
    return {key: value for key, value in training.items() if key not in ("processes", "threads")}


def dataset_option(key, default=None):
    """A param: a key of the dataset's own entry in the config."""
    return lambda wildcards: DATASETS[wildcards.dataset].get(key, default)


def dataset_options(*keys):
    """A param: those of some keys that the dataset's own entry in the config has."""
    return lambda wildcards: {
        key: DATASETS[wildcards.dataset][key] for key in keys if key in DATASETS[wildcards.dataset]
    }


def literal(path):
    """A path that the config names, as an input. Snakemake takes `{name}` in it for a wildcard, so such
    a file is no input; its digest is a param, and the job says if there is no such file."""
    return [] if "{" in path else path


def dataset_path(wildcards):
    """The file or folder that a dataset of another source is made of; None for Minari's store."""
    spec = DATASETS[wildcards.dataset]
    if spec["source"] == "d4rl":
        return f"{DOWNLOADS}/{d4rl_file(wildcards.dataset)}"
    return spec["path"] if spec["source"] == "file" else None


def dataset_file(wildcards):
    """An input: what a dataset of another source is made of; Minari keeps its own."""
    return literal(dataset_path(wildcards) or "") or []


def dataset_location(wildcards):
    """A param: where the source finds a dataset; for Minari an id, or None for the usual one."""
    return dataset_path(wildcards) or DATASETS[wildcards.dataset].get("id")


def user_data(path):
    """Digest of a user's file or folder; a param, so that other content reruns, however old it is."""
    return data_digest(path, memory=".snakemake/tto_digests")


def dataset_content(wildcards):
    """A param: the content of a user's dataset. Downloads are checked against their lock file."""
    spec = DATASETS[wildcards.dataset]
    if spec["source"] != "file":
        return None
    inside = Path(spec["path"]) / "data"  # Minari's
    return user_data(inside if inside.is_dir() else spec["path"])


def ladder_of(wildcards):
    """The behaviour policies that a collected dataset needs; a user's agent, or none."""
    spec = DATASETS[wildcards.dataset]
    if "agent" in spec:
        return literal(spec["agent"]["path"])
    if wildcards.dataset not in LADDER_COLLECTED:
        return []
    actors = config["collect"]["actors"]
    ladder = literal(f"{ladder_folder(wildcards)}/ladder.csv")
    # Shipped ones come with the code, wherever results lie.
    return ladder if actors == TRAINED_ACTORS or not ladder else local(ladder)


def ladder_folder(wildcards):
    """Folder of the behaviour policies that collect a dataset."""
    return f"{config['collect']['actors']}/{robot_of(DATASETS[wildcards.dataset]['env'])}"


def actors_content(wildcards):
    """A param: the content of the behaviour policies that no other param names; None for those that this
    workflow trains. The config holds the digest of a user's agent."""
    agent = DATASETS[wildcards.dataset].get("agent", {})
    if "normalization" in agent:
        return user_data(agent["normalization"])
    used = wildcards.dataset in LADDER_COLLECTED
    return (
        user_data(ladder_folder(wildcards))
        if used and config["collect"]["actors"] != TRAINED_ACTORS
        else None
    )


def behavior_of(wildcards):
    """A param: the policies that collect a dataset (`tto.analysis.behavior`)."""
    spec = DATASETS[wildcards.dataset]
    return {
        "env": spec["env"],
        "kind": "agent" if "agent" in spec else dataset_kind(wildcards.dataset, spec.get("kind")),
        "actors": config["collect"]["actors"],
        "noise": config["collect"]["noise"],
        "agent": spec.get("agent"),
    }


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


def variant_folder(changes, sections):
    """Folder of what changes of some sections make: the run's own where they change nothing."""
    own = part_of(changes, sections)
    return f"{RESULTS}/trials/{name_of(own)}" if own else RESULTS


def variant_tokens(wildcards):
    """Tokens of a trial's model."""
    return f"{variant_folder(changes_of(wildcards), TOKEN_SECTIONS)}/tokens/{wildcards.dataset}.h5"


def trial_model(name):
    """A file of a trial's model."""
    return lambda wildcards: (
        f"{variant_folder(changes_of(wildcards), MODEL_SECTIONS)}/models/{wildcards.dataset}/"
        f"seed{wildcards.seed}/{name}"
    )


def policy_models(name, method=None):
    """A file of each model of a baseline that may act: a trial's, all candidates, or its own."""

    def paths(wildcards):
        acting = method or wildcards.method
        tuned = TUNED.get(acting, {}).get(wildcards.dataset, [])
        trials = [TRIALS[wildcards.trial]] if "trial" in wildcards.keys() else tuned
        return [
            f"{variant_folder(changes, [SECTIONS[acting]])}/baselines/{wildcards.dataset}/{acting}/"
            f"seed{wildcards.seed}/{name}"
            for changes in ([trial.settings for trial in trials] or [{}])
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


def choice_of(method=None):
    """The choice that a dataset's episodes wait for, where the method's settings are tuned."""

    def path(wildcards):
        acting = method or wildcards.method
        tuned = wildcards.dataset in TUNED.get(acting, {})
        return f"{RESULTS}/tuning/{acting}/{wildcards.dataset}.txt" if tuned else []

    return path


def candidates_of(method=None):
    """A param: what a dataset's choice is made of, by name; nothing where it has none."""

    def named(wildcards):
        acting = method or wildcards.method
        tuned = wildcards.dataset in TUNED.get(acting, {})
        return candidates(config, acting) if tuned else {}

    return named


def planner_of(wildcards):
    """A param: the settings that a dataset's models play with; imitation's first horizon."""
    planning = settings("planning")(wildcards)
    if wildcards.dataset in IMITATION:
        planning["horizon"] = config["imitation"]["horizons"][0]
    return planning


def shown(part):
    """Dataset and seed of the model that figure 1 (prediction) or figure 3 (attention) shows."""
    return f"{config['model_analysis'][part]['dataset']}-seed{SEEDS[0]}"


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


def analysis_tokens(wildcards):
    """Tokens of a variant of model analysis: its own where it changes them."""
    own = part_of(changes_of(wildcards), TOKEN_SECTIONS)
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
