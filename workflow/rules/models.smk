# Tokenizers and base models: trained here, copied from a folder, or read from the hub at a pinned revision.
from gap.plan.stages import models, tokenizers


rule build_tokenizer:
    output:
        f"{DATA}/tokenizers/{{name}}-{{key}}/tokenizer.json",
    log:
        log_of("tokenizers/{name}-{key}"),
    benchmark:
        timing_of("tokenizers/{name}-{key}")
    conda:
        "../envs/compute.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        job=lambda wildcards: job_text(tokenizers.job(PLAN, wildcards.name)),
        folder=lambda wildcards, output: os.path.dirname(output[0]),
    message:
        "Building tokenizer {wildcards.name}"
    shell:
        "gap tokenizer --job {params.job:q} --out {params.folder:q} 2> {log:q}"


rule build_model:
    input:
        tokenizer=lambda wildcards: ancient(str(tokenizers.path(PLAN, STUDY.models[wildcards.name].tokenizer))),
    output:
        record=f"{DATA}/models/{{name}}-{{key}}/provenance.json",
        files=[f"{DATA}/models/{{name}}-{{key}}/{file}" for file in models.FILES],
    log:
        log_of("models/{name}-{key}"),
    benchmark:
        timing_of("models/{name}-{key}")
    conda:
        "../envs/compute.yaml"
    threads: STUDY.jobs.threads
    resources:
        mem_mb=lambda wildcards: building_megabytes(model_size(PLAN, wildcards.name), PROCESS_MB),
        runtime=240,
        gpu=GPU,
    params:
        job=lambda wildcards: job_text(models.job(PLAN, wildcards.name)),
        tokenizer=lambda wildcards, input: os.path.dirname(input.tokenizer),
        folder=lambda wildcards, output: os.path.dirname(output.record),
        runtime=f"--device {DEVICE} --arithmetic {ARITHMETIC}",
    message:
        "Building base model {wildcards.name}"
    shell:
        "gap model --job {params.job:q} --tokenizer {params.tokenizer:q} --out {params.folder:q}"
        " {params.runtime} --threads {threads} 2> {log:q}"
