# Episodes to tokens.


rule tokenize:
    input:
        f"{RESULTS}/datasets/{{dataset}}",
    output:
        f"{RESULTS}/tokens/{{dataset}}.h5",
    log:
        log_file("tokenize/{dataset}"),
    benchmark:
        benchmark_file("tokenize/{dataset}")
    priority: 1  # the longest path
    conda:
        "../../environment.yml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        discretizer=settings("discretizer"),
        discount=settings("discount"),
        rewards=settings("rewards"),
        code=stage_code("data/tokenize_dataset.py"),
    script:
        "../scripts/data/tokenize_dataset.py"
