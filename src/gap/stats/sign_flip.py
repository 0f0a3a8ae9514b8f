"""The paired permutation test: under no effect a difference is as likely to have the other sign."""

from __future__ import annotations

import numpy as np

#: Up to so many sign patterns all are tried (12 runs), beyond it as many random ones.
PATTERNS = 4096


def sign_flip_p(differences: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two-sided p-values of the means of ``differences`` [runs, tests] over runs, float64 [tests]; NaN for fewer than two runs.

    Exact over all 2^runs patterns where they are few (``PATTERNS``); else the observed pattern counts among the random ones, so that p is
    never 0 (Phipson and Smyth 2010).  Done by SciPy.
    """
    from scipy import stats

    if len(differences) < 2:
        return np.full(differences.shape[1], np.nan)
    test = stats.permutation_test(
        (np.asarray(differences, dtype=float),),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=PATTERNS,
        batch=512,
        axis=0,
        rng=rng,
    )
    return np.minimum(test.pvalue, 1.0)
