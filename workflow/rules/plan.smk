# The resolved study with every path and digest; every light output is made from it.
rule write_plan:
    input:
        ancient("params.yaml"),
    output:
        plan=GRAPH.plan_json,
        record=GRAPH.record("plan"),
    log:
        log_of("plan"),
    run:
        from gap.plan.light import write_record

        write_json(output.plan, DOCUMENT)
        write_record(Path(output.record))
