"""Embeds once what is shipped: `python -m data.builder.vectors`.

The world's documents, and the examples of what customers ask for with what is learned from them. A
separate step because it takes a minute and needs the product's own code and encoder; run it after
anything under data/world, or data/agent/intents.toml, has changed. What has no shipped vector is
embedded when it is needed, so a forgotten run costs seconds, not correctness.
"""

import sys
import tempfile
from pathlib import Path
from zoneinfo import ZoneInfo

from agent import intents, learning
from data.builder.__main__ import DATA
from pipeline.embed import encoder
from pipeline.loading import Source, embed_world
from pipeline.settings import Settings

if __name__ == "__main__":
    settings = Settings()
    with tempfile.TemporaryDirectory() as scratch:
        count = embed_world(
            Source(DATA / "world", ZoneInfo(settings.home_zone)),
            encoder(settings.embedder),
            Path(scratch),
        )
    said = intents.examples()
    learning.write(intents.LEARNED, said, intents.words_of, encoder(intents.ENCODER))
    sys.stdout.write(f"{count} passages, {len(said)} examples\n")
