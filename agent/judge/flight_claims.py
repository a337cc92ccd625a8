"""What a clause states of a flight: its status, its times, its gate."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from agent import mentions
from agent.judge.clauses import Attribute, Clause, Said, said, supposed
from agent.judge.hours import durations, times
from agent.judge.numbers import IN_WORDS
from agent.judge.past import told_as_past
from agent.judge.polarity import NOT

LOCATOR = r"\b(?![A-Z]{2}\d{1,4}\b)(?=[A-Z]*\d)(?=\d*[A-Z])[A-Z0-9]{5,8}\b"

_NOT_BEFORE = re.compile(NOT + r"(?:\s+\w+){0,3}\s*$", re.I)
_AT_A_TIME = r"(?!\s+(?:at|before|until|till|from|on|earlier|as|for)\b)"
FLIGHT_NOUN = re.compile(r"\b(?:flight|plane|aircraft|departs?|leaves?|departure)\b", re.I)
_STATUS: tuple[tuple[str, str], ...] = (
    (
        "cancelled",
        r"cancell?ed|(?:did|does|will) not operate|axe fell|killed|off the (?:board|schedule)|"
        r"'s off\b(?! at| to| the)|pull(?:ed)? the plug|cxld?|canx|cnx|snowed off|cancellation|"
        r"withdrawn|(?:flights?|is|it\'s) off\b(?! at)|"
        r"(?:had|have|forced) to cancel|(?:forced|caused|obliged|made|led) us to cancel|"
        r"called off|scrubbed|scrapped|axed|binned|canned|dead\b|grounded|a no-go|"
        r"(?:not|n't) (?:going to happen|going anywhere|take place|be operated|be running)|"
        r"out of the schedule|"
        r"(?:not|isn't|won't be) happening|pulled from (?:the|our) schedule|"
        r"(?:is|are|was|will|does|has)(?:\s+(?:not|no longer)|n't)\s+(?:be )?"
        r"(?:flying|fly|going(?: ahead)?|go ahead|operat(?:e|ing)|leav(?:e|ing)|depart(?:ing)?|"
        r"tak(?:e|ing) off)\b" + _AT_A_TIME + r"|won't (?:fly|leave|operate|depart)\b" + _AT_A_TIME,
    ),
    (
        "on_time",
        r"on time|on schedule|to time\b|unaffected|good to go|"
        r"no (?:known |reported )?(?:issues|disruptions?|changes to (?:your|the) (?:flight|"
        r"departure))|(?:as|according to) (?:planned|scheduled|plan|schedule)|"
        r"punctual(?:ly)?"
        r"|on sched\b|running (?:fine|smoothly|normally|to plan)|(?:as|business as) (?:normal|"
        r"usual)|"
        r"still on for|all (?:good|clear|fine|well)\b|bang on|"
        r"no delays?|without (?:a |any )?delay|to schedule",
    ),
    (
        "delayed",
        r"(?<!no )(?<!without )(?<!any )delay(?:ed|s)?\b|dlyd?\b|"
        r"(?:running|is|be|are|departed|leaving|left|"
        r"hours?|minutes?|mins?|min|h|hrs?) late\b|behind schedule|pushed back|postponed|held up|"
        r"later than (?:planned|scheduled)|(?:running|is|are|now|a (?:bit|tad|little)) behind|"
        r"slipped|"
        r"pushed (?:to|until|out)|knocked back|bumped to|rescheduled|"
        r"put back|moved back",
    ),
    (
        "departed",
        r"still (?:waiting|at the gate|boarding|parked|sitting|on the tarmac)|(?:n't|"
        r"not)(?: even| yet| actually)? (?:left|departed|taken off|gone)\b|(?:has|have|had|is|"
        r"it's|'s|already|just) (?:already |just )?(?:departed|left|taken off|"
        r"airborne)|(?:has|have|already) gone|took off|departed\b|"
        r"left\b(?= (?:at|from|on time|jfk|lga|ewr|\d))",
    ),
    (
        "airborne",
        r"(?<!be )(?:in the air|airborne|en route|on its way|mid-?air|somewhere between)\b",
    ),
    (
        "landed",
        r"landed|touched down|wheels down(?= in\b|[.,!;]|$)|on the ground (?:in|at|since)|(?:is|"
        r"are|safely|already|now|back) on the ground|got in\b|(?:has|have|had|already|"
        r"just) (?:already |just )?arrived|"
        r"(?<=n't )arrived|(?<=not )arrived|(?<=not yet )arrived|(?<=n't yet )arrived|"
        r"arrived (?:at|in|on)\b",
    ),
    ("diverted", r"diverted"),
    (
        "going",
        r"still (?:flying|going|leaving|departing|operating|on\b|scheduled|set to|due to|planned)|"
        r"(?:is|are) running\b(?=\s*(?:[.,;:!]|$|so\b|and\b))|"
        r"going ahead|(?:is|are) operating|is scheduled (?:to|for)|reinstated|"
        r"will (?:fly|operate)\b",
    ),
)
STATUSES = tuple(
    (value, re.compile(rf"(?:\b|(?=n't))(?:{words})", re.I)) for value, words in _STATUS
)
_NOUN = re.compile(
    r"\b(?P<booking>(?:booking|reservation|trip|ticket)s?\b|"
    rf"(?-i:{LOCATOR}))|"
    r"\b(?P<flight>flight|plane|aircraft|service|departure)s?\b|"
    r"\b(?P<bag>bag|bags|luggage|baggage|suitcase|case)\b|"
    r"\b(?P<other>refund|voucher|tweet|message|complaint|call|e-?mail|seat|gate|insurance|payment|"
    r"policy|you)s?\b",
    re.I,
)


def subject(text: str, place: int) -> str:
    """What the words at a place are said of: the noun or the flight number nearest before them."""
    comma = text.rfind(",", 0, place)
    nouns = [
        (m.start(), str(m.lastgroup))
        for m in _NOUN.finditer(text[:place])
        if m[0].lower() != "you" or m.start() > comma  # "as you asked, it was cancelled"
    ]
    nouns += [(m.start, "flight") for m in mentions.flights(text[:place])]
    return max(nouns, default=(0, "flight"))[1]


BOOKING_AFTER = re.compile(
    rf"\s+(?:(?:your|the|this|that|it)\b\s*)?(?:(?:booking|reservation|trip|ticket)s?\b|"
    rf"(?-i:{LOCATOR}))",
    re.I,
)
FLIGHT_AFTER = re.compile(
    r"\s+(?:(?:your|my|the|this|that)\s+)?(?:(?:\w+\s+)?flight\b|(?-i:[A-Z][A-Z0-9]\s?\d{1,4}\b))",
    re.I,
)
_IN_GENERAL = re.compile(
    r"^\s+(?:can|may|might|could|often|sometimes|usually|happen|are (?:often|never|always|"
    r"usually))\b",
    re.I,
)
DONE = ("departed", "airborne", "landed")
_NOT_YET = re.compile(r"\b(?:before|until|till|once)\b[^,]*$", re.I)


_OF_OTHERS = re.compile(  # "twelve flights were cancelled" is not of the customer's own
    r"\b(?:\d+|hundreds of|dozens of|several|many|some|other|most|all|no|few|"
    + IN_WORDS
    + r")(?: (?:other|more|of our))* flights\b[^,;.]*$",
    re.I,
)
_NO_TROUBLE = re.compile(
    r"\b(?:see|find|have|know of|aware of|showing|shows|reported|expect\w*|there (?:is|"
    r"are))\b[^.;]*?"
    r"\b(?P<said>(?:no|any) (?:\w+ )?(?:disruption|delay|problem|issue|irregularit|trouble|"
    r"change)\w*)",
    re.I,
)


def all_well(clause: Clause, topics: set[str]) -> Iterator[Said]:
    """`I don't see any disruption`: the flight is on time, though the clause is a denial."""
    found = _NO_TROUBLE.search(clause.text) if topics & _ASKS_OF_FLIGHT else None
    denied = found and (
        found["said"].lower().startswith("no")
        or re.search(NOT, found[0], re.I)
        or re.search(NOT, clause.text[: found.start()], re.I)
    )
    if found and denied and not supposed(clause, found.start()):
        yield said(clause, "status", "on_time", found.span("said"))


_SORRY = re.compile(r"\b(?:sorry|apolog\w+|forgive|regret|bear with)\b[^.;]*$", re.I)
_COMPLAINED = re.compile(
    r"\b(?:first|second|third|fourth|another|yet another|repeated|these|those|so many)\s+$", re.I
)


def _is_apology(clause: Clause, found: re.Match[str], topics: set[str]) -> bool:
    """Whether a delay is only regretted: of which one, and of whose reply, is not said."""
    before = clause.text[: found.start()]
    if found[0].lower() not in ("delay", "delays"):
        return False
    return bool(
        _COMPLAINED.search(before) or (_SORRY.search(before) and not topics & _ASKS_OF_FLIGHT)
    )


_ARRIVES_TOO = {"contact", "payment", "bag"}
_ASKS_OF_TIME = {"flight_status", "departure", "arrival", "gate", "seat", "booking"}
_ASKS_OF_FLIGHT = {"flight_status", "departure", "arrival", "gate", "delay"}


def statuses(clause: Clause, topics: set[str], *, about_bag: bool) -> Iterator[Said]:
    """Whether a flight is cancelled, on time, delayed, gone, there, or still going."""
    taken: list[tuple[int, int]] = []
    for value, pattern in STATUSES:
        for found in pattern.finditer(clause.text):
            if any(start < found.end() and found.start() < end for start, end in taken):
                continue
            of_flight = FLIGHT_AFTER.match(clause.text[found.end() :])
            nearest = "flight" if of_flight else subject(clause.text, found.start())
            yet = value in DONE and _NOT_YET.search(clause.text[: found.start()])
            if (
                yet
                or _IN_GENERAL.match(clause.text[found.end() :])
                or _OF_OTHERS.search(clause.text[: found.start()])
                or _is_apology(clause, found, topics)
                or BOOKING_AFTER.match(clause.text[found.end() :])
                or supposed(clause, found.start())
                or _is_of_other(value, nearest, about_bag=about_bag)
            ):
                continue
            taken.append(found.span())
            negated = bool(_NOT_BEFORE.search(clause.text[: found.start()]))
            negated = negated or (
                value in DONE and found[0].lower().startswith(("n't", "not ", "still"))
            )
            if negated and value == "going":
                value = "cancelled"  # "is not still going": as a person would mean it
                negated = False
            yield said(clause, "status", value, found.span(), negated=negated)


def _is_of_other(value: str, subject: str, *, about_bag: bool) -> bool:
    if subject == "booking":
        return value == "cancelled"  # said of the booking, see _bookings
    if subject in ("bag", "other"):
        return value in ("departed", "landed") or subject == "other" or about_bag
    return False


# --- flights: times, gates ------------------------------------------------------------------------

_DEPART = (
    r"leav\w*|left|depart\w*|tak(?:e|es|en|ing) off|took off|take-?off|go(?:es|ing)? (?:at|out|"
    r"from)"
)
_DEPART += r"|[es]td\b|dep\b|wheels up|out of (?-i:[A-Z])|due out|away (?:at|by)|"
_DEPART += r"off the ground|fl(?:y|ies|ying) (?:at|out)|off at|push\w* back at|set to go|new time"
_ARRIVE = r"arriv\w*|land\w*|get(?:s|ting)? (?:in|there|to|you)|touch\w* down|due (?:there|in)|"
_ARRIVE += r"reach\w*|be (?:back )?(?:in|there|home)|into (?-i:[A-Z])|[es]ta\b|arr\b|wheels down|"
_ARRIVE += r"touch-?down|on the ground|have you (?:in|at|there|back|home)"
_OTHER = r"tweet\w*|call(?:ed)?\b(?! off)|message\w*|wrote|written|e-?mail\w*|complaint|chat|"
_OTHER += r"post(?:ed)?\b|"
_OTHER += (
    r"scan\w*|seen|check\w*|be at\b|turn up|head (?:to|for)|bag drop|as of|update\w*|"
    r"board\w*|gate closes?|closes|refund\w*|"
)
_OTHER += (
    r"voucher|issued|credited|paid|hand(?:ed)? in|announced|published|changed|cancel\w*|located|"
    r"found|since|handled"
)
_ROLE = re.compile(
    rf"\b(?:(?P<other>{_OTHER})|(?P<arrival>{_ARRIVE})|(?P<departure>{_DEPART}))", re.I
)
_PLANNED = re.compile(
    r"\b(?:instead of|(?<!about )original|(?:were|was) due at|you were due|was to|were to|"
    r"was due|were due|was set|originally|was scheduled|had been|"
    r"(?<!now )(?<!is )planned|"
    r"rather than|was supposed|was meant|(?:moved|changed|pushed back|postponed|shifted|"
    r"delayed|put back|rescheduled|slipped) from|"
    r"scheduled (?:departure|time)(?! (?:is|remains))|previously|used to|earlier than|"
    r"would have|was going to|"
    r"should have (?!you)|not the|than (?:the )?|it was|which was)\b|\b(?:was|were)\W+$",
    re.I,
)
_THEN = re.compile(r"\W*(?:and )?then (?:it was )?(?:at )?$", re.I)
_FROM_BEFORE = re.compile(r"\bfrom\s+$", re.I)
_NEGATED_TIME = re.compile(NOT + r"(?:\s+\w+){0,3}\s*$", re.I)
_NOT_BEFORE_TIME = re.compile(
    NOT
    + r"(?:\s+\w+){0,4}\s+(?:before|until|till|earlier than)\s*(?:an? )?$|\bno earlier than\s*$|"
    r"\b(?:at the earliest|not before)\s*$",
    re.I,
)
_AFTER_TIME = re.compile(
    r"^\s*(?:(?P<departure>departure|flight|plane|take-?off)|(?P<arrival>arrival|landing))", re.I
)
_TO_TIME = re.compile(r"^\s*(?:to|until|till)\s+$", re.I)


def spoken_times(clause: Clause, topics: set[str]) -> Iterator[Said]:
    """Departures, arrivals, what was planned, and delays."""
    found = times(clause.text)
    last, was_old = 0, False
    for place, one in enumerate(found):
        last_end, before = last, clause.text[last : one.start]
        following = found[place + 1].start if place + 1 < len(found) else len(clause.text)
        after = clause.text[one.end : following]
        last = one.end
        role = _role(clause, one.start, after, topics)
        at_least = bool(_NOT_BEFORE_TIME.search(before))
        denied = _NEGATED_TIME.search(before) and not at_least
        if role is None or supposed(clause, one.start) or denied:
            continue
        was_old = _is_old(before, after, after_old=was_old)
        if was_old and role == "arrival":
            continue
        attribute: Attribute = "scheduled_departure" if was_old else role
        words = _with_verb(clause.text, one.start), one.end
        value = clause.text[one.start : one.end]
        guessed = not _is_named(clause.text[last_end : one.start], after)
        minutes = _about(one.minutes) if NEARLY.search(before) else one.minutes
        more = {"minutes": minutes, "at_least": at_least, "guessed": guessed}
        yield said(clause, attribute, value, words, **more)
    yield from _relative(clause, topics)
    yield from _delays(clause, asked="delay" in topics)


IN_SOME = re.compile(
    r"\b(?:in|within|for another)\s+(?:just |a |bit |little |good |tad )*(?:\w+ )?$", re.I
)
TO_GO = re.compile(r"^\s*(?:to go|from now|left|until|till|before you)\b", re.I)
_GOING = re.compile(rf"\b(?:{_DEPART}|airborne|skyward|in the air|going|boarding ends|off)\b", re.I)


def _relative(clause: Clause, topics: set[str]) -> Iterator[Said]:
    """`You leave in about two hours`, `an hour to go`: a departure counted from now."""
    for one in durations(clause.text):
        before, after = clause.text[: one.start], clause.text[one.end :]
        of_departure = "departure" in topics or _GOING.search(clause.text)
        counted = IN_SOME.search(before) or TO_GO.match(after)
        if not (of_departure and counted) or supposed(clause, one.start) or _LATE.match(after):
            continue
        span, words = (one.start, one.end), clause.text[one.start : one.end]
        yield said(clause, "departure", words, span, from_now=one.minutes)


def _is_named(before: str, after: str) -> bool:
    """Whether words beside a time, and of no other time, tell what it is of."""
    later = _ROLE.search(re.split(r"[,;]", after, maxsplit=1)[0])
    named = [*_ROLE.finditer(before), *([later] if later and later.start() < _CLOSE else [])]
    return any(one["departure"] or one["arrival"] for one in named)


def _is_old(before: str, after: str, *, after_old: bool) -> bool:
    """Whether a time is told as one that was planned or known before."""
    from_it = _FROM_BEFORE.search(before) and _TO_TIME.search(after)
    then = after_old and _THEN.match(before)
    return bool(_PLANNED.search(before) or from_it or then)


NEARLY = re.compile(
    r"\b(?:around|about|roughly|approximately|approx\.?|circa|some time|sometime|shortly|just|"
    r"soon|nearly|almost|"
    r"a (?:bit|little|touch|tad))\s*(?:after|before|past|at)?\s*$|\b(?:after|towards?|"
    r"close to)\s+$",
    re.I,
)
_ROUND = 16  # minutes by which "around six" may miss


def _about(minutes: frozenset[int]) -> frozenset[int]:
    return frozenset(one + shift for one in minutes for shift in range(-_ROUND, _ROUND + 1))


_RELATIVE = re.compile(  # "forty minutes before departure"
    r"\b(?:before|prior to|until|till|after|ahead of|of)\s+(?:your |the |its |our )?$", re.I
)


def _role(
    clause: Clause, start: int, after: str, topics: set[str]
) -> Literal["departure", "arrival"] | None:
    before = clause.text[:start]
    roles = [one for one in _ROLE.finditer(before) if not _RELATIVE.search(before[: one.start()])]
    if beside := _AFTER_TIME.match(after):
        return "departure" if beside["departure"] else "arrival"
    later = _ROLE.search(re.split(r"[,;]", after, maxsplit=1)[0])
    close = later if later and later.start() < _CLOSE else None
    far = not roles or bool(re.search(r"[,;]", before[roles[-1].end() :]))
    named = close if close and far else roles[-1] if roles else None
    if named:
        role = _named_role(named)
        of_flight = clause.flights or FLIGHT_NOUN.search(clause.text)
        # A tweet, a refund, a bag arrive as well.
        of_other = role == "arrival" and topics & _ARRIVES_TOO and "arrival" not in topics
        return None if of_other and not of_flight else role
    if not (topics & _ASKS_OF_TIME or clause.flights or FLIGHT_NOUN.search(clause.sentence)):
        return None  # a time of who knows what
    return "arrival" if "arrival" in topics and "departure" not in topics else "departure"


_CLOSE = 25  # characters within which a word after a time tells what the time is of


def _named_role(found: re.Match[str]) -> Literal["departure", "arrival"] | None:
    if found["other"]:
        return None
    return "arrival" if found["arrival"] else "departure"


def _with_verb(text: str, start: int) -> int:
    """Where the words that the page underlines begin: `leaves at 15:10`, not `15:10`."""
    found = re.search(rf"\b(?:{_DEPART}|{_ARRIVE})(?: at| now at)?\s+$", text[:start], re.I)
    return found.start() if found and start - found.start() < _CLOSE else start


_LATE = re.compile(
    r"^\W*(?:late\b|delay|behind|later than (?:planned|scheduled|expected|usual|the|its|"
    r"originally))|^\s*or so late",
    re.I,
)
_ABOUT = r"(?:just |only |a (?:bit|little) |slightly |well |a good )*"
_ABOUT += r"(?:about|around|some|roughly|approximately|almost|nearly|under|over|more than|"
_ABOUT += r"at least|upwards of|approx\.?|a good|in excess of)?\s*$"
_DELAYED_BY = re.compile(
    r"\bdelay(?:ed|s)?\s+(?:of|by|is|at|now|stands at|:)?\s*(?:now |currently )?"
    + _ABOUT
    + r"|\b(?:by|put back|pushed back)\s+"
    + _ABOUT,
    re.I,
)
_DELAY_OF = re.compile(r"\b(?:delay|hold-?up|wait)\b[^,;.]{0,40}$", re.I)
_ROUGHLY = re.compile(
    r"\b(?:about|around|some|roughly|approximately|approx\.?|almost|nearly|under|over|more than|"
    r"just|good|well|excess of)\s+$",
    re.I,
)
_MORE = re.compile(r"\b(?:over|more than|at least|upwards of|in excess of)\s+$", re.I)
_OF_OTHER_LENGTH = re.compile(
    r"\b(?:in|within|for|every|after|last|next|past|takes?|lasts?|before)\s+"
    r"(?:the |about |around )*$",
    re.I,
)
_AGO = re.compile(r"^\s*(?:ago|before|from now|prior|in advance|flight|early)\b", re.I)


def _delays(clause: Clause, *, asked: bool) -> Iterator[Said]:
    for one in durations(clause.text):
        before, after = clause.text[: one.start], clause.text[one.end :]
        bare = asked and not _OF_OTHER_LENGTH.search(before) and not _AGO.match(after)
        named = _LATE.match(after) or _DELAYED_BY.search(before) or _DELAY_OF.search(before)
        if not (bare or named) or supposed(clause, one.start):
            continue
        exact = one.exact and not _ROUGHLY.search(before)
        bounds = {"exact": exact, "at_least": bool(_MORE.search(before))}
        yield said(clause, "delay", str(one.minutes), (one.start, one.end), **bounds)


_GATE_CODE = r"(?:[A-Z][\s-]?\d{1,3}[A-Z]?|\d{1,3}[A-Z]?)"
_GATE = re.compile(
    rf"\bgates?\b(?:\s+(?:is|was|has|been|now|changed|moved|number|no\.?|will|be|still|it's|from|"
    rf"{_GATE_CODE}\s+to|to|remains|for [A-Z]\w \d+|at))*[:\s]+"
    rf"(?P<code>{_GATE_CODE})(?![\w:]|\.\d)",
    re.I,
)
_GATE_CAPITAL = re.compile(r"(?<![\w])(?P<code>[A-F]\d{1,2})(?![\w:]|\.\d)")
_GATE_BARE = re.compile(r"(?<![\w])(?P<code>[A-Z] ?\d{1,3}|[a-z]\d{1,3})(?![\w:]|\.\d)")
_NO_GATE = re.compile(
    r"\bgates?\b[^.;]{0,30}?(?:\bnot|n't|\byet to|\bstill to|\bto be) (?:yet )?(?:be |been )?"
    r"(?:assigned|announced|known|set|published|confirmed|allocated|available|posted|decided)|"
    r"\bno gate\b|\bgate (?:has |is |was )?(?:not|n't) (?:yet )?(?:been )?(?:assigned|known|set)|"
    r"without a gate|(?:not|n't) (?:yet )?(?:been )?(?:assigned|given) a gate|"
    r"\bgate (?:is )?(?:still )?to be (?:announced|confirmed)|gate tba",
    re.I,
)


def gates(clause: Clause, topics: set[str]) -> Iterator[Said]:
    """Gates; the value is empty where the text says that there is none yet."""
    if found := _NO_GATE.search(clause.text):
        yield said(clause, "gate", "", found.span())
        return
    patterns = [_GATE]
    patterns.append(_GATE_BARE if "gate" in topics else _GATE_CAPITAL)
    for pattern in patterns:
        for found in pattern.finditer(clause.text):
            place = found.start("code")
            after = clause.text[found.end() :]
            before = clause.text[: found.start()], clause.text[:place]
            is_old = any(told_as_past(words, after, _GATE_CODE) for words in before)
            if is_old or supposed(clause, place):
                continue
            value = re.sub(r"[\s-]", "", found["code"]).upper()
            yield said(clause, "gate", value, (found.start(), found.end()))
