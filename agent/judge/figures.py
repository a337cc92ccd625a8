"""Figures of the whole airline: what a sentence states, and the verdict by the record's own count.

`12 complaints came in`, `Just one flight.`, `LGA to MIA has most delays`, `89.50 USD in all`. A
figure is current if the record counts the same now, stale if it counted so after some earlier
event, and wrong if it never did. Read only where the question asks for one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import get_args

from sqlalchemy import select

from agent import mentions, reporting
from agent.answer import Claim
from agent.judge import counts, dealings
from agent.judge.bench import Bench
from agent.judge.clauses import Clause, Said, is_disclaimed, said, supposed
from agent.judge.history import Change
from agent.judge.hours import times
from agent.judge.numbers import IN_WORDS, number
from agent.reporting import Kind, Slots, Values
from pipeline import measures, schema
from pipeline.clock import from_rfc3339
from pipeline.images import Row
from pipeline.measures import WINDOW, Measure, Totals

KINDS: tuple[Kind, ...] = get_args(Kind)
_MEASURES: dict[Kind, tuple[Measure, ...]] = {
    "cancelled_flights": ("flights_cancelled",),
    "complaints": ("complaints",),
    "delays_by_route": ("flights_delayed",),
    "refunds": ("refunds", "refunded"),
}
_TOTAL = {"cancelled_flights": "flights", "complaints": "complaints", "refunds": "refunds"}
_ALL_ROUTES = 10_000


def kind_of(topics: set[str]) -> Kind | None:
    """The figure that a question asks for, if it asks for one."""
    return next((kind for kind in KINDS if kind in topics), None)


# --- what a sentence states -----------------------------------------------------------------------

_NUMBER = rf"(?:{IN_WORDS}|\d{{1,3}}(?:,\d{{3}})+|\d+)"
_NONE = r"no|none|nil|zero|nothing|not a single|not one|nobody|no one"
_NOUN = r"complaint|flight|cancellation|refund|departure"
_WIDE = re.compile(
    rf"\b(?:{_NUMBER}|no|several|many) (?:(?!of\b|your\b)\w+ ){{0,2}}?"
    r"(?:complaints?|flights?|refunds?|cancellations?) "
    r"(?:(?:was|were|has been|have been) (?:paid|cancelled|canceled|delayed|received|issued|made)|"
    r"came in)\b|\(from (?:live aggregates|the gold tables)\)",
    re.I,
)
_OWN = re.compile(r"\b(?:your|yours|you)\b", re.I)
_COUNT = re.compile(
    rf"(?<![\d.,:$€£])\b(?P<number>{_NONE}|a single|{_NUMBER}|an?)\s+"
    rf"(?:(?!hours?\b|minutes?\b|hrs?\b|by\b|via\b|and\b|\d)[\w-]+\s+|of (?:our|the|"
    rf"all) (?:\d+ )?){{0,3}}?"
    rf"(?P<noun>{_NOUN})s?\b",
    re.I,
)
_AFTER_NOUN = re.compile(
    rf"\b(?:{_NOUN})s?\b[^.;\d]{{0,40}}?(?:\bis|\bwas|\bare|\bat|\bto|:|=|-|–)\s*\**"
    rf"(?P<number>{_NUMBER}|none|nil)\b(?![:.]\d|\s*(?:hours?|minutes?|[ap]\.?m))",
    re.I,
)
_NOBODY = re.compile(
    r"\bnot a single one\b|\bclean sheet\b|\bnone at all\b|\bnothing\b[^.;]*\b(?:refunded|"
    r"paid out|cancelled)|\b(?:nobody|no one|no customer|"
    r"no passenger)\b[^.;]*\bcomplain",
    re.I,
)
_CHANNEL = re.compile(
    rf"\b(?P<number>{_NUMBER})\s+(?:\w+\s+)?(?:by|via|through|on|over|from|in)\s+(?:an?\s+|"
    rf"the\s+)?"
    r"(?P<channel>tweet|twitter|x|e-?mail|chat|call|phone)s?\b|"
    rf"\b(?P<many>{_NUMBER})\s+(?P<of>tweet|e-?mail|chat|call|phone call)s?\b",
    re.I,
)
_CHANNELS = {"twitter": "tweet", "x": "tweet", "phone": "call", "phone call": "call"}
_PLACE = r"(?:[A-Z]{3}|[A-Z][\w'’]+(?: [A-Z][\w'’]+)*)"
_ROUTE = re.compile(
    rf"\b(?:between )?(?P<from>{_PLACE})\s?(?:to|-|–|→|->|/|and)\s?(?P<to>{_PLACE})\b"
)
_HOW_MANY = re.compile(
    rf"^\**[\s,:(]*(?:route )?(?:(?:with|has|had|at|is|leads with)\s+)?(?:only |just )?"
    rf"(?P<number>{_NUMBER})\s*(?:delay|flight|late|\)|,|\.|;|$| and|\*)",
    re.I,
)
_NO_DELAYS = re.compile(
    r"\ball\b[^.;]*\b(?:on time|punctual\w*|on schedule|as planned)|\b(?:no|none of (?:the|"
    r"our)) (?:route|flight|delay)s?\b|no delays",
    re.I,
)
_MANY = re.compile(r"\b(?:about|around|some|roughly|approximately|nearly|almost|up to)\s+$", re.I)
_LEAST = re.compile(r"\b(?:over|more than|at least)\s+$", re.I)


_NOT_ANY = re.compile(
    rf"(?:\bnot|n't|\bnever)\b(?: \w+){{0,2}} (?:cancell?ed|received|had|paid|refunded|got|"
    rf"recorded|logged)\b"
    rf"[^.;]*\b(?:any|a single|one)\b[^.;]*\b(?:{_NOUN})",
    re.I,
)


def speaks_of_airline(clause: Clause) -> bool:
    """Whether a clause gives a figure of the whole airline, and so states nothing of this customer.

    `12 flights were cancelled`, but not `one of your flights was cancelled`.
    """
    return bool(_WIDE.search(clause.text)) and not _OWN.search(clause.text)


def claims(clause: Clause, kind: Kind) -> Iterator[Said]:
    """The figures of a kind that a clause states: `complaints 2`, `tweet 1`, `LGA|MIA 1`."""
    if is_disclaimed(clause.text) and not _NOT_ANY.search(clause.text):
        return
    if re.search(r"\byour\b", clause.text, re.I):
        return
    if kind == "delays_by_route":
        yield from _routes(clause)
        return
    yield from _totals(clause, kind)
    if kind == "complaints":
        yield from _by_channel(clause)
    if kind == "refunds":
        for one in dealings.payments(clause, set()):
            _, *amount = one.value.split()
            if amount:
                value = f"{amount[1]} {amount[0]}"
                yield said(
                    clause, "figure", value, (one.start - clause.start, one.end - clause.start)
                )


def _totals(clause: Clause, kind: Kind) -> Iterator[Said]:
    if found := _NOBODY.search(clause.text) or _NOT_ANY.search(clause.text):
        yield said(clause, "figure", f"{_TOTAL[kind]} 0", found.span())
        return
    nouns = {"cancelled_flights": "flight cancellation departure", "refunds": "refund"}
    matches = [
        one
        for one in _COUNT.finditer(clause.text)
        if one["noun"].lower() in nouns.get(kind, "complaint")
    ]
    found = next(iter(matches), None)
    found = found or _AFTER_NOUN.search(clause.text) or counts.bare_number(clause)
    if found is None and kind == "cancelled_flights" and clause.flights:
        span = clause.flights[0].start, clause.flights[-1].end
        yield said(clause, "figure", f"flights {len({one.key for one in clause.flights})}", span)
        return
    amounts = any(dealings.payments(clause, set()))
    found = found or (None if amounts else _any_number(clause))
    if found is None or supposed(clause, found.start()):
        return
    before = clause.text[: found.start("number")]
    if not _MANY.search(before):
        value = f"{_TOTAL[kind]} {_value(found['number'])}"
        more = bool(_LEAST.search(before))
        yield said(clause, "figure", value, found.span(), at_least=more)


_ANY_NUMBER = re.compile(
    rf"(?<![\w.,:$€£-])(?P<number>{_NUMBER}|nothing|none|nil|zero)\b"
    r"(?![:.]\d|\s*(?:hours?|minutes?|[ap]\.?m|USD|dollars?|EUR|-))",
    re.I,
)


def _any_number(clause: Clause) -> re.Match[str] | None:
    """The first number of a clause that is no time, no amount and no flight's."""
    hidden = clause.text
    spans = [(one.start, one.end) for one in times(hidden)]
    spans += [(one.start, one.end) for one in clause.flights]
    for start, end in spans:
        hidden = hidden[:start] + "#" * (end - start) + hidden[end:]
    return _ANY_NUMBER.search(hidden)


