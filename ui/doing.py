"""What buttons do, wherever they are drawn: fire a draft, ask for a batch run."""

from __future__ import annotations

from sqlalchemy.exc import SQLAlchemyError

from pipeline import freshness
from pipeline.batch.schedule import post_request
from pipeline.engine import EngineError
from pipeline.events import ContractError
from ui import console, resources, situation, state
from ui.console import Draft, Situated


def situated(customer_id: str) -> Situated | None:
    """What drafts for a customer are made of, as the record stands now; None for an unknown one."""
    found = situation.read(resources.database(), customer_id)
    if found is None:
        return None
    now = resources.pulse().world().clock.now()
    turn = state.get(state.FIRED_COUNT)
    return Situated(resources.database(), found, found.next_trip(now), now, turn)


def fire(made: Draft) -> None:
    """Fire a draft; the next run says what became of it."""
    try:
        sequence = console.fire(resources.door(), made, resources.pulse().world().clock.now())
    except ContractError as breach:
        state.notify(f"Refused, nothing was changed: {breach.field}: {breach.reason}")
        return
    except (EngineError, SQLAlchemyError) as failed:
        state.notify(f"Not fired: {failed}")
        return
    state.put(state.FIRED, sequence)
    state.put(state.FIRED_NOTE, made.note)
    state.put(state.FIRED_TYPE, made.button.type)
    state.put(state.FIRED_COUNT, state.get(state.FIRED_COUNT) + 1)


def on_its_way() -> bool:
    """Whether the event that this session fired last is not yet searchable in the stream."""
    fired = state.get(state.FIRED)
    journey = freshness.journey(resources.database(), fired) if fired else None
    return journey is not None and not journey["stream"]


def run_batch() -> None:
    """Ask for a batch run. Nobody waits for it here: it takes seconds to minutes and is seen."""
    post_request(resources.database())
    state.notify("A batch run was asked for.")
    resources.pulse().forget()
