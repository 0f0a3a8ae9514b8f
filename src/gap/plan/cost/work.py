"""The work of a job, and the core-seconds that it takes by a simple model: operations at a measured rate, and fixed parts.

Rates are of one core of a server processor with AVX-512 in fp32, from runs of studies demo and pilot under Snakemake's benchmarks:

=================  ====================================================  ==========================================
constant           measured on                                           found
=================  ====================================================  ==========================================
FORWARD            SmolLM2 135M, 12 tasks x 40 items: 160 s a checkpoint  9.4e10 operations per second
                   Gemma 3 270M, the same: 450 s                         6.6e10
UPDATE             SmolLM2 135M, 24 updates of 200 tokens: 135 s         2.9e10
TOKEN, START       demo (portable), jobs of 9, 18 and 37 checkpoints     28 us a token, 7 s a job
=================  ====================================================  ==========================================

A forward pass takes 2 operations per weight and token, an update 6 (Kaplan et al. 2020, section 2.1: backward costs twice the
forward).  For a GPU nothing was measured; its rates are what docs/performance.md assumes for one H200.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Operations per second of one core in forward passes and in updates; ``portable`` arithmetic takes so many times as long.
FORWARD, UPDATE, PORTABLE = 8.5e10, 3.0e10, 1.6
#: The same of a GPU, in half precision: shares of an H200's peak, decoding and optimizer included.  Assumed.
GPU_FORWARD, GPU_UPDATE = 3.0e14, 1.2e13
#: Seconds until a job that opens a model begins: imports, loading, encoding, proofs of the fast paths; and per billion weights.
START, GPU_START, LOAD = 7.0, 20.0, 60.0
#: Seconds on a core beside the operations: of a token in a pass, of an update, of a decoding step, of an item's gradient.
TOKEN, STEP, DECODING, GRADIENT = 1.75e-5, 0.025, 0.0025, 0.016
#: Tokens that one item feeds on average, of the first 100 validation items with OPT's tokenizer (``benchmarks/paper_plan.py`` counts
#: the same way): the context once, all choices; of a dialogue the prompt and the reference answer.
TOKENS = {
    "piqa": 46, "hellaswag": 74, "arc_easy": 36, "arc_challenge": 49, "copa": 17, "winogrande": 23, "math_qa": 48, "pubmed_qa": 88,
    "blended_skill_talk": 274, "empathetic_dialogues": 100, "wizard_of_internet": 295, "wizard_of_wikipedia": 220,
}  # fmt: skip
#: Of a task that is not listed.
OTHER = 60
#: Work of an update by direction, in updates by ascent: noise for every weight, or a second text.
DIRECTIONS = {"random": 2.2, "retain": 2.0}


@dataclass(frozen=True)
class Work:
    """What one job computes.

    fixed: core-seconds whatever the model; opens_model: whether it does; forward: tokens through it in scoring; trained:
    tokens through forward and backward; steps: updates; decoding, gradients: steps and items of describing.
    """

    fixed: float = 0.0
    opens_model: bool = False
    forward: float = 0.0
    trained: float = 0.0
    steps: float = 0.0
    decoding: float = 0.0
    gradients: float = 0.0


@dataclass(frozen=True)
class Rates:
    """Where the work runs: ``cpu`` or ``cuda``, and whether a CPU is held to portable arithmetic."""

    device: str = "cpu"
    portable: float = 1.0

    def seconds(self, work: Work, parameters: float) -> float:
        """Core-seconds of a job (GPU-seconds on ``cuda``) on a model of so many weights; NaN where these are unknown and matter."""
        if not work.opens_model:
            return work.fixed
        operations_forward, operations_trained = 2 * parameters * work.forward, 6 * parameters * work.trained
        if self.device == "cuda":
            return work.fixed + GPU_START + operations_forward / GPU_FORWARD + operations_trained / GPU_UPDATE
        passes = operations_forward / FORWARD + operations_trained / UPDATE
        small = TOKEN * work.forward + STEP * work.steps + DECODING * work.decoding + GRADIENT * work.gradients
        return work.fixed + START + LOAD * parameters / 1e9 + (small + passes) * self.portable
