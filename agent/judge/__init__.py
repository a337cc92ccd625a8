"""The judge: the text of an answer against the system of record (design, section 5).

topics (what is asked) -> clauses, polarity, numbers, hours, flight_claims, trip_claims, dealings,
counts -> claims (what the text states) -> history (what was true, and until when) -> scope (what it
may be speaking of) -> holds (whether a state of the record bears a claim out) -> bench, policies,
rules, details, flight_verdicts, trip_verdicts -> bind (the verdict on each claim) -> asked (what
should have been said): the verdict of the rules.

standing (how a value stands to the record) -> flight_values, trip_values -> masking (the text with
each value replaced by that) -> features -> learned (what labelled answers taught): scores of the
verdicts. settling makes one verdict of both.

The judge reads the text of any model's answer. It never asks the model, and it never reads a
context store: what an agent knew is no excuse for what it said.
"""

from agent.judge.verdict import Judge

__all__ = ["Judge"]
