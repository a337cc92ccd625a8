"""Binds each claim to the entities it may be about, and finds whether it is, was or never was true.

A claim is about what its words name (a flight number, a locator, a bag tag); else about what the
text before it named, else the question; else about the customer's next flight, only booking, bags.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.answer import Claim
from agent.judge import counts, details, figures, flight_verdicts, policies, trip_verdicts
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
_ASKS_OF_TIME = {"flight_status", "departure", "arrival", "delay"}


def _is_doubtful(bench: Bench, said: Said, claim: Claim) -> bool:
    """Whether a claim that was found wrong is rather not one about a flight at all.

    Where nothing was asked about flights and the sentence speaks of none, a time or a `delay` is of
    something else; and a time at which the record was told something may be the time of that.
    """
    if claim.status != "wrong" or said.attribute not in _OF_FLIGHT:
        return False
    named = bench.topics & _ASKS_OF_FLIGHT or said.clause.named_here
    of_none = not named and not FLIGHT_NOUN.search(said.clause.sentence)
    of_event = said.guessed and bool(said.minutes & bench.scope.told_at())
    unasked = said.guessed and not (bench.topics & _ASKS_OF_TIME or said.clause.named_here)
    return of_none or of_event or unasked


def verdicts(bench: Bench) -> list[Claim]:
    """The verdict on every claim of the answer, in the order of the text."""
    judged = [(said, _OF[said.attribute](bench, said)) for said in bench.said]
    found = [claim for said, claim in judged if claim and not _is_doubtful(bench, said, claim)]
    found = _as_told_last(found, {one.start for one in bench.said if one.guessed})
    told = policies.verdicts(bench)
    found = [one for one in found if not _is_of_rule(one, told)]
    told = [one for one in told if not _is_of_case(one, found)]
    implied = flight_verdicts.left_behind(bench, found)
    return [*found, *([implied] if implied else []), *details.verdicts(bench), *told]


def _is_of_rule(claim: Claim, rules: Sequence[Claim]) -> bool:
    """Whether what seems wrong of the customer's own is a length or an amount in a rule."""
    return (
        claim.status == "wrong"
        and claim.attribute in _QUANTITIES
        and any(rule.status != "wrong" and _within(claim, rule) for rule in rules)
    )


def _is_of_case(rule: Claim, found: Sequence[Claim]) -> bool:
    """Whether what seems a wrong rule is a sentence about the customer's own flight or payment."""
    return rule.status == "wrong" and any(
        one.attribute in _QUANTITIES | _TIMES and one.status != "wrong" and _within(one, rule)
        for one in found
    )


_QUANTITIES = {"delay", "payment", "count"}
_TIMES = {"departure", "scheduled_departure", "arrival"}


def _within(one: Claim, other: Claim) -> bool:
    spans = one.start, one.end, other.start, other.end
    return None not in spans and other.start <= one.start < other.end  # type: ignore[operator]


def _as_told_last(found: list[Claim], guessed: set[int]) -> list[Claim]:
    """The claims without those that the answer itself goes on to correct.

    `It was on time until two and is cancelled now`: what is stale but followed by what is current
    of the same is told as history. What is wrong and was only guessed to be a time of that flight
    is of something else where the answer gives the true time as well (boarding, check-in).
    """
    current = {_of(one): one.start for one in found if one.status == "current"}
    told_of = {one.attribute for one in found if one.status == "current"}
    known = {one.attribute for one in found if one.status != "wrong" and one.start not in guessed}

    def stands(one: Claim) -> bool:
        if one.status == "wrong" and one.start in guessed and one.attribute in known:
            return False
        told = current.get(_of(one))
        if told is None or one.start is None:
            return True
        if one.attribute == "bag_status" and "bag_status" not in told_of:
            return True  # "checked in at LGA": where it is still does not mend how it stands
        if one.status == "stale":
            return one.start > told or one.said == "airborne"  # "it left": so it has, and more
        return one.status != "wrong" or one.start not in guessed

    return [one for one in found if stands(one)]


def _of(claim: Claim) -> tuple[str, str]:
    """What a claim is of: what became of a bag and where it is are one."""
    return claim.entity, claim.attribute.split("_")[
        0
    ] if claim.attribute in _BAG else claim.attribute


_BAG = {"bag_status", "bag_location"}
