# The texts that runs are post-trained on: windows of the model's own tokens, or the authors' texts in their order.
from gap.plan.stages import corpora, items, tokenizers


rule sample_corpus:
    input:
        tokenizer=lambda wildcards: ancient(str(tokenizers.path(PLAN, corpora.tokenizer_of(PLAN, wildcards.corpus, wildcards.key)))),
        tasks=lambda wildcards: ancients(items.path(PLAN, *pair) for pair in corpora.removed_items(PLAN, wildcards.corpus)),
    output:
        f"{DATA}/corpora/{{corpus}}-{{key}}/texts-{{number}}.parquet",
    log:
        log_of("corpora/{corpus}-{key}-{number}"),
    benchmark:
        timing_of("corpora/{corpus}-{key}-{number}")
    conda:
        "../envs/compute.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        job=lambda wildcards: job_text(corpora.job(PLAN, wildcards.corpus)),
        tokenizer=lambda wildcards, input: os.path.dirname(input.tokenizer),
        tasks=lambda wildcards: items.flags(PLAN, corpora.removed_items(PLAN, wildcards.corpus)),
    message:
        "Sampling texts of corpus {wildcards.corpus}"
    shell:
        "gap corpus --job {params.job:q} --tokenizer {params.tokenizer:q} {params.tasks:q}" " --out {output:q} 2> {log:q}"


# Texts that share a 13-word run with an evaluation item are named in the report.
rule report_overlap:
    input:
        texts=ancients(corpora.path(PLAN, *pair) for pair in PLAN.corpus_tokenizers),
        tasks=ancients(items.path(PLAN, *pair) for pair in PLAN.task_splits),
    output:
        table=LIGHT["overlap"],
        record=GRAPH.record("overlap"),
    log:
        log_of("overlap"),
    benchmark:
        timing_of("overlap")
    conda:
        "../envs/compute.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        tasks=items.flags(PLAN, PLAN.task_splits),
    message:
        "Comparing texts with evaluation items"
    shell:
        "gap overlap --texts {input.texts:q} {params.tasks:q} --out {output.table:q}" " --record {output.record:q} 2> {log:q}"
