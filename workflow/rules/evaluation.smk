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
        f"{RESULTS}/logs/collect_rollouts/{{experiment}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/collect_rollouts/{{experiment}}.tsv"
    wildcard_constraints:
        experiment=one_of(ROLLOUT_FILES),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=stage_code("collect_rollouts.py"),
    script:
        "../scripts/collect_rollouts.py"


use rule collect_rollouts as collect_all_rollouts with:
    input:
        [path for paths in ROLLOUT_FILES.values() for path in paths],
    output:
        f"{RESULTS}/rollouts.csv",
    log:
        f"{RESULTS}/logs/collect_rollouts.log",
    benchmark:
        f"{RESULTS}/benchmarks/collect_rollouts.tsv"


rule goal_rows:
    input:
        ROLLOUT_FILES["goal_reaching"],
    output:
        table=f"{RESULTS}/goal_reaching.csv",
        routes=f"{RESULTS}/routes.csv",
    log:
        f"{RESULTS}/logs/goal_rows.log",
    benchmark:
        f"{RESULTS}/benchmarks/goal_rows.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=stage_code("goal_rows.py"),
    script:
        "../scripts/goal_rows.py"
