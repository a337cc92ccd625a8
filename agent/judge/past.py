"""Whether a value is told as one that held before: `12F instead of 7A`, `7A is no longer yours`.

Of seats and gates alike. Such a value states nothing of now, and what it states of the past is not
judged.
"""

from __future__ import annotations

import re

_BEFORE = re.compile(
    r"\b(?:instead of|in place of|not(?: in| at)?|rather than|no longer|was to leave from|"
    r"previously|formerly|originally|earlier|used to be|used to sit in|was|were|"
    r"had(?: been)?(?: assigned| given| booked)?(?: in| into| to| on)?|replaces|replacing|"
    r"up from|away from|changed from|moved from|switched from|moved (?:you )?out of|"
    r"(?:old|previous|former|original|earlier) (?:one|seat|gate)(?: of| was| is|,|:)?|"
    r"(?:did|does) not (?:leave|go|depart) from)[,:\s(]+"
    r"(?:(?:it|you|that|this)(?:'d| had| were| was) (?:been )?(?:assigned|in|given|at)?\s*)?"
    r"(?:from\s+|at\s+|in\s+)?(?:the\s+|your\s+)?(?:(?:old|original|previous) )?"
    r"(?:gate\s+|seat\s+)?$",
    re.I,
)
_AFTER = re.compile(
    r"^\W{0,3}(?:(?:is|are) no longer|no longer|any ?more|"
    r"(?:is|are|was|were)(?:n't| not) (?:yours|valid|your|the|any ?more|correct|used|in use)\b|"
    r"(?:is|was) (?:your |the )?(?:old|previous|former|original|previously|before|"
    r"originally|earlier|gone)\b|"
    r"(?:has|have)(?: since)? (?:been (?:given|reassigned|replaced|changed|released|superseded|"
    r"withdrawn|taken)|changed|gone)|"
    r"(?:previously|formerly|before that|originally|at first|until \d))",
    re.I,
)
_ONWARDS = r"\s*(?:to|with|by|→|->|=>|>)\s*(?:gate\s+|seat\s+)?"


def told_as_past(before: str, after: str, code: str) -> bool:
    """Whether the words around a value say that it is not so any more.

    Args:
        code: pattern of such a value: `B20 to B22` tells of B20 as past.
    """
    onwards = re.match(_ONWARDS + code, after, re.I)
    return bool(onwards or _BEFORE.search(before) or _AFTER.match(after))
