"""Session keys and their defaults: the one place. Widgets use these keys and no others."""

from __future__ import annotations

import time
from typing import Any

import streamlit as st

from agent.session import Session
from agent.session import sessions as open_sessions
from pipeline.schema import Arm

CUSTOMER = "customer"  # customer id of the picker
QUESTION = "question"  # text that the question box begins with
QUESTIONS = "questions"  # how often that was set: part of the box's own key, see question_key
SUGGESTION = "suggestion"  # a suggested question; its words are part of its key
SESSIONS = "sessions"  # customer id -> the conversations with both airlines, this session's own
CONVERSATIONS = "conversations"  # customer id -> the last asking.Conversation, this session's own
BEHIND = "behind"  # arm whose answer is to be looked behind at the next run, or None
MORE = "more"  # whether a click in the stage has changed more of the page than the stage
STORY = "story"  # name of the story that is told, or None
FOLLOWED = "followed"  # whether the URL's story has been looked at
STEP = "step"  # how many of its steps are done
FIRED = "fired"  # outbox sequence of the last event this session fired, or None
FIRED_NOTE = "fired_note"  # what that was, in words
FIRED_TYPE = "fired_type"  # its event type, or None
FIRED_COUNT = "fired_count"  # so that a second tweet is another tweet
FOLLOW = "follow"  # id of the event whose page is wanted next, or None
UPLOAD = "upload"  # a picture from a file
CAMERA = "camera"  # a picture from the camera
EPOCH = "epoch"  # which start of the day this session has seen, or None: any
NOTICE = "notice"  # one line for the next run to toast, or None
SPEED = "speed"  # wall seconds an airline hour takes
INTERVAL = "interval"  # airline hours between batches
TRAFFIC = "traffic"  # background events a wall second
REPLAY = "replay"  # whether the loaded day plays
EDITED = "edited"  # key of the event that is edited before it is fired
PAYLOAD = "payload"  # its data as JSON text
EVENT = "event"  # in the URL only: id of the event that is followed
AT = "at"  # in the URL only: wall time (s since 1970) that a visitor has gone back to
ASKED_THEN = "asked_then"  # the question that both agents are asked in the past
HINDSIGHT = "hindsight"  # ((customer, wall, question), asking.Conversation) of the past, or None
SEARCH = "search"  # words that an event is looked for by
OBJECTIVE = "objective"  # freshness objective, a key of health.OBJECTIVES; in the URL
VIEW = "view"  # part of the page Freshness and health; in the URL
SCALE = "scale"  # of the staleness axis; in the URL
LETTER = "letter"  # outbox sequence of the dead letter that is open; in the URL
REPAIR = "repair"  # its text as edited; the letter's sequence is part of the key
PART = "part"  # part of the page How it works; in the URL
SOURCE = "source"  # step whose source is shown; in the URL
CHOSEN = "chosen"  # whether a box of the diagram was clicked in this run
SQL = "sql"  # the query of Query both worlds; in the URL
SQL_BOX = "sql_box"  # how often the page put a text into its box: part of the box's own key
EXAMPLE = "example"  # the example that was clicked
LIVE_QUERY = "live_query"  # whether the query is kept running
ASKED = "asked"  # its last result, see `ui.query`
BIG = "big"  # whether type is big, on every page; in the URL as 1
BIG_SWITCH = "big_switch"  # its switch on the page Settings, where also the next ones are
SETTINGS_PACE = "settings_pace"  # as SPEED
SETTINGS_INTERVAL = "settings_interval"  # as INTERVAL
SETTINGS_SOURCE = "settings_source"  # the source system whose interval is changed
SETTINGS_OWN = "settings_own"  # its own interval, airline hours; 0: none, it follows the others
GUARD = "guard"  # whether actions on outdated ground are refused
SURE = "sure"  # whether the day may be forgotten
EXPORTED = "exported"  # (path, archive.Manifest) of the file that waits to be downloaded, or None
IMPORTED = "imported"  # how many files this session has brought in: part of the uploader's key
SURE_IMPORT = "sure_import"  # whether a file may replace the day
MOVED = "moved"  # a widget's key -> (what its browser knows, what we show, since when), see `show`
TESTED = "tested"  # the last agent.llm.Completion of the model's test, or None

