# Evaluation items, read once; every later step is offline.
from gap.plan.stages import fetch_lock, items


rule fetch_items:
    output:
        f"{DATA}/items/{{task}}-{{key}}/{{split}}.jsonl",
    log:
        log_of("items/{task}-{split}-{key}"),
    benchmark:
        timing_of("items/{task}-{split}-{key}")
    retries: 2
    conda:
        "../envs/compute.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        job=lambda wildcards: job_text(items.job(PLAN, wildcards.task, wildcards.split)),
    message:
        "Fetching the {wildcards.split} items of {wildcards.task}"
    shell:
        "gap fetch-items --job {params.job:q} --out {output:q} 2> {log:q}"


# Revisions, hashes and licences of all that was fetched, in one file for later stages.
rule lock_fetched:
    input:
        fetched=ancients(fetch_lock.inputs(PLAN)),
    output:
        lock=update(LIGHT["fetch_lock"]),
        record=GRAPH.record("fetch_lock"),
    log:
        log_of("fetch_lock"),
    benchmark:
        timing_of("fetch_lock")
    conda:
        "../envs/compute.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    message:
        "Locking what was fetched"
    shell:
        "gap lock-fetched {input.fetched:q} --out {output.lock:q} --record {output.record:q} 2> {log:q}"
