"""Draw the graph of rules into docs/architecture.md, between its two markers: ``make docs``.

Snakemake prints the graph as Mermaid.  Here ``all`` is left out, the rules of one family become one, and an arrow goes where a
longer way leads to the same rule.  It is drawn for an empty folder: a rule asks for less where some of its results are there
already, and another picture would come of it.  With ``--check`` nothing is written; exit code 1 where the page would change.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile

from generated import ROOT, write_or_check

from gap.runtime.stages import stage_of

PAGE = "docs/architecture.md"
BEGIN, END = "<!-- rule graph: make docs -->\n", "<!-- end of rule graph -->\n"
COMMAND = ["snakemake", "--cores", "1", "--quiet", "all", "--forceall", "--rulegraph", "mermaid-js", "--config", "study=demo"]


def edges(mermaid: str) -> set[tuple[str, str]]:
    """(rule, rule that reads what it makes), families merged."""
    names = {node: stage_of(name) for node, name in re.findall(r"^\t(id\d+)\[(\w+)\]$", mermaid, re.MULTILINE)}
    pairs = re.findall(r"^\t(id\d+) --> (id\d+)$", mermaid, re.MULTILINE)
    found = {(names[first], names[second]) for first, second in pairs}
    return {(first, second) for first, second in found if first != second and second != "all"}


def reduced(pairs: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without the arrows that a longer way makes superfluous, in order."""

    def reaches(start: str, goal: str, without: tuple[str, str]) -> bool:
        following = [second for first, second in pairs if first == start and (first, second) != without]
        return goal in following or any(reaches(rule, goal, without) for rule in following)

    return sorted(pair for pair in pairs if not reaches(*pair, pair))


def page() -> str:
    """The page with the present graph in it."""
    with tempfile.TemporaryDirectory() as empty:
        shutil.copy(ROOT / "params.yaml", empty)
        printed = subprocess.run([*COMMAND, "--directory", empty], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    lines = [f"  {first} --> {second}" for first, second in reduced(edges(printed))]
    picture = "\n".join(["```mermaid", "flowchart TB", *lines, "```", ""])
    before, rest = (ROOT / PAGE).read_text(encoding="utf-8").split(BEGIN)
    return f"{before}{BEGIN}{picture}{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    sys.exit(write_or_check({PAGE: page()}, "run make docs"))
