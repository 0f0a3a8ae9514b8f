# Tidy tables, estimates, metrics and the data of DVC's plots.
rule aggregate:
    input:
        heavy=ancients(GRAPH.heavy),
    output:
        STAGES["aggregate"].paths,
        record=GRAPH.record("aggregate"),
    log:
        log_of("aggregate"),
    benchmark:
        timing_of("aggregate")
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        plan=GRAPH.plan_json,
    message:
        "Aggregating scores"
    shell:
        "gap aggregate --plan {params.plan:q} --record {output.record:q} 2> {log:q}"
