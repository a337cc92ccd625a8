"""Embeds the world's documents once, to be shipped: `python -m data.builder.vectors`.

A separate step because it takes a minute and needs the product's own document writers and encoder;
run it after anything under data/world has changed. A passage without a shipped vector is embedded
at load, so a forgotten run costs seconds, not correctness.
"""

import sys
import tempfile
from pathlib import Path
from zoneinfo import ZoneInfo

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
    sys.stdout.write(f"{count} passages\n")
