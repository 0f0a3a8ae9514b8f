# Other metrics of the item scores that are there; no model runs.
rule rescore:
    input:
        heavy=ancients(GRAPH.heavy),
        tables=ancients(STAGES["aggregate"].paths),
    output:
        STAGES["rescore"].paths,
        record=GRAPH.record("rescore"),
    log:
        log_of("rescore"),
    benchmark:
        timing_of("rescore")
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        plan=GRAPH.plan_json,
    message:
        "Rescoring the items by other metrics"
    shell:
        "gap rescore --plan {params.plan:q} --record {output.record:q} 2> {log:q}"
