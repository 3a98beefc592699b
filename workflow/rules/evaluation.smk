# Episodes to tidy files of raw rows, from which all tables and figures of control derive.


ROLLOUT_FILES = {
    "offline_rl": rollouts_of(OFFLINE, ["tto", "bc"], ROLLOUTS),
    "imitation": rollouts_of(
        IMITATION, ["bc", *(f"imitation_h{h}" for h in config["imitation"]["horizons"])], ROLLOUTS
    ),
    "goal_reaching": rollouts_of(ROOMS, ["goal", "collector"], PAIRS),
}


rule collect_rollouts:
    input:
        lambda wildcards: ROLLOUT_FILES[wildcards.experiment],
    output:
        f"{RESULTS}/rollouts/{{experiment}}.csv",
    log:
        log_file("collect_rollouts/{experiment}"),
    benchmark:
        benchmark_file("collect_rollouts/{experiment}")
    wildcard_constraints:
        experiment=one_of(ROLLOUT_FILES),
    conda:
        "../../environment.yml"
    params:
        code=stage_code("evaluation/collect_rollouts.py"),
    script:
        "../scripts/evaluation/collect_rollouts.py"


use rule collect_rollouts as collect_all_rollouts with:
    input:
        [path for paths in ROLLOUT_FILES.values() for path in paths],
    output:
        f"{RESULTS}/rollouts.csv",
    log:
        log_file("collect_rollouts"),
    benchmark:
        benchmark_file("collect_rollouts")


rule goal_rows:
    input:
        ROLLOUT_FILES["goal_reaching"],
    output:
        table=f"{RESULTS}/goal_reaching.csv",
        routes=f"{RESULTS}/routes.csv",
    log:
        log_file("goal_rows"),
    benchmark:
        benchmark_file("goal_rows")
    conda:
        "../../environment.yml"
    params:
        code=stage_code("evaluation/goal_rows.py"),
    script:
        "../scripts/evaluation/goal_rows.py"
