# Tidy tables, estimates, metrics and the data of DVC's plots.
rule aggregate:
    input:
        plan=PLAN_JSON,
        heavy=GRAPH.heavy,
    output:
        STAGES["aggregate"],
    log:
        f"{LOGS}/aggregate.log",
    benchmark:
        f"{TIMING}/aggregate.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
    message:
        "Aggregating scores"
    shell:
        "gap aggregate --plan {input.plan:q} 2> {log:q}"
