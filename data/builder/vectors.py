"""Embeds once what is shipped: `python -m data.builder.vectors`.

The world's documents, the examples of what customers ask for with what is learned from them, and
what the judge's reader learns from the labelled answers. A separate step because it takes minutes
and needs the product's own code and encoder; run it after anything under data/world,
data/agent/intents.toml, data/agent/eval/judge.jsonl or the judge's masking has changed. What has no
shipped vector is embedded when it is needed, so a forgotten run costs seconds, not correctness; of
the judge it costs accuracy.
"""

import sys
import tempfile
from pathlib import Path
from zoneinfo import ZoneInfo

from agent import intents, learning
from agent.evals import judge as evals
from agent.judge import learned
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
    answers = evals.lessons()
    learned.write(answers, evals.TUNED)
    sys.stdout.write(f"{count} passages, {len(said)} examples, {len(answers)} answers\n")
