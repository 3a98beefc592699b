"""What reruns on which change of a finished run: the list behind a test and a table in the docs.

`python tests/workflow/reruns.py` prints the table of docs/workflow.md. Rules are those of the tiny
run, which has all experiments; any change of the config also renews `config`, `report` and `all`.
"""

from dataclasses import dataclass
from typing import Any

TABLES = "table1 extended costs action_shift"
ROWS = f"collect_rollouts collect_all_rollouts claims {TABLES} figure4 profiles film"
TRIALS = "plan_trial sweep_rows ablation tuning_rows choose_settings tuning_table"
LADDER = "play_loss_ladder loss_ladder"
OFFLINE_RL = f"{TRIALS} {LADDER} write_planner plan {ROWS}"
PLANNED = f"{OFFLINE_RL} imitate imitation_table"
GOALS = "goal_rows goal_reaching_table figure5 film"
LIKELIHOODS = "log_likelihoods collect_log_likelihoods figure2"
OF_BOTH = "indistinguishable prediction_times"  # of the Transformer and the ensemble
CURVES = "training_curves dimension_losses"
TRAINED = (
    f"train train_analysis_variant train_variant {CURVES} {PLANNED} reach_goals {GOALS} "
    f"{LIKELIHOODS} {OF_BOTH} predict figure1 attention figure3"
)
TOKENS = (
    "tokenize tokenize_variant tokenize_analysis_variant dataset_card ensemble_log_likelihoods "
    "marginal_log_likelihoods"
)


@dataclass(frozen=True)
class Rerun:
    """A change of the config, in words and as an overlay, and the rules that rerun for it."""

    change: str
    overlay: dict[str, Any]
    what: str
    rules: str
    reason: str  # a part of the reason that `snakemake -n` gives for the first of them


RERUNS = [
    Rerun(
        "`planning.beam_width`",
        {"planning": {"beam_width": 5}},
        "planning and what follows; not imitation or the four rooms",
        OFFLINE_RL,
        "beam_width: 4 -> 5",
    ),
    Rerun(
        "`training.learning_rate`",
        {"training": {"learning_rate": 0.004}},
        "training of Transformers and what follows; not tokens or baselines",
        TRAINED,
        "learning_rate: 0.01 -> 0.004",
    ),
    Rerun(
        "`td3_bc.value_weight`",
        {"td3_bc": {"value_weight": 3.0}},
        "TD3+BC's training, its episodes and what shows them; no other method",
        f"train_policy act_policy_trial tuning_rows choose_settings tuning_table act_policy "
        f"{ROWS.removesuffix(' film')}",
        "value_weight: 2.5 -> 3.0",
    ),
    Rerun(
        "`discretizer.bins`",
        {"discretizer": {"bins": 21}},
        "tokens and what follows; not datasets or the training of baselines",
        f"{TOKENS} {TRAINED}",
        "bins: 20 -> 21",
    ),
    Rerun(
        "one more of `seeds`",
        {"seeds": [0, 1]},
        "that seed, comparisons of seeds and, with tuning, all reported episodes",
        f"train train_analysis_variant train_variant train_ensemble {CURVES} {PLANNED} "
        f"train_policy train_policy_variant act_policy act_policy_trial "
        f"reach_goals script_goals {GOALS} {LIKELIHOODS} "
        f"ensemble_log_likelihoods {OF_BOTH}",
        "makes new files",
    ),
    Rerun(
        "`report.dpi`",
        {"report": {"dpi": 51}},
        "figures only",
        f"dataset_card ablation imitation_table {CURVES} loss_ladder profiles figure1 "
        "figure2 figure3 figure4 figure5",
        "dpi: 50 -> 51",
    ),
]
CODE = [
    ("code of a stage, as `workflow/scripts/evaluation/plan.py`", "that stage and what follows"),
    ("a library module", "the stages that import it, directly or not, and what follows"),
    ("a comment, a docstring or the layout of code", "nothing"),
    ("a touched file, or a fresh clone of the code beside copied results", "nothing"),
    ("memory, time, retries or another profile", "nothing"),
]


def table() -> str:
    """The table of docs/workflow.md."""
    rows = [(rerun.change, rerun.what) for rerun in RERUNS] + CODE
    lines = ["| change | what reruns |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")