_CATCHES_UP_S = 3.0  # a browser has drawn what a click did after less than this

DEFAULTS: dict[str, Any] = {
    CUSTOMER: None,
    QUESTION: "",
    QUESTIONS: 0,
    SESSIONS: None,
    CONVERSATIONS: None,
    BEHIND: None,
    MORE: False,
    STORY: None,
    FOLLOWED: False,
    STEP: 0,
    EPOCH: None,
    FIRED: None,
    FIRED_NOTE: "",
    FIRED_TYPE: None,
    FIRED_COUNT: 0,
    FOLLOW: None,
    NOTICE: None,
    SQL: None,
    SQL_BOX: 0,
    ASKED: None,
    BIG: None,
    MOVED: None,
    TESTED: None,
    EXPORTED: None,
    IMPORTED: 0,
}


def ensure() -> None:
    """Give every key that is missing its default."""
    for key, value in DEFAULTS.items():
        st.session_state.setdefault(key, value)


def get(key: str) -> Any:
    """The value of a key, or its default."""
    return st.session_state.get(key, DEFAULTS.get(key))


def put(key: str, value: Any) -> None:
    """Set the value of a key; of a widget's key only before the widget is drawn."""
    st.session_state[key] = value


def show(key: str, value: Any) -> None:
    """Have the widget of a key show a value that is not its visitor's alone, before it is drawn."""
    known = get(key)
    if known is not None and known != value:
        put(MOVED, (get(MOVED) or {}) | {key: (known, value, time.monotonic())})
    put(key, value)


def meant(key: str) -> bool:
    """Whether a widget's change, in its callback, is what its visitor wants.

    A browser sends every widget's value with all that it asks for, live parts included; until it
    has drawn what `show` put into one, that is the old value, which looks like a choice. It is
    none: the widget is given back what we showed.
    """
    known, shown, since = (get(MOVED) or {}).get(key, (None, None, 0.0))
    if get(key) != known or time.monotonic() - since > _CATCHES_UP_S:
        return True
    put(key, shown)
    return False


def sessions(customer_id: str) -> dict[Arm, Session]:
    """This visitor's conversations with both airlines as this customer."""
    every: dict[str, dict[Arm, Session]] = get(SESSIONS) or {}
    if customer_id not in every:
        every[customer_id] = open_sessions(customer_id)
        put(SESSIONS, every)
    return every[customer_id]


def conversation(customer_id: str) -> Any:
    """The last question of this visitor as this customer, an `asking.Conversation`, or None."""
    return (get(CONVERSATIONS) or {}).get(customer_id)


def keep_conversation(customer_id: str, conversation: Any) -> None:
    """Make a question the last one of this visitor as this customer."""
    put(CONVERSATIONS, (get(CONVERSATIONS) or {}) | {customer_id: conversation})


def forget_the_day() -> None:
    """Forget what this session remembers of a world that is gone."""
    for key in (CONVERSATIONS, SESSIONS, FIRED, STORY, EPOCH):
        put(key, None)


def question_key() -> str:
    """Key of the question box. Each text that we put into it makes a new box.

    A value that is set on a box which is there already is lost in the browser when the next run
    comes quickly; a new box begins with its text.
    """
    return f"{QUESTION}-{get(QUESTIONS)}"


def put_question(text: str) -> None:
    """Put a text into the question box."""
    put(QUESTION, text)
    put(QUESTIONS, get(QUESTIONS) + 1)


def notify(text: str) -> None:
    """Say one line to this session at its next run."""
    put(NOTICE, text)
