"""The support agent: retrieve, converse, be judged. One class; the airlines differ in a table.

`ask` gives the whole `Answer`, `stream` gives pieces of text and then the `Answer`; both may be
called from any thread, a session in one at a time.

    agents = [SupportAgent(arm, toolbox, vectors, judge) for arm, toolbox in toolboxes.items()]
    ask_both(agents, "Is my flight on time?", sessions("C0001"), now)
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from agent import context, prompts, wire
from agent.answer import Answer, Asked, Citation, Verdict
from agent.judge import Judge
from agent.limits import process, session_budget
from agent.offline import MODEL as OFFLINE
from agent.offline import Message
from agent.pictures import Picture
from agent.pictures.sight import Sight, look
from agent.retrieval import Query, RetrievalSettings, own_documents, retrieve
from agent.session import Session
from agent.specialists import TRIAGE, Specialist, specialists
from agent.spoken import say
from agent.tools import Scene, Toolbox
from agent.turn import MOST_CALLS, MOST_STEPS, Brain, Spoken, converse
from agent.vectors import QuestionVectors
from agent.words import LONGEST
from pipeline.clock import from_rfc3339, to_rfc3339
from pipeline.documents import Document, clean
from pipeline.settings import settings as configured
from pipeline.store import Arm, Found

RULES = "support"  # the prompt that all colleagues share
AsOf = datetime | str | None
"""Airline time up to which an arm knows the world; the caller knows it, the agent does not."""


@dataclass(frozen=True)
class AgentSettings:
    """Everything that shapes an answer but the table. Equal in both agents."""

    model: str = OFFLINE
    temperature: float = 0.0
    timeout_s: float = 20.0  # wall seconds for the model, then the built-in one answers
    history: int = 8  # messages of the conversation that are shown to the model
    home_zone: str = "America/New_York"
    retrieval: RetrievalSettings = field(default_factory=RetrievalSettings)


class SupportAgent:
    """Answers customers' questions from one arm's context store."""

    def __init__(
        self,
        toolbox: Toolbox,
        vectors: QuestionVectors,
        judge: Judge,
        settings: AgentSettings | None = None,
    ) -> None:
        """Hand the agent what it works with; `vectors` and `judge` may serve several agents."""
        self.settings = settings or AgentSettings()
        self._toolbox = toolbox
        self._store = toolbox.store
        self._vectors = vectors
        self._judge = judge

    @property
    def arm(self) -> Arm:
        """The arm whose table this agent reads."""
        return self._store.arm

    def fields(self) -> dict[str, Any]:
        """All that makes this agent, field by field; two agents may differ in `table` only."""
        return {
            "class": type(self).__qualname__,
            "table": self._store.table.name,
            "files": prompts.fingerprints(),  # prompts, policies, sentences, words
            "specialists": {name: asdict(one) for name, one in specialists().items()},
            "tools": self._toolbox.fields(),
            "vectors": id(self._vectors),
            "judge": id(self._judge),
            "server": configured().agent_api_base,
            "limits": {
                "steps": MOST_STEPS,
                "calls_a_step": MOST_CALLS,
                "question": LONGEST,
                "session": asdict(session_budget()),
                "process": asdict(process().budget),
            },
            **asdict(self.settings),
        }

    def ask(
        self,
        question: str,
        session: Session,
        now: datetime,
        *,
        as_of: AsOf = None,
        picture: Picture | None = None,
    ) -> Answer:
        """The whole answer; see `stream`."""
        *_, last = self.stream(question, session, now, as_of=as_of, picture=picture)
        if not isinstance(last, Answer):
            raise TypeError("a stream ends with its Answer")
        return last

    def stream(
        self,
        question: str,
        session: Session,
        now: datetime,
        *,
        as_of: AsOf = None,
        picture: Picture | None = None,
    ) -> Iterator[str | Answer]:
        """Pieces of text as the model gives them, then the `Answer`, whose text is what counts.

        Args:
            session: the customer's conversation with this airline; it remembers the turn.
            now: airline time.
            picture: of a boarding pass or a bag tag; the question may then be empty.

        Raises:
            ValueError: the session's customer id is none.
        """
        watch = _Watch()
        sight = self._look(picture, question, session, now) if picture else None
        if sight:
            watch.lap("picture")
        scene = self._scene(sight.question if sight else question, session, now, watch)
        for piece in self._speak(scene, sight, picture):
            if isinstance(piece, str):
                watch.mark("first_token")
                yield piece
            else:
                spoken = piece
        watch.lap("model")
        session.remember(
            scene.question or (say("picture", "sent") if picture else ""),
            spoken.text,
            spoken.pending,
        )
        verdict = self._judge.judge(scene.question, spoken.text, session.customer_id, now)
        watch.lap("judge")
        answer = self._answer(spoken, verdict, self._citations(scene.found, now), as_of, watch)
        yield answer
        self._toolbox.keep(answer, session)  # no customer waits for the book-keeping

    def _look(self, picture: Picture, question: str, session: Session, now: datetime) -> Sight:
        today = now.astimezone(ZoneInfo(self.settings.home_zone)).date()
        asked = clean(question[:LONGEST]).strip()
        return look(picture, asked, self._store, session.customer_id, today)

    def _speak(
        self, scene: Scene, sight: Sight | None, picture: Picture | None
    ) -> Iterator[str | Spoken]:
        """The turn, with what the picture has to do with it, if there is one."""
        if sight is None or picture is None:
            yield from self._converse(scene)
            return
        known = {one.document.doc_id for one in scene.found}
        scene.found += [one for one in sight.found if one.document.doc_id not in known]
        if sight.for_model and wire.sees_images(self.settings.model):
            scene.image = picture.content_part
        spoken = Spoken()
        told = sight.say and not scene.image
        if told:
            yield f"{sight.say} "
        if scene.question or scene.image:
            for piece in self._converse(scene):
                if isinstance(piece, str):
                    yield piece
                else:
                    spoken = piece
        if told or spoken.model == OFFLINE:  # a model that failed has not looked at it either
            spoken.texts.insert(0, sight.say)
        spoken.tools.insert(0, sight.use)
        yield spoken

    def _converse(self, scene: Scene) -> Iterator[str | Spoken]:
        brain = Brain(
            self.settings.model,
            self.settings.temperature,
            self.settings.timeout_s,
            scene.session.meter.turn(),
        )
        return converse(brain, scene, self._toolbox, lambda who: self._prompt(who, scene))

    def as_known_now(self, answer: Answer, customer_id: str) -> list[Document]:
        """The documents that an answer rests on, as this arm has them now."""
        found = self._store.lookup([one.doc_id for one in answer.context], customer_id)
        return [one.document for one in found]

    def messages(
        self, question: str, session: Session, now: datetime, who: str = TRIAGE
    ) -> list[Message]:
        """The exact prompt that the model would be given now, at the desk of `who`."""
        return self._prompt(specialists()[who], self._scene(question, session, now, _Watch()))

    def _scene(self, question: str, session: Session, now: datetime, watch: _Watch) -> Scene:
        asked = clean(question[:LONGEST])
        own = own_documents(self._store, session.customer_id)
        vector = self._vectors(asked)
        watch.lap("embed")
        home = now.astimezone(ZoneInfo(self.settings.home_zone))
        query = Query(asked, vector, session.customer_id, home)
        found = retrieve(self._store, query, self.settings.retrieval, own)
        watch.lap("retrieve")
        return Scene(session, asked, found, home)

    def _prompt(self, who: Specialist, scene: Scene) -> list[Message]:
        # The front desk needs to know whom it greets; what is known is for those it hands over to.
        found = [
            one for one in scene.found if who.name != TRIAGE or one.document.kind == "customer"
        ]
        pending = scene.session.pending
        system = prompts.prompt(RULES).substitute(
            desk=who.name,
            role=who.role,
            customer=scene.session.customer_id,
            now=f"{scene.now:%Y-%m-%d %H:%M} ({scene.now.isoformat(timespec='seconds')})",
            pending=pending.as_json() if pending else "nothing",
            count=str(len(found)),
            context=context.write([one.document for one in found], scene.now),
        )
        return [
            {"role": "system", "content": system},
            *scene.session.messages[-self.settings.history :],
            {"role": "user", "content": _content(scene)},
        ]

    def _citations(self, found: Sequence[Found], now: datetime) -> list[Citation]:
        wall = time.time()
        versions = {one.document.version for one in found} - {0}
        searchable = self._judge.searchable_at(self.arm, versions)
        return [_citation(one, now, wall, searchable) for one in found]

    def _answer(
        self,
        spoken: Spoken,
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
            tools=spoken.tools,
            agent=spoken.agent,
            model=spoken.model,
            fallback=spoken.fallback,
            usage=spoken.usage,
            pending=spoken.pending.asked if spoken.pending else None,
            prompt=spoken.prompt,
            timings_ms=watch.milliseconds(),
        )


def ask_both(
    agents: Sequence[SupportAgent],
    question: str,
    sessions: Mapping[Arm, Session],
    now: datetime,
    *,
    as_of: Mapping[Arm, AsOf] | None = None,
    picture: Picture | None = None,
) -> Asked:
    """One question to several agents at once, at one airline time."""
    known = as_of or {}

    def one(agent: SupportAgent) -> Answer:
        asked_of = known.get(agent.arm)
        return agent.ask(question, sessions[agent.arm], now, as_of=asked_of, picture=picture)

    with ThreadPoolExecutor(max_workers=max(1, len(agents))) as pool:
        answers = list(pool.map(one, agents))
    customers = {session.customer_id for session in sessions.values()}
    return Asked(question=question, customer=customers.pop(), arms=answers)


def _content(scene: Scene) -> str | list[dict[str, Any]]:
    if scene.image is None:
        return scene.question
    words = [{"type": "text", "text": scene.question}] if scene.question else []
    return [*words, scene.image]


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
