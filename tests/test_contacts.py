"""First-contact resolution: what counts as a contact, and which contacts are resolved."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from agent.answer import Answer, ToolUse, Usage, Verdict
from agent.contacts import counted, note
from agent.session import Session, sessions
from pipeline.schema import Database


def answered(verdict: str, *results: dict[str, Any], waits: bool = False) -> Answer:
    used = [
        ToolUse(agent="refunds", tool="refund", why="", arguments={}, result=one, ms=1.0)
        for one in results
    ]
    return Answer(
        arm="batch", answer="", verdict=Verdict(status=cast("Any", verdict), claims=[]),
        as_of=None, context=[], tools=used, agent="refunds", model="airline/offline",
        fallback=None, pending="refund" if waits else None,
        usage=Usage(prompt_tokens=1, completion_tokens=1, cost_usd=None), timings_ms={},
    )  # fmt: skip


DAMAGE = {"amount": 320.0}


@pytest.mark.parametrize(
    ("turns", "contacts", "resolved"),
    [
        ([answered("current")], 1, 1),
        ([answered("stale")], 1, 0),
        ([answered("missing")], 1, 0),
        ([answered("none")], 0, 0),
        ([answered("missing", {"status": "done"})], 1, 1),
        ([answered("current", {"status": "stale_ground"})], 1, 0),
        ([answered("current", {"status": "refused", "rule": "fare"})], 1, 0),
        ([answered("current", {"status": "refused", "rule": "already"})], 1, 1),
        ([answered("current", {"status": "done", "damage": DAMAGE})], 1, 0),
        ([answered("none", {"status": "needs_consent"}, waits=True)], 0, 0),
        (
            [
                answered("none", {"status": "needs_consent"}, waits=True),
                answered("none", {"status": "done"}),
            ],
            1,
            1,
        ),
    ],
)
def test_contacts(tmp_path: Path, turns: Sequence[Answer], contacts: int, resolved: int) -> None:
    database = Database(f"sqlite:///{tmp_path / 'record.sqlite'}")
    database.put("epoch", 1)
    talk = sessions("C0001")["batch"]
    for turn, one in enumerate(turns):
        said: Session = talk
        said.turns = turn
        note(database, said, one)
    found = counted(database)["batch"]
    assert (found["contacts"], found["resolved"]) == (contacts, resolved)
    assert counted(database)["stream"]["contacts"] == 0
    database.put("epoch", 2)  # a reset
    assert counted(database)["batch"]["answers"] == 0
    database.close()
