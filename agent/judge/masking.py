"""A text as words that know nothing of the world: each value replaced by how it stands.

`Gate C4, 6.15 pm` -> `gate xgate:now, xdeparture:now`. What is learned from such words (see
`learned`) is learned of values that are true now, were true earlier or never were, whatever they
are, and so of any world. Which clause states a value is not asked here; that is for the rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from agent.judge import flight_values, trip_values
from agent.judge.clauses import flights_named, is_disclaimed
from agent.judge.flight_values import Value
from agent.judge.polarity import sees_nothing
from agent.judge.standing import Known, Passage
from agent.words import fold, sentences

_SCANNERS: tuple[Callable[[Passage], Iterator[Value]], ...] = (
    flight_values.flights,
    trip_values.messages,
    trip_values.keys,
    trip_values.days,
    flight_values.clock_times,
    flight_values.lengths,
    trip_values.amounts,
    trip_values.counts,
    trip_values.quantities,
    trip_values.prices,
    trip_values.seats,
    flight_values.gates,
    trip_values.tiers,
    trip_values.cabins,
    trip_values.insurance,
    trip_values.bags,
    trip_values.bookings,
    flight_values.states,
    flight_values.places,
    trip_values.names,
    flight_values.causes,
    trip_values.numbers,
    trip_values.things,
)
"""What finds values, the surest first: of two that overlap the first is kept."""
_WORD = re.compile(r"x[a-z]+:[a-z]+|[a-z]+(?:'[a-z]+)?|\d+|[?:;,–-]")


@dataclass(frozen=True)
class Masked:
    """A text's words, `x` and its standing in place of each value, and the values' places.

    `unseen` ends a sentence whose speaker says that they see nothing of the sort, `unknown` one
    that says what they do not know.
    """

    words: Sequence[str]
    values: Sequence[Value]


def masked(known: Known, text: str) -> Masked:
    """The text masked; `.` ends a sentence."""
    words: list[str] = []
    values: list[Value] = []
    for passage, start, taken in _passages(known, text):
        place, parts = start, []
        for a, b, standing in taken:
            parts += [fold(text[place:a]), f" x{standing} "]
            place = b
        parts.append(fold(text[place : start + len(passage.text)]))
        words += _WORD.findall("".join(parts).replace("n't", " not"))
        words += ["unseen"] * sees_nothing(passage.text) + ["unknown"] * is_disclaimed(passage.text)
        words.append(".")
        values += taken
    return Masked(words, values)


def _passages(known: Known, text: str) -> Iterator[tuple[Passage, int, list[Value]]]:
    """The sentences of a text, each with its place and its values."""
    flight = None
    for sentence in sentences(text):
        named = flights_named(sentence.text, known.scope.carriers)
        passage = Passage(known, sentence.text, named[0].key if named else flight)
        taken: list[Value] = []
        for read in _SCANNERS:
            for start, end, standing in read(passage):
                if not any(a < end and start < b for a, b, _ in taken):
                    taken.append((start, end, standing))
        shift = sentence.start
        yield passage, shift, sorted((a + shift, b + shift, word) for a, b, word in taken)
        flight = named[-1].key if named else flight
