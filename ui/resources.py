"""What all sessions of this server share: the one place for cached resources.

Nothing here is data: what is read from the record lives for a moment only, in `pulse`.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import threading
from importlib.resources import files

import streamlit as st

from agent import intents, llm
from agent.cli import agents_of
from agent.hindsight import Hindsight
from agent.support import SupportAgent
from pipeline import past, schema
from pipeline.embed import encoder
from pipeline.engine import brokers_of
from pipeline.fire import Door
from pipeline.query import Desk
from pipeline.schema import ARMS, Arm, Database
from pipeline.settings import ROOT, settings
from pipeline.store import ContextStore
from ui.engine_link import EngineLink
from ui.load import Load
from ui.pulse import Pulse

STATIC = ROOT / "static"


@st.cache_resource(show_spinner=False)
def engine_link() -> EngineLink:
    """The way to the engine; starts one where none runs."""
    return EngineLink(settings())


@st.cache_resource(show_spinner=False)
def database() -> Database:
    """The system of record."""
    return schema.database(settings().database)


@st.cache_resource(show_spinner=False)
def agents() -> dict[Arm, SupportAgent]:
    """The two support agents: one class, one vector memory, one judge, two tables."""
    return {agent.arm: agent for agent in agents_of(settings(), database(), door=door)}


@st.cache_resource(show_spinner=False)
def stores() -> dict[Arm, ContextStore]:
    """Both context stores, to look into; the agents have handles of their own."""
    chosen = settings()
    return {arm: ContextStore(chosen.stores, arm, chosen.embedder) for arm in ARMS}


@st.cache_resource(show_spinner=False, max_entries=12)
def hindsight(wall: float, customer_id: str) -> Hindsight:
    """A customer's world as it was at a wall time of this day.

    Raises:
        Forgotten: a store does not keep that version any more.
    """
    then = past.moment(database(), wall)
    return Hindsight.of(database(), stores(), then, customer_id)


def door() -> Door:
    """Where events go in. A restarted engine has another broker, and gets another door.

    Raises:
        EngineError: no engine runs.
    """
    return _door(brokers_of(settings()))


@st.cache_resource(show_spinner=False, max_entries=2)
def _door(brokers: str) -> Door:
    return Door(database(), brokers)


@st.cache_resource(show_spinner=False)
def pulse() -> Pulse:
    """The live figures, read once for all sessions."""
    return Pulse(database(), settings())


@st.cache_resource(show_spinner=False)
def load() -> Load:
    """What the engine's processes use, looked at once for all sessions."""
    return Load(settings().airline_home)


@st.cache_resource(show_spinner=False)
def desk() -> Desk:
    """Where queries over both worlds are handed in."""
    return Desk(database(), stores(), settings().lake)


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Import and load in the background what the first question needs; once a server."""
    plotly_js()
    thread = threading.Thread(target=_warm, name="warm-up", daemon=True)
    thread.start()
    return thread


def _warm() -> None:
    encoder(settings().embedder).encode(["warm up"])
    llm.warm()
    intents.warm()


def plotly_js() -> None:
    """Put the wheel's plotly.js where Streamlit serves it, unless this version is there."""
    version = importlib.metadata.version("plotly")
    mark, script = STATIC / "plotly.version", STATIC / "plotly.min.js"
    if script.exists() and mark.exists() and mark.read_text(encoding="utf-8") == version:
        return
    STATIC.mkdir(exist_ok=True)
    shutil.copyfile(str(files("plotly") / "package_data" / "plotly.min.js"), script)
    mark.write_text(version, encoding="utf-8")
