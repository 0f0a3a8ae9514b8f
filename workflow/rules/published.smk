# The authors' files at one commit, checked by hash; kept by DVC.
rule fetch_upstream:
    output:
        f"{PLAN.upstream}/{{relative}}",
    log:
        log_of("upstream/{relative}"),
    benchmark:
        timing_of("upstream/{relative}")
    wildcard_constraints:
        relative="(full_results|data/train_data)/[a-z_-]+[.]csv",
    retries: 2
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    message:
        "Fetching the authors' {wildcards.relative}"
    shell:
        "gap fetch-upstream {wildcards.relative:q} --out {output:q} 2> {log:q}"


# The authors' rows: figures, tables, claims, audit, page.
rule published:
    input:
        upstream=ancients(GRAPH.heavy),
    output:
        [update(path) for path in STAGES["published"].paths if not path.startswith(FIGURES) or not path.endswith(".png")],
        [
            report(
                update(f"{FIGURES}/{name}.png"),
                caption="../report/published.rst",
                category="Figures",
                labels={"figure": name.replace("_", " ")},
            )
            for name in DOCUMENT["figure_names"]
        ],
        record=GRAPH.record("published"),
    log:
        log_of("published"),
    benchmark:
        timing_of("published")
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        plan=GRAPH.plan_json,
    message:
        "Redrawing and auditing the authors' released results"
    shell:
        "gap published --plan {params.plan:q} --record {output.record:q} 2> {log:q}"
