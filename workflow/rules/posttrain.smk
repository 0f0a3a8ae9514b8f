# Post-training: a shard of texts of every corpus for one model, journalled run by run.
from gap.plan.stages import corpora, models, posttrain


rule post_train:
    input:
        model=lambda wildcards: ancient(str(models.path(PLAN, wildcards.model))),
        corpora=lambda wildcards: ancients(corpora.inputs_for(PLAN, wildcards.model, [posttrain.path(PLAN, shard(wildcards))])),
    output:
        f"{RESULTS}/runs/{{model}}-{{key}}/{{method}}-texts-{{first}}-{{last}}-{{hash}}.parquet",
    log:
        log_of("runs/{model}-{key}-{method}-{first}-{last}-{hash}"),
    benchmark:
        timing_of("runs/{model}-{key}-{method}-{first}-{last}-{hash}")
    conda:
        "../envs/compute.yaml"
    threads: THREADS
    resources:
        **model_job(POSTTRAINING),
        runtime=720,
    params:
        job=lambda wildcards: job_text(posttrain.job(PLAN, shard(wildcards))),
        model=lambda wildcards, input: os.path.dirname(input.model),
        corpora=lambda wildcards: corpora.flags(PLAN, wildcards.model),
        runtime=f"{RUNTIME} --memory {STUDY.jobs.memory}",
    message:
        "Post-training {wildcards.model} by {wildcards.method} on texts {wildcards.first} to {wildcards.last}"
    shell:
        "gap post-train --job {params.job:q} --model {params.model:q} {params.corpora:q}"
        " --out {output:q} {params.runtime} --threads {threads} 2> {log:q}"
