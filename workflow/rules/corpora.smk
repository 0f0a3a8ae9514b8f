# The texts that runs are post-trained on: windows of the model's own tokens, or the authors' texts in their order.
rule sample_corpus:
    input:
        tokenizer=lambda wildcards: ancient(str(PLAN.tokenizer_path(tokenizer_of(PLAN, wildcards.corpus, wildcards.key)))),
        tasks=lambda wildcards: [ancient(str(PLAN.items_path(*pair))) for pair in removal_items(PLAN, wildcards.corpus)],
    output:
        f"{DATA}/corpora/{{corpus}}-{{key}}/texts-{{number}}.parquet",
    log:
        f"{LOGS}/corpora/{{corpus}}-{{key}}-{{number}}.log",
    benchmark:
        f"{TIMING}/corpora/{{corpus}}-{{key}}-{{number}}.tsv"
    conda:
        "../envs/compute.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        job=lambda wildcards: job_text(PLAN.corpus_job(wildcards.corpus)),
        tokenizer=lambda wildcards, input: os.path.dirname(input.tokenizer),
        tasks=lambda wildcards: items_flags(PLAN, removal_items(PLAN, wildcards.corpus)),
    message:
        "Sampling texts of corpus {wildcards.corpus}"
    shell:
        "gap corpus --job {params.job:q} --tokenizer {params.tokenizer:q} {params.tasks:q} --out {output:q} 2> {log:q}"


# Texts that share a 13-word run with an evaluation item are named in the report.
rule report_overlap:
    input:
        plan=PLAN_JSON,
        texts=[str(PLAN.corpus_path(corpus, tokenizer)) for corpus, tokenizer in PLAN.corpus_tokenizers],
        tasks=[str(PLAN.items_path(task, split)) for task, split in PLAN.task_splits],
    output:
        LIGHT["overlap"],
    log:
        f"{LOGS}/overlap.log",
    benchmark:
        f"{TIMING}/overlap.tsv"
    conda:
        "../envs/compute.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        tasks=items_flags(PLAN, PLAN.task_splits),
    message:
        "Comparing texts with evaluation items"
    shell:
        "gap overlap --plan {input.plan:q} --texts {input.texts:q} {params.tasks:q} --out {output:q} 2> {log:q}"
