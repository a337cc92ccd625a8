"""The judge: the text of an answer against the system of record (design, section 5).

claims (what the text states) -> scope (what it may be speaking of) -> history (what was true, and
until when) -> holds (whether a state of the record bears a claim out) -> verdict.

The judge reads the text of any model's answer. It never asks the model, and it never reads a
context store: what an agent knew is no excuse for what it said.
"""

from agent.judge.verdict import Judge

__all__ = ["Judge"]
