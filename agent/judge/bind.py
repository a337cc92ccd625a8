"""Binds each claim to the entities it may be about, and finds whether it is, was or never was true.

A claim is about what its words name (a flight number, a locator, a bag tag); else about what the
text before it named, else the question; else about the customer's next flight, only booking, bags.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.answer import Claim
from agent.judge import counts, figures, flight_verdicts, policies, trip_verdicts
from agent.judge.bench import Bench
from agent.judge.clauses import Attribute, Said
from agent.judge.flight_claims import FLIGHT_NOUN

_OF: dict[Attribute, Callable[[Bench, Said], Claim | None]] = {
    "status": flight_verdicts.of_flight,
    "departure": flight_verdicts.of_flight,
    "scheduled_departure": flight_verdicts.of_flight,
    "arrival": flight_verdicts.of_flight,
    "delay": flight_verdicts.of_flight,
    "gate": flight_verdicts.of_flight,
    "seat": trip_verdicts.of_booking,
    "flight": trip_verdicts.of_booking,
    "booking_status": trip_verdicts.of_booking,
    "cabin": trip_verdicts.of_booking,
    "insurance": trip_verdicts.of_booking,
    "bag_status": trip_verdicts.of_bag,
    "bag_location": trip_verdicts.of_bag,
    "tier": trip_verdicts.of_tier,
    "payment": trip_verdicts.of_payment,
    "contact": trip_verdicts.of_contact,
    "count": counts.of_count,
    "figure": figures.of_figure,
}


_OF_FLIGHT = {"status", "departure", "scheduled_departure", "arrival", "delay", "gate"}
_ASKS_OF_FLIGHT = {"flight_status", "departure", "arrival", "gate", "delay", "booking", "seat"}


def _is_doubtful(bench: Bench, said: Said, claim: Claim) -> bool:
    """Whether a claim that was found wrong is rather not one about a flight at all.

    Where nothing was asked about flights and the sentence speaks of none, a time or a `delay` is of
    something else; and a time at which the record was told something may be the time of that.
    """
    if claim.status != "wrong" or said.attribute not in _OF_FLIGHT or said.clause.named_here:
        return False
    of_none = not bench.topics & _ASKS_OF_FLIGHT and not FLIGHT_NOUN.search(said.clause.sentence)
    asked = bench.topics & {"departure", "arrival"}
    return of_none or (not asked and said.guessed and bool(said.minutes & bench.scope.told_at()))


def verdicts(bench: Bench) -> list[Claim]:
    """The verdict on every claim of the answer, in the order of the text."""
    judged = [(said, _OF[said.attribute](bench, said)) for said in bench.said]
    found = [claim for said, claim in judged if claim and not _is_doubtful(bench, said, claim)]
    implied = flight_verdicts.left_behind(bench)
    return [*found, *([implied] if implied else []), *policies.verdicts(bench)]
