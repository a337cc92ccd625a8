"""A conversation of one customer with one airline: what was said, and what waits for a yes.

The customer is bound here, by whoever opened the session, and by nothing that a model says.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent import limits
from agent.limits import Meter
from pipeline.schema import ARMS, Arm

Message = dict[str, Any]


@dataclass(frozen=True)
class Pending:
    """An action that the policy wants the customer's consent for."""

    name: str
    arguments: Mapping[str, Any]
    asked: str  # the words in which the customer was asked
    stands_on: tuple[str, ...] = ()  # documents to be read again when the yes comes

    def as_json(self) -> str:
        """For a prompt: one line."""
        return json.dumps({"tool": self.name, "arguments": dict(self.arguments)})


@dataclass
class Session:
    """One customer's conversation with one airline."""

    customer_id: str
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    messages: list[Message] = field(default_factory=list)
    turns: int = 0
    pending: Pending | None = None
    meter: Meter = field(default_factory=limits.session)

    def remember(self, question: str, answer: str, pending: Pending | None) -> None:
        """A turn is over. What waited for a yes and did not get it waits no longer."""
        self.messages += [
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
        self.turns += 1
        self.pending = pending


def sessions(customer_id: str, arms: Iterable[Arm] = ARMS) -> dict[Arm, Session]:
    """A conversation in step with each airline: the same action by both agents is one event."""
    key = str(uuid.uuid4())
    return {arm: Session(customer_id, key) for arm in arms}
