# Post-training: a shard of texts of every corpus for one model, journalled run by run.
rule post_train:
    input:
        model=lambda wildcards: ancient(str(PLAN.model_path(wildcards.model))),
        corpora=lambda wildcards: [ancient(path) for path in texts_for_runs(PLAN, shard(wildcards))],
    output:
        f"{RESULTS}/runs/{{model}}-{{key}}/{{method}}-texts-{{first}}-{{last}}-{{hash}}.parquet",
    log:
        f"{LOGS}/runs/{{model}}-{{key}}-{{method}}-{{first}}-{{last}}-{{hash}}.log",
    benchmark:
        f"{TIMING}/runs/{{model}}-{{key}}-{{method}}-{{first}}-{{last}}-{{hash}}.tsv"
    conda:
        "../envs/compute.yaml"
    threads: STUDY.jobs.threads * STUDY.jobs.devices
    resources:
        mem_mb=lambda wildcards: 2000 * STUDY.jobs.devices if DEVICE == "cpu" else 64000,
        runtime=720,
        gpu=GPUS,
    params:
        job=lambda wildcards: job_text(PLAN.posttrain_job(shard(wildcards))),
        model=lambda wildcards, input: os.path.dirname(input.model),
        corpora=lambda wildcards: [f"--corpus={corpus}={path}" for corpus, path in corpora_of(PLAN, wildcards.model).items()],
        device=DEVICE,
        devices=STUDY.jobs.devices,
        memory=STUDY.jobs.memory,
    message:
        "Post-training {wildcards.model} by {wildcards.method} on texts {wildcards.first} to {wildcards.last}"
    shell:
        "gap post-train --job {params.job:q} --model {params.model:q} {params.corpora:q} --out {output:q} --device {params.device} --devices {params.devices} --memory {params.memory} --threads {threads} 2> {log:q}"
