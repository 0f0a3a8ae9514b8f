"""Which files exist, what determines them, and whether a fixed-name result is fresh: the bridge of Snakemake and DVC."""
