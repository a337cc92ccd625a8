"""The blizzard day, from its first event to its last, played by the clock through both arms."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline.documents import Document
from pipeline.replay import Day
from pipeline.settings import ROOT
from pipeline.store import ContextStore
from tests.engines import running, wait

BLIZZARD = "2013-02-08.jsonl"
CANCELLED = 472  # of the 930 flights of the day, in the published record of departures


def test_the_replay_of_the_day_ends_with_equal_stores(tmp_path: Path) -> None:
    replay = tmp_path / "replay"
    replay.mkdir()
    shutil.copy(ROOT / "data" / "replay" / BLIZZARD, replay / BLIZZARD)
    with running(
        tmp_path / "home",
        AUTOPLAY="true",
        CLOCK_FACTOR="3600",
        REPLAY=str(replay),
    ) as engine:
        day = Day.read(engine.database.get("world"))
        wait(lambda: engine.events() == len(day.events), 240, "the day did not end")
        engine.settle("stream", 240)
        assert engine.json("batch")["error"] is None
        stream, batch = (
            ContextStore(engine.settings.stores, arm, engine.settings.embedder).contents()
            for arm in ("stream", "batch")
        )
        assert stream == batch
        assert engine.status()["dead_letters"] == 0
    first_day = min(one.facts["date"] for one in stream if one.kind == "flight")
    assert len(flights(stream, first_day)) == 930
    assert len([one for one in flights(stream, first_day) if is_cancelled(one)]) == CANCELLED


def flights(documents: list[Document], date: str) -> list[Document]:
    return [one for one in documents if one.kind == "flight" and one.facts["date"] == date]


def is_cancelled(document: Document) -> bool:
    return document.facts["status"] == "cancelled"
