# Thin entry: the workflow lives in workflow/.  An included file's default target is lost, hence the second line.
include: "workflow/Snakefile"


workflow.default_target = "all"
