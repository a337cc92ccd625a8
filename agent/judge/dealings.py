"""What a clause states of a customer's contacts and payments: that there are some, or none.

A noun or a verb names the thing (a tweet, a call, a refund), the words around it say whether it is
there. `sees_nothing` of a claim: the speaker only says that they find none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.judge.clauses import Clause, Said, said, supposed
from agent.judge.numbers import IN_WORDS, number
from agent.judge.polarity import denied, sees_nothing

# --- contacts -------------------------------------------------------------------------------------

_NOUNS = (
    r"(?P<tweet>tweets?|twitter)|(?P<call>(?:phone )?calls?(?! (?:you|us|me|back|it|the|a)\b)|"
    r"voicemail)|(?P<email>e-?mails?|mail)|(?P<chat>chats?)|"
    r"(?P<any>complaints?|messages?|posts?|notes? from you|feedback|letters?)"
)
_NOUN = re.compile(
    r"(?<!to )(?<!will )(?<!can )(?<!please )(?<!by )(?<!via )(?<!me )(?<!could )"
    rf"\b(?:{_NOUNS})\b",
    re.I,
)
_VERB = re.compile(
    r"(?<!if )(?<!when )(?<!until )(?<!before )(?<!as )\byou(?:'ve| have|'d| had| did)?"
    r"(?:n't|(?: also| just| already| first| last| actually| never| not|"
    r" did))*\s+(?:(?P<tweet>tweet(?:ed)?)|"
    r"(?P<call>call(?:ed)?|phoned?|rang|rung|gave us a (?:buzz|ring|call|shout)|spoke|spoken|"
    r"talked|were on the phone)|(?P<email>e-?mail(?:ed)?|mailed)|"
    r"(?P<any>wrote|written|posted|messaged|complained|contacted|got in touch|reached out|told us|"
    r"asked us|asked when|asked to|voiced|vented))\b",
    re.I,
)
_THANKS = re.compile(r"\b(?:thank you|thanks|sorry) (?:for|about) your\b[^.;]{0,30}$", re.I)
_SEEN = re.compile(
    r"\b(?:i|we)(?:'ve|'m| have)?(?: \w+ly| just| also)* (?:see|saw|seen|got|received|read|noticed|"
    r"noted|had|spotted|heard|logged|aware of|found) "
    r"(?:your|the|both|a|an|that|those|two|one|no|any)\b[^.;]{0,30}$",
    re.I,
)
_KEPT = re.compile(
    r"^[^.;]{0,40}?\b(?:is|are|was|were|has been|have been)\b[^.;]{0,20}\b(?:received|read|noted|"
    r"logged|registered|recorded|filed|on file|with us)\b",
    re.I,
)
_IT = re.compile(
    r"\b(?:saw|seen|got|have|read|received|found) (?:it|that|them|yours|both|all|one|"
    r"(?:your|the) (?:last|latest|most recent))\b|"
    r"^\W*(?:both|all|every one|each)\b(?: of them| of those)?\s*[,.!]|"
    r"\b(?:it|that|they|one|none|nothing|both)\b(?: \w+){0,5}? (?:reached|arrived|came (?:in|"
    r"through)|"
    r"come (?:in|through)|got (?:through|here)|logged|received|noted|recorded|landed|on file)\b|"
    r"\bnoted here\b|\bno such thing\b",
    re.I,
)
_OURS = re.compile(
    r"\b(?:our|us|we|i)(?:'ll| will| can| could)?\s+(?:reply|repl\w+|answer|send|sent|own)\b", re.I
)


_GIVE = re.compile(
    r"\b(?:give|call|send|drop|write|make|place)\s+(?:us |me |them |you )?(?:an?\s+|the\s+)?$", re.I
)


def contacts(clause: Clause, topics: set[str]) -> Iterator[Said]:
    """Contacts that the text says there are, or are not (negated).

    Where nobody asked for them only what is plainly the customer's is read: `thank you for your
    tweet`; `thank you for your message` is said to anybody who writes.
    """
    asked = "contact" in topics
    for pattern in (_NOUN, _VERB):
        for found in pattern.finditer(clause.text):
            channel = str(found.lastgroup)
            if not asked and not _is_of_customer(clause, channel, found):
                continue
            if _GIVE.search(clause.text[: found.start()]):
                continue
            if supposed(clause, found.start()) or _OURS.search(clause.text[: found.start()]):
                continue
            yield _contact(clause, channel, found.span())
    if asked and (seen := _IT.search(clause.text)):
        yield _contact(clause, "any", seen.span())


def _is_of_customer(clause: Clause, channel: str, found: re.Match[str]) -> bool:
    """Whether a contact that nobody asked for is said to be the customer's, and to be known."""
    before, after = clause.text[: found.start()], clause.text[found.end() :]
    thanked = _THANKS.search(before) and channel not in ("any", "chat")
    yours = re.search(r"\byour\s+(?:\w+\s+)?$", before, re.I) and _KEPT.match(after)
    return bool(thanked or yours or _SEEN.search(before))


def _contact(clause: Clause, channel: str, span: tuple[int, int]) -> Said:
    start, end = span
    negated = bool(_NOTHING.search(clause.text[start:end]))
    if not clause.text[start:end].lower().startswith("you"):
        negated = negated or denied(clause.text, start, end)
    unseen = negated and sees_nothing(clause.text)
    return said(clause, "contact", channel, span, negated=negated, sees_nothing=unseen)


_NOTHING = re.compile(r"\b(?:never|none|nothing|not|no)\b|n't\b", re.I)

# --- payments -------------------------------------------------------------------------------------

_NUMBER = r"\d[\d,]*(?:\.\d{1,2})?"
_AMOUNT = re.compile(
    rf"(?P<sign>[$€£])\s?(?P<a>{_NUMBER})|(?P<b>{_NUMBER}|"
    rf"{IN_WORDS})(?P<half> and a half)?[\s-]?(?:US )?"
    r"(?P<code>USD|EUR|GBP|dollars?|bucks?|euros?|"
    r"pounds?|quid)\b(?:\s+(?:and\s+)?(?P<cents>\d{1,2}|"
    + IN_WORDS
    + r")\s+cents|\s+(?P<bare>"
    + IN_WORDS
    + r")(?=\W|$)(?!\s+\w))?|(?P<before>USD|EUR|GBP)\s?(?P<c>"
    + _NUMBER
    + r")",
    re.I,
)
_BARE_AMOUNT = re.compile(
    r"(?<![\w.:])(?P<digits>\d+\.\d\d)(?![\w:]|\.\d)(?!\s*[ap]\.?m\b)|"
    r"\b(?:got|received|sent|paid|back|your|refunded|credited|of)\s+(?:you\s+)?(?:a |the )?"
    rf"(?P<whole>\d{{2,4}}|{IN_WORDS})(?!\s*(?:hour|minute|min\b|h\b|day|flight|bag|tweet|of\b|"
    rf"[ap]\.?m|past|to\b|-))"
    r"(?![:.]\d|\w)",
    re.I,
)
_CENTS = re.compile(
    r"^(?P<whole>.*\S)[\s-]+(?P<cents>(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|"
    r"ninety)(?:-\w+)?)$",
    re.I,
)
CURRENCIES = {"$": "USD", "€": "EUR", "£": "GBP", "d": "USD", "e": "EUR", "p": "GBP"}
CURRENCIES |= {"b": "USD", "q": "GBP"}
_KINDS = {
    "refunded": re.compile(r"refund|reimburs|money back|paid back|sent back", re.I),
    "voucher_issued": re.compile(r"voucher|\bcredit\b", re.I),
}
_PAYMENT = re.compile(
    r"\b(?:refund\w*|reimburse\w*|vouchers?|payments?|compensation|money|credit)\b", re.I
)
_MADE = re.compile(
    r"\b(?:has|have|had|was|were|is|are|'s|'ve|been|already|just|it|that|we|i|nothing|"
    r"none)(?: not|n't)?"
    r"(?: \w+ly| yet| already| just| now| been| since| fully)* "
    r"(?P<said>paid(?: out)?|issued|made|sent|refunded|reimbursed|on (?:its|the) way|processed|"
    r"credited|gone out|"
    r"went (?:out|through|off|back)|gone through|completed|done|transferred|returned|released|"
    r"granted|"
    r"approved|there|on (?:your|the) (?:account|profile|file|booking))\b",
    re.I,
)
_HAVE = re.compile(
    r"\b(?:you(?:'ve| have| do have| got| did get| received)|there(?:'s| is| are)|got)\b", re.I
)
_TO_COME = re.compile(
    r"\b(?:pending|waiting|outstanding|in progress|being (?:processed|reviewed|handled)|"
    r"under review|"
    r"still to|yet to|to be (?:paid|issued|processed|approved)|on hold)\b",
    re.I,
)
_REFUSED = re.compile(
    r"\b(?:declin\w+|reject\w+|refused|denied|turned down|not (?:eligible|refundable))\b", re.I
)


def payments(clause: Clause, topics: set[str]) -> Iterator[Said]:
    """Amounts, `refunded 120.00 USD`; without an amount that something was paid at all, or not."""
    kind = _payment_kind(clause)
    amounts = list(_AMOUNT.finditer(clause.text))
    if not amounts and "payment" in topics and (bare := _BARE_AMOUNT.search(clause.text)):
        yield said(clause, "payment", f"{kind} {_plain(bare)}", bare.span())
        return
    for found in amounts:
        if not supposed(clause, found.start()):
            yield said(clause, "payment", f"{kind} {_money(found)}", found.span())
    if not amounts:
        yield from _paid(clause, kind, asked="payment" in topics)


def _paid(clause: Clause, kind: str, *, asked: bool) -> Iterator[Said]:
    """That something of a kind was paid, or was not."""
    noun = _PAYMENT.search(clause.text)
    verb = _MADE.search(clause.text) if noun or asked else None
    have = _HAVE.search(clause.text) if noun and asked else None
    span = verb.span("said") if verb else noun.span() if noun else None
    if span is None or supposed(clause, span[0]):
        return
    if asked and (no := _REFUSED.search(clause.text)):
        yield said(clause, "payment", f"{kind} refused", no.span())
        return
    ends = sorted([*span, *(noun.span() if noun else ())])
    negated = denied(clause.text, ends[0], ends[-1]) or denied(clause.text, *span)
    negated = negated or bool(asked and _TO_COME.search(clause.text))
    negated = negated or bool(verb and verb[0].lower().startswith(("nothing", "none")))
    if verb or have or (asked and negated):
        unseen = negated and sees_nothing(clause.text)
        yield said(clause, "payment", kind, span, negated=negated, sees_nothing=unseen)


_CODE, _HALF = 3, 0.5


def _money(found: re.Match[str]) -> str:
    """An amount in digits or in words with its currency: `89.50 USD`."""
    digits = next(found[group] for group in ("a", "b", "c") if found[group])
    sign = found["sign"] or found["code"] or found["before"] or ""
    currency = CURRENCIES.get(sign[:1].lower(), sign.upper()) if len(sign) != _CODE else sign
    plain, cents = digits.replace(",", ""), found["cents"] or found["bare"]
    amount = float(plain) if plain[0].isdigit() else number(plain)
    amount += number(cents) / 100 if cents else 0
    amount += _HALF if found["half"] else 0
    return f"{amount:.2f} {currency.upper()}"


def _plain(found: re.Match[str]) -> str:
    """An amount without a currency: `89.50` or `eighty-nine fifty`."""
    if found["digits"]:
        return found["digits"]
    if parts := _CENTS.match(found["whole"]):
        return f"{number(parts['whole'])}.{number(parts['cents']):02}"
    return f"{number(found['whole'])}.00"


def _payment_kind(clause: Clause) -> str:
    for text in (clause.text, clause.sentence):
        named = [kind for kind, words in _KINDS.items() if words.search(text)]
        if named:
            return named[0] if len(named) == 1 else "any"
    return "any"