def _by_channel(clause: Clause) -> Iterator[Said]:
    for found in _CHANNEL.finditer(clause.text):
        channel = (found["channel"] or found["of"]).lower().replace("-", "")
        many = _value(found["number"] or found["many"])
        value = f"{_CHANNELS.get(channel, channel)} {many}"
        yield said(clause, "figure", value, found.span())


def _routes(clause: Clause) -> Iterator[Said]:
    """Routes in the order of the text: the first is said to be the one with most."""
    found = list(_ROUTE.finditer(clause.text))
    if not found and (none := _NO_DELAYS.search(clause.text)):
        yield said(clause, "figure", "routes 0", none.span())
    for place, one in enumerate(found):
        following = found[place + 1].start() if place + 1 < len(found) else len(clause.text)
        many = _HOW_MANY.match(clause.text[one.end() : following])
        if supposed(clause, one.start()) or (place and not many):
            continue
        value = f"{one['from']}|{one['to']} {_value(many['number']) if many else ''}".strip()
        end = one.end() + (many.end("number") if many else 0)
        yield said(clause, "figure", value, (one.start(), end), exact=place == 0)


def _value(words: str) -> int:
    plain = words.lower().replace(",", "")
    if plain in ("a", "an", "a single", "a single one", "once", "only a", "just a"):
        return 1
    return 0 if re.fullmatch(_NONE, plain) else number(plain)


