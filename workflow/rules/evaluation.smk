# Episodes to one tidy file of raw rows, from which all tables and figures of control derive.


rule collect_rollouts:
    input:
        expand(
            f"{RESULTS}/rollouts/{{dataset}}/{{method}}/seed{{seed}}-rollout{{rollout}}.h5",
            dataset=DATASETS,
            method=METHODS,
            seed=SEEDS,
            rollout=ROLLOUTS,
        ),
    output:
        f"{RESULTS}/rollouts.csv",
    log:
        f"{RESULTS}/logs/collect_rollouts.log",
    benchmark:
        f"{RESULTS}/benchmarks/collect_rollouts.tsv"
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
