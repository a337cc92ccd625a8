"""What a message asks for: clauses, a classifier over `data/agent/intents.toml`, a few rules.

A message is split into clauses, each clause goes to the intent whose examples it is like, in words
and in meaning (see `agent/classifier.py`), and the rules put them together: small talk beside a
real question is dropped, a message in another language is known by its small words, and a follow-up
asks for what was asked before it. Deterministic and offline. What costs time is the sentence vector
of each clause, and that of the message itself is needed for the search as well.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from itertools import pairwise

from agent import learning, mentions
from agent.classifier import Classifier
from agent.prompts import FOLDER, table
from agent.slots import masked
from agent.vectors import QuestionVectors, question_vectors
from agent.words import LONGEST, tokens
from pipeline.embed import MiniLmInt8, encoder

OUT_OF_SCOPE = "out_of_scope"
GREETING = "greeting"
FOLLOW_UP = "follow_up"
OTHER_LANGUAGE = "other_language"
INJECTION = "injection"
CONFIRM = "confirm"
DECLINE = "decline"

LEARNED = learning.Files.of(FOLDER, "intents")
ENCODER = MiniLmInt8.name
"""What an example means does not depend on which encoder the stores hold vectors of."""

_SMALL_TALK = (OUT_OF_SCOPE, GREETING, "thanks", "goodbye", "abuse")
_CLAUSE = re.compile(
    r"[?!;\n]+|\.+(?:\s|$)|,\s*(?=(?:and|also|what|where|when|which|how|did|is|i|give|so|please)\b)"
    r"|^(?:yes|no|ok|okay)\b,?(?=\s+(?:and|but|also|what|where|when|which|i)\b)",
    re.IGNORECASE,
)
_AND = re.compile(r"\band\b|\balso\b|\bplus\b|\bn\b|[&+]", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")
_ANSWER = re.compile(
    r"\W*(?:yes|yeah|yep|sure|ok|okay|please do|do it|go ahead"
    r"|no|nope|nah|not|stop|don'?t|leave)\b",
    re.IGNORECASE,
)
_CLEAR_YES = re.compile(
    r"\W*(?:(?:yes|yeah|ok|okay)\W+)?(?:i (?:confirm|agree)|confirmed)\W*", re.I
)
_ASKED_YES = re.compile(r"^\W*(?:what|why|did|does|would|should|say|if)\b|\?\s*$", re.I)
_LIKE = 0.12  # score from which a whole message asks for an intent
_SURE = 0.45  # score from which one clause of several does
_YES = 0.35  # score from which a message may be a yes
_FROM_NO = 0.2  # by which a yes must be more like a yes than like a no
_HEARD = 0.15  # and which it has in the whole message too: what only leads up to a wish is none
_FEW_WORDS = 60  # words of a clause that are read: a longer one says nothing more
_MOST_CLAUSES = 12
_MOST_PARTS = 4  # of a clause, joined by `and`


def wishes_of(message: str, earlier: Sequence[str] = ()) -> list[str]:
    """The intents of a message, in the order in which it raises them; at least one.

    Args:
        message: what the customer said last.
        earlier: the customer's messages before it, oldest first: a follow-up ("and tomorrow?")
            asks for what they asked for; without them it is `follow_up`.
    """
    text = message[:LONGEST]
    if is_foreign(text):
        return [OTHER_LANGUAGE]
    if _CLEAR_YES.fullmatch(text):
        return [CONFIRM]
    found = _together(_of_clauses(text))
    if found == [CONFIRM] and _ASKED_YES.search(text):  # "yes?" sets off nothing
        return [OUT_OF_SCOPE]
    if found != [FOLLOW_UP]:
        return found
    return next((asked for one in reversed(earlier) if (asked := _asked(one))), found)


def intents_of(message: str) -> list[str]:
    """The same for an answerer of few intents: each by its family's name; no follow-up is resolved.

    A message that only names a flight asks for its status.
    """
    wishes = wishes_of(message)
    if set(wishes) <= {FOLLOW_UP, OUT_OF_SCOPE} and mentions.flights(message[:LONGEST]):
        return ["flight_status"]
    return list(dict.fromkeys(family_of(one) for one in wishes))


@lru_cache(maxsize=512)  # the judge asks for both agents' answers
def likely(message: str) -> Mapping[str, float]:
    """Intent -> the highest score that a message or one of its clauses has for it."""
    found: dict[str, float] = {}
    for clause in {message[:LONGEST], *_clauses(message[:LONGEST])}:
        for name, score in _scores(clause).items():
            found[name] = max(score, found.get(name, score))
    return found


def family_of(intent: str) -> str:
    """The intent that an answerer without words of its own for this one may take it for."""
    fields = table("intents")["intent"].get(intent, {"family": OUT_OF_SCOPE})
    return str(fields.get("family", intent))


def names() -> list[str]:
    """Every intent, in the order of the data file."""
    return [*table("intents")["intent"], OTHER_LANGUAGE]


def warm() -> None:
    """Read what was learned now rather than at the first message."""
    _best("warm up")


def _asked(message: str) -> list[str]:
    """What an earlier message asked for, if anything that can be asked again."""
    skipped = {*_SMALL_TALK, FOLLOW_UP, OTHER_LANGUAGE, INJECTION, CONFIRM, DECLINE}
    return [one for one in wishes_of(message) if one not in skipped]


def _together(found: Sequence[str]) -> list[str]:
    if INJECTION in found:
        return [INJECTION]
    if "bag_claim" in found:  # "you lost my bag": what happened, not a question
        found = [name for name in found if name != "bag"]
    if DECLINE in found:  # "no, please do not go ahead": consent is never half
        found = [name for name in found if name != CONFIRM]
    real = [name for name in found if name not in _SMALL_TALK]
    wishes = [name for name in real if name not in ("complaint", FOLLOW_UP)]
    # A parting word ends a talk that thanks and greets as well.
    small = (
        sorted(found, key=("abuse", "goodbye", "thanks", GREETING, OUT_OF_SCOPE).index)[:1]
        if not real
        else []
    )
    return wishes or real[:1] or small


@lru_cache(maxsize=512)  # the agents, the search and the judge read the same message
def _of_clauses(text: str) -> tuple[str, ...]:
    """The intents of the clauses that are clear; of the whole message where none is."""
    clauses, whole = _clauses(text), _scores(text)
    clear: list[str] = []
    if len(clauses) > 1:
        best = [_best(clause) for clause in clauses]
        clear = [name for name, score in best if score >= _SURE and whole[name] >= _HEARD]
    if len(set(clear)) > 1 and not _ANSWER.match(text):  # a yes or no comes first or is none
        clear = [name for name in clear if name not in (CONFIRM, DECLINE)]
    if not clear:
        name, score = _best(text)
        clear = [name if score >= _LIKE else OUT_OF_SCOPE]
    return tuple(dict.fromkeys(clear))


def _clauses(text: str) -> list[str]:
    """Clauses, split at `and` only where both sides clearly ask for different things."""
    clauses: list[str] = []
    for clause in _CLAUSE.split(text)[:_MOST_CLAUSES]:
        parts = _AND.split(clause)
        clauses += parts if 1 < len(parts) <= _MOST_PARTS and _differ(parts) else [clause]
    return [clause for clause in clauses if _LETTER.search(clause)]


def _differ(parts: Sequence[str]) -> bool:
    asked = [_best(part) for part in parts]
    clear = all(score >= _SURE and name not in _SMALL_TALK for name, score in asked)
    return clear and all(one[0] != other[0] for one, other in pairwise(asked))


def _best(clause: str) -> tuple[str, float]:
    scores = _scores(clause)
    name, score = max(scores.items(), key=lambda one: one[1])
    # A yes may set off an action: what is only a little like one, or like a no as well, is none.
    if name == CONFIRM and score < max(_YES, scores[DECLINE] + _FROM_NO):
        return OUT_OF_SCOPE, score
    return name, score


def _scores(clause: str) -> dict[str, float]:
    if not tokens(clause):
        return dict.fromkeys(names(), 0.0)
    return _classifier().scores(clause, _vectors()(clause))


def is_foreign(text: str) -> bool:
    """Whether a text is in another script, or of foreign small words, or of unknown words."""
    letters = [one for one in text if one.isalpha()]
    latin = sum("LATIN" in unicodedata.name(one, "") for one in letters[:200])
    if letters and latin * 2 < len(letters[:200]):
        return True
    words = re.findall(r"\w+", text.casefold())[:_FEW_WORDS]
    foreign = sum(word in _foreign() for word in words)
    if foreign < _FEW and len(words) < _SENTENCE:
        return False
    return (foreign >= _FEW and foreign * 2 >= len(words)) or (
        _classifier().familiar(text) < (_FAMILIAR if foreign < _FEW else _HALF_FAMILIAR)
    )


_FEW = 2
_SENTENCE = 5  # words from which a text is foreign if hardly one of them is known
_FAMILIAR = 0.35
_HALF_FAMILIAR = 0.6  # of a text that has some small foreign words as well


@cache
def _foreign() -> frozenset[str]:
    return frozenset(table("intents")["foreign"]["words"].split())


@cache
def _classifier() -> Classifier:
    return learning.classifier(LEARNED, examples(), words_of, encoder(ENCODER))


@cache
def _vectors() -> QuestionVectors:
    return question_vectors(ENCODER)


def examples() -> list[tuple[str, str]]:
    """(what customers say, its intent) pairs of the data file."""
    return [
        (example, name)
        for name, fields in table("intents")["intent"].items()
        for example in fields["examples"].splitlines()
        if example
    ]


def words_of(clause: str) -> list[str]:
    """The words of a clause as they are read: spelt out, numbers and codes masked."""
    spellings = table("intents")["spellings"]
    words = tokens(masked(clause))[:_FEW_WORDS]
    return [part for word in words for part in spellings.get(word, word).split()]
