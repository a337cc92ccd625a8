"""A day with both agents on a real engine: what one knows at once, the other at its next run."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from agent.actions import damages, set_guard, stopped
from agent.answer import Answer
from agent.chat import Chat, Opening, Screen
from agent.cli import agents_of, as_of, door_to, now_of
from agent.contacts import counted
from agent.session import Session, sessions
from agent.support import SupportAgent, ask_both
from pipeline import events, measures, outbox, schema
from pipeline.schema import ARMS, Arm
from tests.engines import Engine, running, wait

ADA, BEN, EVE = "C0001", "C0004", "C0005"
CHANNELS = {"tweet": "tweet", "chat": "chat message", "call": "call", "email": "e-mail"}


class Desk:
    """Both agents on one engine, as the app and the command line have them."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.database = engine, engine.database
        self.door = door_to(engine.settings, self.database)
        agents = agents_of(engine.settings, self.database, door=self.door)
        self.agents: dict[Arm, SupportAgent] = {one.arm: one for one in agents}

    def ask(self, question: str, talk: dict[Arm, Session]) -> dict[Arm, Answer]:
        """Both answers to one question."""
        now = now_of(self.database)
        agents = [self.agents[arm] for arm in talk]
        asked = ask_both(agents, question, talk, now, as_of=as_of(self.database, now))
        return {one.arm: one for one in asked.arms}

    def one(self, arm: Arm, question: str, talk: dict[Arm, Session]) -> Answer:
        """One agent's answer; the other one is not asked."""
        return self.ask(question, {arm: talk[arm]})[arm]

    def fire(self, event_type: str, subject: str, ago: timedelta, **data: Any) -> None:
        """An event of so long ago, and the stream knows it."""
        at = now_of(self.database) - ago
        self.door().fire(events.make(event_type, subject, data, at=at))
        self.settle()

    def settle(self) -> None:
        """Both streams, of context and of figures, have what was recorded."""
        newest = outbox.newest(self.database)
        self.engine.settle("stream")

        def is_counted() -> bool:
            return (self.database.get(measures.WATERMARK) or 0) >= newest

        wait(is_counted, 60, "the figures did not settle")

    def flight_of(self, customer: str) -> str:
        """The entity of a customer's first flight."""
        segments, bookings = schema.segments.c, schema.bookings.c
        query = (
            select(segments.flight_number, segments.date)
            .join(schema.bookings, bookings.locator == segments.locator)
            .where(bookings.customer_id == customer)
            .order_by(segments.date, segments.locator, segments.segment)
        )
        row = self.database.rows(query)[0]
        return f"flight/{row['flight_number']}/{row['date']}"

    def recorded(self, event_type: str) -> list[dict[str, Any]]:
        """The payloads of a type in the outbox, oldest first."""
        query = select(schema.outbox).where(schema.outbox.c.type == event_type)
        rows = self.database.rows(query.order_by(schema.outbox.c.sequence))
        return [json.loads(row["body"])["data"] for row in rows]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One engine, and the tests below in their order: a story."""
    with running(tmp_path_factory.mktemp("story") / "home") as engine:
        yield Desk(engine)


def statuses(answer: Answer) -> list[Any]:
    return [one.result.get("status") for one in answer.tools if one.tool != "hand_off"]


def test_before_the_first_run_there_are_no_figures_yet(desk: Desk) -> None:
    said = desk.ask("Which route has the most delays?", sessions(ADA))
    assert said["batch"].answer.startswith("I have no figures yet")
    assert "(from live aggregates), no route has a delayed flight today" in said["stream"].answer


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_stream_has_seen_what_was_said_on_any_channel(desk: Desk, channel: str) -> None:
    text = f"This {channel} is unacceptable"
    ago = timedelta(minutes=4)
    desk.fire(f"interaction.{channel}", f"customer/{EVE}", ago, text=text, direction="inbound")
    said = desk.ask(f"Did you see my {CHANNELS[channel]}?", sessions(EVE))
    sent = "made" if channel == "call" else "sent"
    assert f"I see the {CHANNELS[channel]} you {sent} 4 minutes ago: “{text}”" in (
        said["stream"].answer
    )
    assert said["stream"].verdict.status == "current"
    assert said["batch"].answer == f"I am sorry. I see no {CHANNELS[channel]} from you."


def test_a_refund_is_paid_once_and_twice_only_where_nobody_looks(desk: Desk) -> None:
    desk.fire("flight.cancelled", desk.flight_of(BEN), timedelta(), reason="snow")
    desk.engine.json("batch")
    talk = sessions(BEN)
    assert statuses(desk.one("stream", "I want a refund", talk)) == ["needs_consent"]
    assert statuses(desk.one("stream", "yes, do it", talk)) == ["done"]
    desk.settle()
    again = desk.one("stream", "I want a refund", talk)
    assert statuses(again) == ["refused"]
    assert "a refund is paid once" in again.answer

    # The other airline knows of the cancelled flight, and not of the refund.
    talk = sessions(BEN)
    assert statuses(desk.one("batch", "I want a refund", talk)) == ["needs_consent"]
    assert statuses(desk.one("batch", "yes, do it", talk)) == ["stale_ground"]
    assert (len(desk.recorded("payment.refunded")), len(stopped(desk.database))) == (1, 1)
    set_guard(desk.database, on=False)
    desk.one("batch", "I want a refund", talk)
    assert statuses(desk.one("batch", "yes, do it", talk)) == ["done"]
    set_guard(desk.database, on=True)
    first, second = desk.recorded("payment.refunded")
    assert first["amount"] == second["amount"]
    [harm] = damages(desk.database)
    assert (harm.kind, harm.arm, harm.amount) == ("already", "batch", second["amount"])


def test_the_stream_knows_a_rebooking_at_once_and_the_batch_at_its_run(desk: Desk) -> None:
    talk = sessions(ADA)
    desk.fire("flight.cancelled", desk.flight_of(ADA), timedelta(), reason="snow")
    said = desk.ask("Is my flight to Chicago on time?", talk)
    assert "was cancelled because of snow" in said["stream"].answer
    assert "is on time" in said["batch"].answer
    assert (said["stream"].verdict.status, said["batch"].verdict.status) == ("current", "stale")

    offered = desk.one("stream", "Please rebook me", talk)
    assert statuses(offered)[-1] == "needs_consent"
    assert offered.pending is not None
    assert statuses(desk.one("stream", "yes, do it", talk)) == ["done"]
    [moved] = desk.recorded("booking.rebooked")
    desk.settle()

    asked = "Which flight am I booked on?"
    new = moved["to"]["flight"].replace("EA", "EA ")
    before = desk.ask(asked, sessions(ADA))
    assert new in before["stream"].answer
    assert new not in before["batch"].answer
    assert [before[arm].verdict.status for arm in ("stream", "batch")] == ["current", "stale"]
    desk.engine.json("batch")
    after = desk.ask(asked, sessions(ADA))
    assert after["batch"].answer == after["stream"].answer == before["stream"].answer


def test_figures_are_live_in_the_one_airline_and_gold_in_the_other(desk: Desk) -> None:
    late = {"new_departure": f"{desk.flight_of(EVE).split('/')[2]} 23:30"}
    desk.fire("flight.delayed", desk.flight_of(EVE), timedelta(), **late)
    routes = desk.ask("Which route has the most delays?", sessions(ADA))
    assert "with 1 delayed flight" in routes["stream"].answer
    assert "(from the gold tables), no route has a delayed flight today" in routes["batch"].answer
    counts = desk.ask("How many complaints came in during the last hour?", sessions(ADA))
    assert "(from live aggregates), 4 complaints" in counts["stream"].answer
    mine = desk.ask("How many of my flights were cancelled today?", sessions(BEN))
    assert "1 of your flights was cancelled today" in mine["stream"].answer


def test_a_person_takes_over(desk: Desk) -> None:
    said = desk.ask("I want to talk to a person", sessions(ADA))
    assert [statuses(one) for one in said.values()] == [["done"], ["done"]]
    assert {one.agent for one in said.values()} == {"human"}
    taken = [one for one in desk.recorded("interaction.chat") if one.get("handled_by")]
    assert [one["handled_by"] for one in taken] == ["colleague at the desk"]  # both: one event


def test_the_scorecard_counts_what_was_said_and_done(desk: Desk) -> None:
    by_arm = counted(desk.database)
    stream, batch = (by_arm[arm]["actions"] for arm in ("stream", "batch"))
    assert stream == {
        "done": 3,
        "refused": {"already": 1},
        "stopped": 0,
        "damages": 0,
        "damage_amount": 0,
    }
    [harm] = damages(desk.database)
    assert (batch["stopped"], batch["damages"], batch["damage_amount"]) == (1, 1, harm.amount)
    rates = {arm: by_arm[arm]["first_contact_resolution"] for arm in ARMS}
    assert rates["stream"] > rates["batch"]


def test_the_command_line_talks_too(desk: Desk) -> None:
    written = io.StringIO()
    talk = Chat(desk.engine.settings, Opening(ADA), Screen(written, as_json=False))
    for line in ("Is my flight to Chicago on time?", "", "/why", "/guard", "/nonsense", "/guard x"):
        assert talk.take(line, echo=True)
    assert talk.take("/customer nobody", echo=False)
    assert talk.take("I want a voucher", echo=False)
    assert not talk.take("/quit", echo=False)
    said = written.getvalue()
    for part in (
        "stream  Yes, Ada. EA ",
        "        Front desk → Flight status: flight status",
        "got   status done",
        "the guard is on; stopped on outdated information: 1; damage done without it: 1",
        "/why  ",
        "/guard takes on or off",
        "the record knows no customer 'nobody'",
        "Refunds and compensation · voucher: ",
    ):
        assert part in said


def test_piped_lines_are_answered_in_json(desk: Desk) -> None:
    lines = b"/guard off\nhello \xff\n\n/guard on\nbye"
    asked = desk.engine.cli("chat", "--customer", ADA, "--json", stdin=lines)
    turns = [json.loads(line) for line in asked.stdout.splitlines()]
    assert (asked.returncode, [turn["question"] for turn in turns]) == (0, ["hello \ufffd", "bye"])
    assert [one["arm"] for one in turns[0]["arms"]] == list(ARMS)
    assert b"the guard is off" in asked.stderr


def test_nobody_cannot_talk(desk: Desk) -> None:
    with pytest.raises(ValueError, match="no customer 'nobody'"):
        Chat(desk.engine.settings, Opening("nobody"), Screen(io.StringIO(), as_json=False))
