# A finished run's results to docs/results/<run>/, small enough to be committed; not part of `all`.


# What makes this run's results; an overlay from elsewhere by its name alone, as no one else has its folder.
OVERLAYS = [os.path.relpath(path) for path in workflow.overwrite_configfiles]
OVERLAYS = [Path(path).name if path.startswith("..") else path for path in OVERLAYS]
COMMAND = " ".join(["snakemake --cores all", *(["--configfile", *OVERLAYS] if OVERLAYS else [])])


rule publish:
    input:
        rules.report.input,
        f"{RESULTS}/rollouts.csv",
        rules.claims.output,
        expand(f"{RESULTS}/sweeps/{{sweep}}.csv", sweep=SWEEPS),
        config=f"{RESULTS}/config.yaml",
    output:
        page=f"docs/results/{config['run']}/README.md",
        provenance=f"docs/results/{config['run']}/provenance.json",
    log:
        f"{RESULTS}/logs/publish.log",
    benchmark:
        f"{RESULTS}/benchmarks/publish.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        command=COMMAND,
        repository=str(BASE),
        results=lambda wildcards, input: os.path.dirname(input.config),
        code=stage_code("publish.py"),
    script:
        "../scripts/publish.py"
