"""The support agent: retrieve, prompt, speak, be judged. One class; the airlines differ in a table.

`ask` gives the whole `Answer`, `stream` gives pieces of text and then the `Answer`; both may be
called from any thread.

    agents = [SupportAgent(arm, store, vectors, judge) for arm, store in stores.items()]
    ask_both(agents, "Is my flight on time?", "C0001", now)
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from agent import context, llm, prompts
from agent.answer import Answer, Asked, Citation, Verdict
from agent.judge import Judge
from agent.llm import Completion
from agent.offline import MODEL as OFFLINE
from agent.offline import Message
from agent.retrieval import Query, QuestionVectors, RetrievalSettings, retrieve
from agent.words import LONGEST
from pipeline.clock import from_rfc3339, to_rfc3339
from pipeline.documents import clean
from pipeline.store import Arm, ContextStore, Found

AsOf = datetime | str | None
"""Airline time up to which an arm knows the world; the caller knows it, the agent does not."""


@dataclass(frozen=True)
class AgentSettings:
    """Everything that shapes an answer but the table. Equal in both agents."""

    model: str = OFFLINE
    temperature: float = 0.0
    timeout_s: float = 20.0  # wall seconds for the model, then the built-in one answers
    prompt: str = "support"
    history: int = 8  # messages of the conversation that are shown to the model
    home_zone: str = "America/New_York"
    retrieval: RetrievalSettings = field(default_factory=RetrievalSettings)


class SupportAgent:
    """Answers one customer's questions from one arm's context store."""

    def __init__(
        self,
        arm: Arm,
        store: ContextStore,
        vectors: QuestionVectors,
        judge: Judge,
        settings: AgentSettings | None = None,
    ) -> None:
        """Hand the agent what it works with; `vectors` and `judge` may serve several agents."""
        self.arm = arm
        self.settings = settings or AgentSettings()
        self._store = store
        self._vectors = vectors
        self._judge = judge

    def fields(self) -> dict[str, Any]:
        """All that makes this agent, field by field; two agents may differ in `table` only."""
        return {
            "class": type(self).__qualname__,
            "table": self._store.table.name,
            "prompt_text": prompts.fingerprint(self.settings.prompt),
            "vectors": id(self._vectors),
            "judge": id(self._judge),
            **asdict(self.settings),
        }

    def ask(
        self,
        question: str,
        customer_id: str,
        now: datetime,
        *,
        history: Sequence[Message] = (),
        as_of: AsOf = None,
    ) -> Answer:
        """The whole answer; see `stream`."""
        *_, last = self.stream(question, customer_id, now, history=history, as_of=as_of)
        if not isinstance(last, Answer):
            raise TypeError("a stream ends with its Answer")
        return last

    def stream(
        self,
        question: str,
        customer_id: str,
        now: datetime,
        *,
        history: Sequence[Message] = (),
        as_of: AsOf = None,
    ) -> Iterator[str | Answer]:
        """Pieces of text as the model gives them, then the `Answer`, whose text is what counts.

        Args:
            now: airline time.
            history: earlier messages of this conversation, OpenAI form.

        Raises:
            ValueError: `customer_id` is no customer id.
        """
        watch = _Watch()
        asked = clean(question[:LONGEST])
        vector = self._vectors(asked)
        watch.lap("embed")
        home = now.astimezone(ZoneInfo(self.settings.home_zone))
        query = Query(asked, vector, customer_id, home)
        found = retrieve(self._store, query, self.settings.retrieval)
        watch.lap("retrieve")
        messages = self._messages(asked, customer_id, home, found, history)
        for piece in llm.stream(
            messages,
            self.settings.model,
            temperature=self.settings.temperature,
            timeout_s=self.settings.timeout_s,
        ):
            if isinstance(piece, str):
                watch.mark("first_token")
                yield piece
            else:
                spoken = piece
        watch.lap("model")
        verdict = self._judge.judge(asked, spoken.text, customer_id, now)
        watch.lap("judge")
        yield self._answer(spoken, verdict, self._citations(found, now), as_of, watch)

    def messages(
        self, question: str, customer_id: str, now: datetime, history: Sequence[Message] = ()
    ) -> list[Message]:
        """The exact prompt that the model would be given now."""
        asked = clean(question[:LONGEST])
        home = now.astimezone(ZoneInfo(self.settings.home_zone))
        query = Query(asked, self._vectors(asked), customer_id, home)
        found = retrieve(self._store, query, self.settings.retrieval)
        return self._messages(asked, customer_id, home, found, history)

    def _messages(
        self,
        question: str,
        customer_id: str,
        home: datetime,
        found: Sequence[Found],
        history: Sequence[Message],
    ) -> list[Message]:
        system = prompts.prompt(self.settings.prompt).substitute(
            customer=customer_id,
            now=f"{home:%Y-%m-%d %H:%M} ({home.isoformat(timespec='seconds')})",
            count=str(len(found)),
            context=context.write([one.document for one in found], home),
        )
        # A system message of the history would be one that a caller let a customer write.
        earlier = [one for one in history if one.get("role") in ("user", "assistant")]
        return [
            {"role": "system", "content": system},
            *earlier[-self.settings.history :],
            {"role": "user", "content": question},
        ]

    def _citations(self, found: Sequence[Found], now: datetime) -> list[Citation]:
        wall = time.time()
        versions = {one.document.version for one in found} - {0}
        searchable = self._judge.searchable_at(self.arm, versions)
        return [_citation(one, now, wall, searchable) for one in found]

    def _answer(
        self,
        spoken: Completion,
        verdict: Verdict,
        citations: list[Citation],
        as_of: AsOf,
        watch: _Watch,
    ) -> Answer:
        return Answer(
            arm=self.arm,
            answer=spoken.text,
            verdict=verdict,
            as_of=to_rfc3339(as_of) if isinstance(as_of, datetime) else as_of,
            context=citations,
            tools=[],
            agent=self.settings.prompt,
            model=spoken.model,
            fallback=spoken.fallback,
            timings_ms=watch.milliseconds(),
        )


def ask_both(  # noqa: PLR0913 what `ask` takes, and the agents
    agents: Sequence[SupportAgent],
    question: str,
    customer_id: str,
    now: datetime,
    *,
    history: Sequence[Message] = (),
    as_of: Mapping[Arm, AsOf] | None = None,
) -> Asked:
    """One question to several agents at once, at one airline time."""
    known = as_of or {}

    def one(agent: SupportAgent) -> Answer:
        return agent.ask(question, customer_id, now, history=history, as_of=known.get(agent.arm))

    with ThreadPoolExecutor(max_workers=max(1, len(agents))) as pool:
        answers = list(pool.map(one, agents))
    return Asked(question=question, customer=customer_id, arms=answers)


def _citation(one: Found, now: datetime, wall: float, searchable: Mapping[int, float]) -> Citation:
    document = one.document
    recorded = one.stages.get("recorded_at")
    findable = searchable.get(document.version)
    age = (now - from_rfc3339(document.occurred_at)).total_seconds()
    return Citation(
        doc_id=document.doc_id,
        kind=document.kind,
        text=document.text,
        occurred_at=document.occurred_at,
        age_s=round(age, 3),
        age_wall_s=None if recorded is None else round(wall - recorded, 3),
        searchable_at=findable,
        searchable_wall_s=None if findable is None else round(wall - findable, 3),
        version=document.version,
        score=None if one.score is None else round(1 - one.score, 4),
    )


class _Watch:
    """Wall milliseconds of one answer: laps, marks since the start, and the total."""

    def __init__(self) -> None:
        self._started = self._lapped = time.perf_counter()
        self._found: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self._found[name] = round((now - self._lapped) * 1000, 2)
        self._lapped = now

    def mark(self, name: str) -> None:
        self._found.setdefault(name, round((time.perf_counter() - self._started) * 1000, 2))

    def milliseconds(self) -> dict[str, float]:
        total = round((time.perf_counter() - self._started) * 1000, 2)
        return self._found | {"total": total}
