"""Documents made by a generator of ``gap.generators``."""

from __future__ import annotations

from collections.abc import Iterator

from gap.core.digest import canonical
from gap.core.random_stream import RandomStream
from gap.corpora.readers import Document
from gap.generators import GENERATORS
from gap.params.sources import ProceduralSource


def read(source: ProceduralSource, seed: int) -> Iterator[Document]:
    """``source.documents`` documents of ``source.lines`` lines each, by number, without titles.

    Document n depends on the seed, the generator's settings and n; more lines make it longer and leave its beginning as it is.
    """
    generator = GENERATORS.of(source.generator)
    settings = canonical(source.generator.identity())
    for number in range(source.documents):
        stream = RandomStream("procedural", seed, settings, number)
        text = "\n".join(generator.function(source.generator, stream) for _ in range(source.lines))
        yield Document(str(number), text, f"procedural {generator.name}")