# --- whether it is so -----------------------------------------------------------------------------


def of_figure(bench: Bench, said: Said) -> Claim | None:
    """The verdict on a figure of the whole airline; None where the question asked for none."""
    kind = kind_of(bench.topics)
    if kind is None:
        return None
    entity, readings = f"report/{kind}", _readings(bench, kind)
    now = [reporting.truth(bench.database, kind, slots, bench.scope.now) for slots in readings]
    true = _shown(now[0])
    if any(_holds(said, values) for values in now):
        return bench.claim(said, entity, true, "current")
    for slots in readings:
        for values, by in _earlier(bench, kind, slots):
            if _holds(said, values):
                return bench.claim(said, entity, true, "stale", by)
    return bench.claim(said, entity, true, "wrong")


def missing(bench: Bench, topic: str) -> Claim | None:
    """What an answer should have said to a question for a figure."""
    kind = kind_of({topic})
    if kind is None:
        return None
    values = reporting.truth(bench.database, kind, _readings(bench, kind)[0], bench.scope.now)
    return bench.verdict((f"report/{kind}", "figure"), "", _shown(values), "missing", None)


def _shown(values: Values) -> str:
    return ", ".join(f"{label} {figure:g}" for label, figure in values[:5]) or "none"


_HOURS = re.compile(rf"\b(?:(?P<many>{IN_WORDS}|\d+|couple of)\s+)?hours?\b", re.I)


def _readings(bench: Bench, kind: Kind) -> list[Slots]:
    """What the question may span. Complaints of no named hours: the last one, or today's."""
    now = bench.scope.now.astimezone(bench.scope.zone)
    if kind == "complaints":
        found = _HOURS.search(bench.question)
        if found is None:
            return [Slots(hours=hours) for hours in (1, now.hour or 1, now.hour + 1)]
        many = (found["many"] or "1").lower()
        return [Slots(hours=2 if many.startswith("couple") else number(many))]
    days = mentions.days(bench.question, now.date())
    return [Slots(day=days[0] if days else None, top=_ALL_ROUTES)]


