"""How a value of a text stands to the record: true now, true earlier, or never true.

`Known` holds what the record knows and once knew of what a question and its answer may be about;
a `Passage` is one sentence with the flight that it is about. Nothing is read of the text here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from agent import mentions
from agent.judge import holds
from agent.judge.clauses import flights_named
from agent.judge.history import History, Holds
from agent.judge.hours import times
from agent.judge.rules import Rule, read, rules_of
from agent.judge.scope import Scope
from agent.judge.trip_claims import BAG
from pipeline.clock import from_rfc3339
from pipeline.images import Row

NOW, OLD, NO = "now", "old", "no"
_RETURN = re.compile(
    r"\b(?:way (?:back|home)|return(?:ing)?\b(?! (?:my|the|your|a) )|"
    r"(?:coming|fly(?:ing)?|going) home)",
    re.I,
)
_COMPARED = re.compile(r"\b(?:than|unlike) (?:today|yesterday|tomorrow)\b", re.I)
_SHARED = 4  # by which a shared notion makes a rule more like a sentence than a lack unlike


@dataclass(frozen=True)
class Known:
    """What the record knows, and once knew, of the things that a text may be speaking of.

    `asked` are keys of the flights that the question is about, and `is_named` says whether it
    names them. Each entity's history is read when a value is first held against it, so that this
    lives no longer than the history's connection.
    """

    history: History
    scope: Scope
    question: str
    asked: Sequence[str]
    is_named: bool

    def standing(self, keys: Iterable[str], test: Holds) -> str:
        """`now` if a test holds of any of these entities, `old` if it once did, else `no`."""
        past = [self._past[key]() for key in keys if key in self._past]
        if any(test(rows[-1]) for rows in past):
            return NOW
        return OLD if any(test(row) for rows in past for row in rows[:-1]) else NO

    @cached_property
    def _past(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Entity's key -> what gives its rows, oldest first and the one now last."""
        customer = self.scope.customer
        kinds: tuple[tuple[str, Mapping[str, Row]], ...] = (
            ("flight", self.scope.flights),
            ("booking", self.scope.bookings),
            ("bag", self.scope.bags),
            ("customer", {customer["customer_id"]: customer} if customer else {}),
        )
        return {key: partial(self._rows, kind, key, rows) for kind, rows in kinds for key in rows}

    def _rows(self, kind: str, key: str, rows: Mapping[str, Row]) -> list[Row]:
        return [one.row for one in self.history.states(kind, key)] or [rows[key]]

    @cached_property
    def told(self) -> set[int]:
        """Minutes of the airline's day at which something happened to any of these."""
        stamps = {
            value
            for rows in self._past.values()
            for row in rows()
            for name, value in row.items()
            if name.endswith("_at") and value
        }
        at = [from_rfc3339(one).astimezone(self.scope.zone) for one in stamps]
        return self.scope.told_at() | {one.hour * 60 + one.minute for one in at}

    @cached_property
    def rules(self) -> Sequence[Rule]:
        """The sentences of the policies, as they stand and as they once stood."""
        return [rule for row in self.scope.policies for rule in rules_of(self.history, row)]


def known(history: History, scope: Scope, question: str) -> Known:
    """What the values of a question and of its answer are held against."""
    return Known(history, scope, question, *_asked(scope, question))


def of_day(scope: Scope, text: str) -> list[str]:
    """Keys of the customer's own flights on a day that a text names."""
    own = scope.own_flights
    if len(own) > 1 and _RETURN.search(text):
        return [max(own, key=lambda key: str(scope.flights[key]["departure"]))]
    days = {day.isoformat() for day in mentions.days(_COMPARED.sub("", text), scope.now.date())}
    return [key for key in own if key.split("/")[1] in days]


def _asked(scope: Scope, question: str) -> tuple[Sequence[str], bool]:
    """(flights that a question means, whether it names them): by number, day, place or as next."""
    numbers = flights_named(question, scope.carriers)
    if named := [key for one in numbers for key in scope.numbered(one.key)]:
        return named, True
    if theirs := of_day(scope, question):
        return theirs, True
    own = scope.own_flights
    if timed := [key for key in own if _leaves_at(scope.flights[key], question)]:
        return timed, True
    there = [k for k in own if mentions.names_place(question, scope.flights[k]["destination"])]
    return there or scope.next_flights() or list(scope.former or scope.flights), False


def _leaves_at(flight: Row, text: str) -> bool:
    """Whether a text names the time at which a flight leaves or was to leave: `the 15:10`."""
    leaves = {holds.clock(flight, f"{of}departure") for of in ("", "scheduled_")}
    return any(one.means(clock) for one in times(text) for clock in leaves)


@dataclass(frozen=True)
class Passage:
    """A sentence, and the number of the flight that it or the text before it names."""

    known: Known
    text: str
    flight: str | None

    @property
    def scope(self) -> Scope:
        """What the answer may be speaking of."""
        return self.known.scope

    @cached_property
    def meant(self) -> Sequence[str]:
        """Key of the flight that is meant, or none."""
        if self.flight:
            return self.scope.numbered(self.flight)[:1]
        return (of_day(self.scope, self.text) or self.known.asked)[:1]

    @cached_property
    def is_named(self) -> bool:
        """Whether text or question name the flight that is meant."""
        return bool(self.flight or self.known.is_named or of_day(self.scope, self.text))

    @cached_property
    def of_bag(self) -> bool:
        """Whether sentence or question name a bag."""
        return bool(BAG.search(self.text) or BAG.search(self.known.question))

    def of_flight(self, test: Holds) -> str:
        """How a value stands to the flight that is meant, or else to another of theirs.

        `dead` is what was planned of a flight that is cancelled; where no flight is named
        `second` is true of another flight of theirs, `left` of one that they are no longer on.
        """
        first = self.known.standing(self.meant, test)
        if first == NOW and self.scope.flights[self.meant[0]]["status"] == "cancelled":
            return "dead"
        if first != NO or self.is_named:
            return first
        others = [key for key in self.scope.own_flights if key not in self.meant]
        if self.known.standing(others, test) == NOW:
            return "second"
        left = [key for key in self.scope.former if key not in self.meant]
        return "left" if self.known.standing(left, test) != NO else NO

    def of_rule(self, said: tuple[str, float]) -> str:
        """How a quantity stands to the rules that question and sentence are like.

        `other` is a quantity of another rule than the likeliest.
        """
        near = [one for rule in self._likeliest if (one := _of_rule(said, rule)) != NO]
        far = any(_of_rule(said, rule) != NO for rule in self.known.rules)
        return (near + ["other"] * far + [NO])[0]

    def of_price(self, *, free: bool) -> str:
        """Whether the likeliest rule says that it is free, or costs; `other` if it says neither."""
        told = [rule.now.free for rule in self._likeliest if rule.now.free is not None]
        return "other" if not told else NOW if free in told else NO

    @cached_property
    def _likeliest(self) -> Sequence[Rule]:
        """The rules that share most notions with question and sentence."""
        notions = read(f"{self.known.question} {self.text}").notions

        def likeness(rule: Rule) -> int:
            return _SHARED * len(rule.now.notions & notions) - len(rule.now.notions - notions)

        most = max((likeness(rule) for rule in self.known.rules), default=0)
        return [rule for rule in self.known.rules if likeness(rule) == most]


def _of_rule(said: tuple[str, float], rule: Rule) -> str:
    if said in rule.now.quantities:
        return NOW
    return OLD if any(said in before.quantities for before, _ in rule.before) else NO
