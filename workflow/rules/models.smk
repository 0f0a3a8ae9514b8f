# Tokenizers and base models: trained here, copied from a folder, or read from the hub at a pinned revision.
rule build_tokenizer:
    output:
        f"{DATA}/tokenizers/{{name}}-{{key}}/tokenizer.json",
    log:
        f"{LOGS}/tokenizers/{{name}}-{{key}}.log",
    benchmark:
        f"{TIMING}/tokenizers/{{name}}-{{key}}.tsv"
    conda:
        "../envs/compute.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        job=lambda wildcards: job_text(PLAN.tokenizer_job(wildcards.name)),
        folder=lambda wildcards, output: os.path.dirname(output[0]),
    message:
        "Building tokenizer {wildcards.name}"
    shell:
        "gap tokenizer --job {params.job:q} --out {params.folder:q} 2> {log:q}"


rule build_model:
    input:
        tokenizer=lambda wildcards: ancient(str(PLAN.tokenizer_path(STUDY.models[wildcards.name].tokenizer))),
    output:
        f"{DATA}/models/{{name}}-{{key}}/provenance.json",
    log:
        f"{LOGS}/models/{{name}}-{{key}}.log",
    benchmark:
        f"{TIMING}/models/{{name}}-{{key}}.tsv"
    conda:
        "../envs/compute.yaml"
    threads: STUDY.jobs.threads
    resources:
        mem_mb=lambda wildcards: 4000 if DEVICE == "cpu" else 32000,
        runtime=240,
        gpu=GPU,
    params:
        job=lambda wildcards: job_text(PLAN.model_job(wildcards.name)),
        tokenizer=lambda wildcards, input: os.path.dirname(input.tokenizer),
        folder=lambda wildcards, output: os.path.dirname(output[0]),
        device=DEVICE,
    message:
        "Building base model {wildcards.name}"
    shell:
        "gap model --job {params.job:q} --tokenizer {params.tokenizer:q} --out {params.folder:q} --device {params.device} --threads {threads} 2> {log:q}"
