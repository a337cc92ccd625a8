"""Details of a question beside its intent: which channel, refund or voucher, yes or no."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.prompts import word_list
from agent.words import fold, near, tokens

_CHANNELS = {
    "tweet": ("tweet", "tweets", "tweeted", "twitter", "posted", "post"),
    "call": ("call", "calls", "called", "phoned", "phone", "rang", "voicemail"),
    "email": ("email", "emails", "mail", "emailed", "mailed", "letter"),
    "chat": ("chat", "chatted"),
}
_PAYMENTS = {
    "refunded": ("refund", "refunds", "refunded", "money", "reimbursed", "reimbursement"),
    "voucher_issued": ("voucher", "vouchers", "credit"),
}
_YES_NO = re.compile(r"\b(is|are|am|will|has|have|did|does|do|was|can)\b")
_OPEN = re.compile(r"\b(what|when|where|which|who|how|why|wich|wat)\b")


def channel_asked(question: str) -> str:
    """tweet, call, email, chat, or any."""
    return _first(tokens(question), _CHANNELS)


def payment_asked(question: str) -> str:
    """refunded, voucher_issued, or any."""
    return _first(tokens(question), _PAYMENTS)


def is_yes_no(question: str) -> bool:
    """Whether a question can be answered with yes or no."""
    folded = fold(question)
    asks, opens = _YES_NO.search(folded), _OPEN.search(folded)
    return asks is not None and (opens is None or asks.start() < opens.start())


def content(text: str) -> set[str]:
    """The words of a text that say what it is about, without their plural."""
    common = word_list("common")
    return {
        word.rstrip("s")
        for word in tokens(text)
        if (len(word) > _SHORT or word.isdigit()) and word not in common
    }


_SHORT = 2


def any_near(words: Sequence[str], cues: Sequence[str]) -> bool:
    """Whether any of the words is one of the cues, typos allowed."""
    return any(near(word, cue) for word in words for cue in cues)


def _first(words: Sequence[str], kinds: dict[str, tuple[str, ...]]) -> str:
    return next((kind for kind, cues in kinds.items() if any_near(words, cues)), "any")
