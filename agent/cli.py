"""What the command line asks of the agents: `ask`, `scorecard`, and the figure of `bench`.

Each takes the settings and gives what `--json` prints; each `show_…` makes that readable.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import select

from agent import contacts, intents, llm
from agent.actions import damages, guard, set_guard, stopped
from agent.answer import Asked
from agent.context import spoken_age
from agent.judge import Judge
from agent.pictures import Picture
from agent.prompts import table
from agent.session import sessions
from agent.support import AgentSettings, AsOf, SupportAgent, ask_both
from agent.tools import Toolbox
from agent.vectors import question_vectors
from pipeline import schema
from pipeline.clock import from_rfc3339
from pipeline.control import clock
from pipeline.engine import brokers_of
from pipeline.fire import Door
from pipeline.freshness import pending
from pipeline.schema import ARMS, Arm, Database
from pipeline.settings import Settings
from pipeline.store import ContextStore

Report = dict[str, Any]

_BENCH_ASKS = 40
_WARM_UP = 5


def agents_of(
    settings: Settings,
    database: Database,
    arms: Sequence[Arm] = ARMS,
    *,
    model: str | None = None,
    door: Callable[[], Door] | None = None,
) -> list[SupportAgent]:
    """The agents of these arms: they share vectors, judge and settings, and differ in the table.

    Args:
        door: where the events of their actions go in; None: they change nothing.
    """
    vectors, judge = question_vectors(settings.embedder), Judge(database)
    shape = AgentSettings(model=model or settings.agent_model, home_zone=settings.home_zone)
    stores = [ContextStore(settings.stores, arm, settings.embedder) for arm in arms]
    return [SupportAgent(Toolbox(store, database, door), vectors, judge, shape) for store in stores]


def arms_of(which: Literal["batch", "stream", "both"]) -> Sequence[Arm]:
    """The arms that a word of the command line means."""
    return ARMS if which == "both" else (which,)


def door_to(settings: Settings, database: Database) -> Callable[[], Door]:
    """The way in for the events of actions, opened when the first one comes.

    The door raises EngineError while no engine runs; a restarted one has another broker.
    """

    @lru_cache(maxsize=1)
    def door(brokers: str) -> Door:
        return Door(database, brokers)

    return lambda: door(brokers_of(settings))


def as_of(database: Database, now: datetime) -> dict[Arm, AsOf]:
    """Airline time up to which each arm knows the world.

    The batch knows what its last extract saw; the stream all but what is pending at this moment.
    """
    oldest = pending(database, "stream")["occurred_at"]
    return {
        "batch": database.get("batch_as_of"),
        "stream": min(now, from_rfc3339(oldest)) if oldest else now,
    }


def ask(
    settings: Settings,
    question: str,
    customer: str,
    arm: Literal["batch", "stream", "both"] = "both",
    model: str | None = None,
    picture: Path | None = None,
) -> Report:
    """One question to the agents, in the shape of `Asked`.

    Raises:
        OSError: the picture's file cannot be read.
        ValueError: no world is loaded, the record knows no such customer, or the picture is none.
    """
    shown = Picture.from_file(picture) if picture else None
    database = schema.database(settings.database)
    now = now_of(database)
    check_customer(database, customer)
    arms = arms_of(arm)
    agents = agents_of(settings, database, arms, model=model, door=door_to(settings, database))
    known, talks = as_of(database, now), sessions(customer, arms)
    asked = ask_both(agents, question, talks, now, as_of=known, picture=shown)
    return asked.model_dump(mode="json")


def show_ask(report: Report) -> str:
    """The answers for people, each with its verdict and what it was based on."""
    asked = Asked.model_validate(report)
    lines: list[str] = []
    for one in asked.arms:
        lines += [f"{one.arm} · {one.verdict.status} · as of {one.as_of}", f"  {one.answer}"]
        for claim in one.verdict.claims:
            if claim.status != "current":
                lines.append(f"  {shown_claim(claim.model_dump())}")
        lines += [
            f"    {spoken_age(cited.age_s):>10}  {cited.text}" for cited in one.context[:_SHOWN]
        ]
        ms = one.timings_ms
        lines.append(f"  {one.model}, {ms['total']:.0f} ms (first word {ms['first_token']:.0f} ms)")
    return "\n".join(lines)


_SHOWN = 6


def guard_switch(settings: Settings, state: Literal["on", "off", "show"]) -> Report:
    """Switch the stale-ground guard, or leave it; how it stands and what it came to.

    Raises:
        ValueError: no world is loaded.
    """
    database = schema.database(settings.database)
    now_of(database)
    if state != "show":
        set_guard(database, state == "on")
    return guard_state(database)


def guard_state(database: Database) -> Report:
    """The guard, what it has stopped and the damage done without it, since the last reset."""
    harm = damages(database)
    return {
        "guard": "on" if guard(database) else "off",
        "stopped": len(stopped(database)),
        "damages": [one.model_dump() for one in harm],
        "damage_amount": round(sum(one.amount for one in harm), 2),
    }


def show_guard(state: Report) -> str:
    """The state of the guard in a sentence."""
    return (
        f"the guard is {state['guard']}; stopped on outdated information: {state['stopped']}; "
        f"damage done without it: {len(state['damages'])} ({state['damage_amount']:.2f} USD)"
    )


def shown_claim(claim: Report) -> str:
    """A claim that is not current: what was said, what is true, and since when."""
    said = f"{claim['attribute']}: said {claim['said'] or 'nothing'}, is {claim['true']}"
    by = claim["superseded_by"]
    if by is None:
        return f"{claim['status']} · {said}"
    age = spoken_age(claim["superseded_for_s"])
    return f"{claim['status']} · {said}, since {by['type']} {age} ago (airline time)"


def scorecard(settings: Settings, customers: int = 25) -> Report:
    """The same questions to both agents for a number of customers, and what real talks came to.

    The questions asked here change nothing and are no conversations (`contacts`).

    Raises:
        ValueError: no world is loaded.
    """
    database = schema.database(settings.database)
    now = now_of(database)
    agents = agents_of(settings, database)
    counts: Counter[tuple[str, str, str]] = Counter()
    questions = _questions()
    for customer in _customers(database, customers):
        for question in questions:
            for one in ask_both(agents, question, sessions(customer), now).arms:
                counts[question, one.arm, one.verdict.status] += 1
    by_arm = {arm: _by_status(counts, arm, questions) for arm in ARMS}
    return {
        "airline_time": now.isoformat(),
        "asked": sum(counts.values()) // len(ARMS),
        "arms": by_arm,
        "first_contact_resolution": {arm: _resolution(by_arm[arm]) for arm in ARMS},
        "questions": {
            question: {arm: _by_status(counts, arm, [question]) for arm in ARMS}
            for question in questions
        },
        "conversations": contacts.counted(database),
    }


def show_scorecard(report: Report) -> str:
    """The scorecard as a table: a line a question, the verdicts of both arms side by side."""
    head = "question".ljust(_WIDTH) + "".join(
        f"{arm} {status}".rjust(16) for arm in ARMS for status in _STATUSES
    )
    rows = {**report["questions"], "all": report["arms"]}
    lines = [
        question.ljust(_WIDTH)
        + "".join(str(row[arm][status]).rjust(16) for arm in ARMS for status in _STATUSES)
        for question, row in rows.items()
    ]
    resolved = "first-contact resolution of these: " + ", ".join(
        f"{arm} {_percent(rate)}" for arm, rate in report["first_contact_resolution"].items()
    )
    return "\n".join([head, *lines, resolved, *_show_conversations(report["conversations"])])


def _show_conversations(by_arm: Report) -> list[str]:
    """What real conversations came to, since the world was loaded; or that there were none."""
    if not any(of_arm["answers"] for of_arm in by_arm.values()):
        return ["conversations since the world was loaded: none yet"]
    lines = ["conversations since the world was loaded"]
    for arm, of_arm in by_arm.items():
        acted = of_arm["actions"]
        refused = ", ".join(f"{rule} {count}" for rule, count in acted["refused"].items())
        lines.append(
            f"  {arm:<8}{of_arm['answers']} answers; first-contact resolution "
            f"{_percent(of_arm['first_contact_resolution'])} "
            f"({of_arm['resolved']} of {of_arm['contacts']} contacts)"
        )
        lines.append(
            f"          actions taken {acted['done']}; refused by policy: {refused or 'none'}; "
            f"stopped by the guard {acted['stopped']}; damage done without it "
            f"{acted['damages']} ({acted['damage_amount']:.2f} USD)"
        )
    return lines


def _percent(rate: float | None) -> str:
    return "none yet" if rate is None else f"{rate:.0%}"


def _resolution(by_status: dict[str, int]) -> float | None:
    """Current answers among the questions that the record could answer; None if there were none."""
    asked = sum(by_status.values()) - by_status["none"]
    return round(by_status["current"] / asked, 3) if asked else None


_WIDTH = 52
_STATUSES = ("current", "stale", "missing", "wrong", "none")


def bench_asks(settings: Settings) -> float:
    """Median wall milliseconds from a question to both complete answers, built-in model, warm."""
    database = schema.database(settings.database)
    now = now_of(database)
    agents = agents_of(settings, database)
    llm.warm()
    intents.warm()
    questions, found = _questions(), []
    for place, customer in enumerate(_customers(database, _BENCH_ASKS + _WARM_UP)):
        # Each question a new one to the encoder: nobody asks twice in the same words.
        question = f"{questions[place % len(questions)]} ({place})"
        started = time.perf_counter()
        ask_both(agents, question, sessions(customer), now)
        found.append((time.perf_counter() - started) * 1000)
    return statistics.median(found[_WARM_UP:] or found)


def _by_status(
    counts: Counter[tuple[str, str, str]], arm: str, questions: Sequence[str]
) -> dict[str, int]:
    return {
        status: sum(counts[question, arm, status] for question in questions) for status in _STATUSES
    }


def _questions() -> list[str]:
    questions: list[str] = table("questions")["questions"]
    return questions


def _customers(database: Database, limit: int) -> list[str]:
    """The first customers that have a booking, the heroes among them."""
    bookings = schema.bookings.c
    query = select(bookings.customer_id).distinct().order_by(bookings.customer_id).limit(limit)
    return [row["customer_id"] for row in database.rows(query)]


def check_customer(database: Database, customer: str) -> None:
    """Whether the record knows the customer.

    Raises:
        ValueError: it does not.
    """
    customers = schema.customers.c
    query = select(customers.customer_id).where(customers.customer_id == customer)
    if not database.rows(query):
        raise ValueError(f"the record knows no customer {customer!r}")


def now_of(database: Database) -> datetime:
    """Airline time.

    Raises:
        ValueError: no world is loaded.
    """
    if database.get("clock") is None:
        raise ValueError("no world is loaded; start the engine first: python -m pipeline up")
    return clock(database).now()
