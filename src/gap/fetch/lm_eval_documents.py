"""Documents of a task of lm-eval, as lm-eval itself would ask a model for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gap.core.errors import BadInput
from gap.fetch.hub_errors import reaching
from gap.tasks.lm_eval_config import lm_eval_version, read_config
from gap.tasks.task import Task

OFFLINE = "Connect to the network (with HF_HUB_OFFLINE unset), or name a YAML of your own that reads local files (docs/extending.md)."
#: lm-eval's own default, for tasks that put examples in front of the question.
FEWSHOT_SEED = 1234


def read_documents(task: Task, split: str) -> tuple[str, list[dict[str, Any]]]:
    """The words for where they came from, and per document ``{"context", "continuations", "gold"}``, in lm-eval's order.

    White space at the end of a context belongs to the continuations, where lm-eval's models move it before they encode either.

    Raises
    ------
    BadInput: the task is not of the kind that it is registered as, or its documents have several contexts or right answers.
    Unavailable: its data set cannot be reached.
    """
    from lm_eval.tasks import TaskManager

    source = task.lm_eval_source
    assert source is not None
    config = read_config(source)
    if config.settings["output_type"] != task.output_type:
        declared, allowed = f"output_type {task.output_type!r}", repr(config.settings["output_type"])
        raise BadInput(f"task {task.name}", declared, allowed, f"Correct it in {task.module}.")
    with reaching(f"the data set of lm-eval's task {source.name}", OFFLINE):
        [loaded] = TaskManager(include_defaults=False).load(str(config.path))["tasks"].values()
        loaded.set_fewshot_seed(seed=FEWSHOT_SEED)
        where = f"lm-eval {lm_eval_version()}: {source.name}"
        return where, list(_rows(loaded, split, where))


def _rows(loaded: Any, split: str, where: str) -> Iterator[dict[str, Any]]:
    shots = loaded.config.num_fewshot or 0
    for number, document in enumerate(loaded.test_docs() if split == "test" else loaded.validation_docs(), 1):
        context = loaded.fewshot_context(document, num_fewshot=shots, gen_prefix=loaded.doc_to_prefix(document))
        requests = loaded.construct_requests(doc=document, ctx=context, metadata=(loaded.task_name, number, 1))
        requests = requests if isinstance(requests, list) else [requests]
        gold: Any = 0
        if loaded.OUTPUT_TYPE == "multiple_choice":
            choices, gold = loaded.doc_to_choice(document), loaded.doc_to_target(document)
            requests = requests[: len(choices)]  # lm-eval asks for more where it corrects for the choices' own probability
            gold = choices.index(gold) if isinstance(gold, str) and gold in choices else gold
        if not isinstance(context, str) or not isinstance(gold, int):
            problem = "a document with several contexts" if not isinstance(context, str) else f"the right answer {gold!r}"
            raise BadInput(f"{where}, document {number}", problem, "one context and the index of one answer", "Name another task.")
        spaces = context[len(context.rstrip()) :]
        yield {"context": context.rstrip(), "continuations": [spaces + request.args[1] for request in requests], "gold": gold}
