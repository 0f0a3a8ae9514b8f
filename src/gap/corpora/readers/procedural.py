"""Documents made by a generator of ``gap.generators``."""

from __future__ import annotations

from collections.abc import Iterator

from gap.core.digest import canonical
from gap.core.random_stream import RandomStream
from gap.generators import GENERATORS
from gap.params.sources import ProceduralSource


def read_procedural(source: ProceduralSource, seed: int) -> Iterator[tuple[str, str, str]]:
    """(number, no title, text) of ``source.documents`` documents of ``source.lines`` lines each.

    Document n depends on the seed, the generator's settings and n; more lines make it longer and leave its beginning as it is.
    """
    function = GENERATORS.of(source.generator).function
    settings = canonical(source.generator.identity())
    for number in range(source.documents):
        stream = RandomStream("procedural", seed, settings, number)
        yield str(number), "", "\n".join(function(source.generator, stream) for _ in range(source.lines))
