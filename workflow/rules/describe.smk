# What each base model makes of the texts before any update, journalled text by text.
from gap.plan.stages import corpora, describe, items, models


rule describe_texts:
    input:
        model=lambda wildcards: ancient(str(models.path(PLAN, wildcards.model))),
        corpora=lambda wildcards: ancients(corpora.inputs_for(PLAN, wildcards.model, [describe.path(PLAN, wildcards.model)])),
        tasks=ancients(items.path(PLAN, entry.task, entry.split) for entry in describe.gradient_tasks(PLAN)),
    output:
        f"{RESULTS}/features/{{model}}-{{key}}/texts-{{number}}-{{hash}}.parquet",
    log:
        log_of("features/{model}-{key}-{number}-{hash}"),
    benchmark:
        timing_of("features/{model}-{key}-{number}-{hash}")
    conda:
        "../envs/compute.yaml"
    threads: THREADS
    resources:
        **model_job(SCORING + 1 + len(describe.gradient_tasks(PLAN))),  # its gradient, and that of each task
        runtime=720,
    params:
        job=lambda wildcards: job_text(describe.job(PLAN, wildcards.model)),
        model=lambda wildcards, input: os.path.dirname(input.model),
        corpora=lambda wildcards: corpora.flags(PLAN, wildcards.model),
        tasks=items.flags(PLAN, [(entry.task, entry.split) for entry in describe.gradient_tasks(PLAN)]),
        runtime=RUNTIME,
    message:
        "Describing texts by what {wildcards.model} makes of them"
    shell:
        "gap describe --job {params.job:q} --model {params.model:q} {params.corpora:q} {params.tasks:q}"
        " --out {output:q} {params.runtime} --threads {threads} 2> {log:q}"
