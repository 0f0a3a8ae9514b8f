# The resolved study with every path and digest; every light output is made from it.
rule write_plan:
    input:
        "params.yaml",
    output:
        PLAN_JSON,
    log:
        f"{LOGS}/plan.log",
    run:
        write_json(output[0], DOCUMENT)
