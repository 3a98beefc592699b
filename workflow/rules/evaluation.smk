# Episodes to tidy files of raw rows, from which all tables and figures of control derive.


ROLLOUT_FILES = {
    "offline_rl": rollouts_of(OFFLINE, ["tto", "bc", *METHODS], ROLLOUTS),
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


ROLLOUT_TABLE = f"{RESULTS}/rollouts.csv" if any(ROLLOUT_FILES.values()) else []


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


rule play_loss_ladder:
    input:
        dataset=f"{RESULTS}/datasets/{{dataset}}",
        weights=rules.train.output.weights,
        config=rules.train.output.config,
        planner=f"{RESULTS}/models/{{dataset}}/seed{{seed}}/planner.json",
        cloning=policy_models("model.safetensors", "bc"),
        cloning_choice=choice_of("bc"),
        ladder=ladder_of,
    output:
        f"{RESULTS}/loss_ladder/{{dataset}}-seed{{seed}}.csv",
    log:
        log_file("play_loss_ladder/{dataset}-seed{seed}"),
    benchmark:
        benchmark_file("play_loss_ladder/{dataset}-seed{seed}")
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(8000),
        runtime=growing(12 * 60),
        gpu=GPUS,
    params:
        rollouts=config["loss_ladder"]["rollouts"],
        behavior_cloning=settings("behavior_cloning"),
        cloning_candidates=candidates_of("bc"),
        kind=lambda wildcards: LADDER_COLLECTED.get(wildcards.dataset),
        actors=lambda wildcards: config["collect"]["actors"],
        evaluation=trial_evaluation,
        code=stage_code("evaluation/play_loss_ladder.py"),
    script:
        "../scripts/evaluation/play_loss_ladder.py"


rule loss_ladder:
    input:
        rows=expand(
            f"{RESULTS}/loss_ladder/{{dataset}}-seed{{seed}}.csv",
            dataset=LADDERS,
            seed=SEEDS,
        ),
        statistics=expand(f"{RESULTS}/statistics/{{dataset}}.csv", dataset=LADDERS),
    output:
        png=report(
            f"{RESULTS}/figures/loss_ladder.png",
            caption="../report/figures/loss_ladder.rst",
            category="Offline reinforcement learning",
            labels={"result": "Where return is lost", "format": "picture"},
        ),
        pdf=f"{RESULTS}/figures/loss_ladder.pdf",
    log:
        log_file("loss_ladder"),
    benchmark:
        benchmark_file("loss_ladder")
    conda:
        "../../environment.yml"
    params:
        report=config["report"],
        code=stage_code("figures/loss_ladder.py"),
    script:
        "../scripts/figures/loss_ladder.py"
