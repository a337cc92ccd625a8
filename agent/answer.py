"""The shape of an answer: what `ask` prints and the page draws (design, section 3.4).

Ages are in seconds and say of which clock: `age_s` is airline seconds, `age_wall_s` seconds on
your watch, null where the document was there from the start.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.store import Arm

Status = Literal["current", "stale", "missing", "wrong", "none"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)


class Superseded(_Frozen):
    """The event that made a claim untrue."""

    event_id: str
    type: str
    occurred_at: str  # airline time, RFC 3339
    sequence: int  # in the outbox


class Claim(_Frozen):
    """A value that the answer's text states (or, when missing, that it should have stated)."""

    entity: str
    attribute: str
    said: str
    true_: str = Field(alias="true")
    status: Literal["current", "stale", "missing", "wrong"]
    superseded_by: Superseded | None = None
    superseded_for_s: float | None = None  # airline seconds since that event
    superseded_for_wall_s: float | None = None  # seconds on your watch since it was recorded
    start: int | None = None  # character span of the words in the answer
    end: int | None = None


class Verdict(_Frozen):
    """What the judge makes of an answer."""

    status: Status
    claims: list[Claim]


class Citation(_Frozen):
    """A document that the agent was given."""

    doc_id: str
    kind: str
    text: str
    occurred_at: str  # airline time of the newest event in it
    age_s: float  # airline seconds since then
    age_wall_s: float | None  # seconds on your watch since the record took it
    searchable_at: float | None  # wall clock: when this arm could find it
    searchable_wall_s: float | None  # seconds on your watch since then
    version: int  # outbox sequence; 0: the world as loaded
    score: float | None  # cosine similarity to the question; null: followed, not found by vector


class ToolUse(_Frozen):
    """One tool call of a turn: who called what and why, and what it gave."""

    agent: str
    tool: str
    why: str
    arguments: dict[str, Any]
    result: dict[str, Any]
    ms: float


class Usage(_Frozen):
    """What the models of a turn took. `cost_usd` is null where a price is not known."""

    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None


class Answer(_Frozen):
    """One arm's answer to one question."""

    arm: Arm
    answer: str
    verdict: Verdict
    as_of: str | None  # airline time up to which the arm knows the world; null: not told
    context: list[Citation]
    tools: list[ToolUse]  # hand-offs between colleagues included, in order
    agent: str  # the colleague who spoke last
    model: str  # the model that spoke
    fallback: str | None  # why it was not the one that was asked for
    usage: Usage
    pending: str | None  # what waits for the customer's yes, in words
    timings_ms: dict[str, float]
    # The messages that the last call of a model was given: for whoever looks, not for the JSON.
    prompt: list[dict[str, Any]] = Field(default_factory=list, exclude=True, repr=False)


class Asked(_Frozen):
    """What `ask` gives: the question and an answer an arm."""

    question: str
    customer: str
    arms: list[Answer]
