"""The authors' released per-run results (894 runs): the paper's figures and claims recomputed from them, and audited."""
