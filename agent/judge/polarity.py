"""Whether words of a clause are denied, and whether the speaker only says that they see nothing.

`No refund has been made` denies; `I see no refund` says what the speaker knows, which is nothing.
"""

from __future__ import annotations

import re

NOT = (
    r"(?:\b(?:not|no longer|never|no|nor|neither|nothing|none|isn't|wasn't|hasn't|hadn't|aren't|"
    r"without|yet to|zero|nobody|cannot|zilch|nada|zip|nil|nope)\b|n't\b)"
)
_BEFORE = re.compile(NOT + r"(?:\W+(?!but\b)\w+){0,6}\W*$", re.I)
_AFTER = re.compile(
    r"^(?:[^\w,;]+(?!and\b|but\b|that\b|which\b|if\b|so\b)\w+){0,4}?[^\w,;]*"
    + NOT
    + r"|^\W*[:?–-]\W*(?:no|none|not)\b",
    re.I,
)
_SEES = (
    r"(?:see|seeing|find|found|locate|spot|have (?=no|any|none)|aware|know|showing|come across|"
    r"tell|"
    r"in front of me|confirm|view|access)"
)
_SEES_NOTHING = re.compile(
    rf"\b(?:i|we)\b(?:'m|'ve)?[^.;]{{0,30}}?(?:{NOT}|\b(?:unable|"
    rf"cannot))[^.;]{{0,25}}?\b{_SEES}(?:\b|(?<= ))|"
    rf"\b(?:i|we)\b(?: \w+){{0,2}} (?:see|find|have|found|got|know of) (?:no\b|nothing|none)|"
    rf"{NOT}(?: \w+)? (?:records?|traces?|sign|sight|evidence|information|details?) (?:of|on|"
    rf"about)\b|"
    r"\b(?:i|we) (?:do not|don't|didn't)(?: \w+){0,2} have\b|"
    r"\bnot (?:that|as far as) i\b|\b(?:not aware|unaware|unable)\b",
    re.I,
)


def denied(text: str, start: int, end: int) -> bool:
    """Whether a negation stands shortly before or after the words from `start` to `end`."""
    return bool(_BEFORE.search(text[:start]) or _AFTER.match(text[end:]))


def sees_nothing(text: str) -> bool:
    """Whether a clause says of its speaker that they see, find or have nothing of the sort."""
    return bool(_SEES_NOTHING.search(text))