def _holds(said: Said, values: Values) -> bool:
    label, *figure = said.value.rsplit(" ", 1)
    many = float(figure[0]) if figure and re.fullmatch(r"[\d.]+", figure[0]) else None
    if "|" in said.value:
        return _route_holds(said, values, many)
    if label == "routes":
        return not values
    true = dict(values).get(label, 0.0)
    return true >= (many or 0) if said.at_least else true == many


def _route_holds(said: Said, values: Values, many: float | None) -> bool:
    start, end = (
        said.value.rsplit(" ", 1)[0].split("|") if many is not None else said.value.split("|")
    )
    most = values[0][1] if values else 0
    return any(
        mentions.names_place(start, route.split("-")[0])
        and mentions.names_place(end, route.split("-")[1])
        and many in (None, figure)
        and (figure == most or not said.exact)
        for route, figure in values
    )


# --- what the record counted before ---------------------------------------------------------------

_Past = Iterator[tuple[Values, Change | None]]
"""Earlier figures, newest first, each with the event that ended it; None: it went by with time."""


def _earlier(bench: Bench, kind: Kind, slots: Slots) -> _Past:
    return _of_last_hours(bench, slots) if kind == "complaints" else _of_day(bench, kind, slots)


def _of_day(bench: Bench, kind: Kind, slots: Slots) -> _Past:
    """The figures of a day before each event that changed them: the record's, events undone."""
    now, names = bench.scope.now, _MEASURES[kind]
    start, end = reporting.span(bench.database, kind, slots, now)
    totals = {
        name: defaultdict(float, measures.recorded(bench.database, name, start, end))
        for name in names
    }

    def read(name: Measure, *_: datetime) -> Totals:
        return {key: round(many, 2) for key, many in totals[name].items() if round(many, 2)}

    for row in bench.history.events(measures.KINDS[names[0]]):
        undone = [*_counted(row.after, names, -1), *_counted(row.before, names, 1)]
        within = [(name, key, many) for name, key, many, at in undone if start <= at < end]
        if within:
            for name, key, many in within:
                totals[name][key] += many
            yield reporting.truth(bench.database, kind, slots, now, read), Change.of(row)


def _counted(
    images: Sequence[Row] | None, names: tuple[Measure, ...], sign: int
) -> Iterator[tuple[Measure, str, float, datetime]]:
    for image in images or ():
        for name, key, many in measures.measured(image["kind"], image["row"]):
            if name in names:
                yield name, key, sign * many, measures.moment(image["kind"], image["row"])


def _of_last_hours(bench: Bench, slots: Slots) -> _Past:
    """Complaints of the last hours, as they were before and after each came and left the window."""
    table = schema.interactions
    query = select(table).where(table.c.direction == "inbound").order_by(table.c.occurred_at)
    heard = [
        _Heard(from_rfc3339(row["occurred_at"]), row["interaction_id"], row["channel"])
        for row in bench.database.rows(query)
        if measures.is_complaint(row["direction"], row["text"])
    ]
    length = timedelta(hours=slots.hours)
    steps = (-_MOMENT, timedelta(), length, length + WINDOW)
    times = {one.at + step for one in heard for step in steps}
    for at in sorted((at for at in times if at <= bench.scope.now), reverse=True):
        later = next((one for one in heard if one.at > at), None)
        values = reporting.truth(bench.database, "complaints", slots, at, _until(heard, at))
        yield values, bench.history.made_by(later.event_id) if later else None


_MOMENT = timedelta(milliseconds=1)


@dataclass(frozen=True)
class _Heard:
    """A complaint."""

    at: datetime
    event_id: str
    channel: str


def _until(heard: Iterable[_Heard], now: datetime) -> Callable[..., Totals]:
    """A reader of the totals of what had been heard at a moment."""

    def read(_: Measure, start: datetime, end: datetime) -> Totals:
        found: defaultdict[str, float] = defaultdict(float)
        for one in heard:
            if measures.window_start(start) <= one.at < end and one.at <= now:
                found[one.channel] += 1
        return dict(found)

    return read
