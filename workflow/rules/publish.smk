# A finished run's results to docs/results/<run>/, small enough to be committed; not part of `all`.


def command_of_run():
    """What makes this run's results, with the overlays that were given."""
    overlays = [os.path.relpath(path) for path in workflow.overwrite_configfiles]
    return " ".join(["snakemake --cores all", *(["--configfile", *overlays] if overlays else [])])


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
        command=command_of_run(),
        repository=str(BASE),
        results=RESULTS,
        benchmarks=f"{RESULTS}/benchmarks",
        code=stage_code("publish.py"),
    script:
        "../scripts/publish.py"
