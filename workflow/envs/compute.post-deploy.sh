#!/usr/bin/env bash
# Jobs call `gap`, so the environment must hold this project.  Snakemake runs this with the environment active, from the
# folder it was started in; Snakemake copies environment files, so a relative path inside them would not work.
set -euo pipefail
python -m pip install --quiet --no-deps --editable "${PWD}"
