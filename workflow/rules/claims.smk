# Rows of all experiments to a verdict on each claim of the paper.


rule claims:
    input:
        rollouts=ROLLOUT_TABLE,
        statistics=expand(f"{RESULTS}/statistics/{{dataset}}.csv", dataset=[*OFFLINE, *IMITATION]),
        goals=f"{RESULTS}/goal_reaching.csv" if ROOMS else [],
        sweeps=expand(f"{RESULTS}/sweeps/{{sweep}}.csv", sweep=SWEEPS),
        likelihoods=f"{RESULTS}/log_likelihoods.csv" if ANALYSIS else [],
        heads=(f"{RESULTS}/analysis/attention/{shown('attention')}.csv" if ANALYSIS else []),
        answers=of_prediction("indistinguishable"),
        times=of_prediction("prediction_times"),
        # A run of one's own data says nothing about the paper.
        plan_times=f"{RESULTS}/plan_times.csv" if IN_PAPER or not OFFLINE else [],
        metrics=expand(
            f"{RESULTS}/models/{{dataset}}/seed{{seed}}/metrics.csv", dataset=OFFLINE, seed=SEEDS
        ),
    output:
        csv=f"{RESULTS}/claims.csv",
        markdown=f"{RESULTS}/claims.md",
        html=report(
            f"{RESULTS}/tables/claims.html",
            caption="../report/tables/claims.rst",
            category="Claims",
            labels={"result": "Claims of the paper", "format": "table"},
        ),
    log:
        log_file("claims"),
    benchmark:
        benchmark_file("claims")
    conda:
        "../../environment.yml"
    params:
        code=stage_code("tables/claims.py"),
    script:
        "../scripts/tables/claims.py"
