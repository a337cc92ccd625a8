"""An event's fields as widgets: what a button would fire, to be changed before it is fired."""

from __future__ import annotations

import streamlit as st

from pipeline.events import PAYLOADS
from ui import state
from ui.console import Draft
from ui.situation import Row

_LONG = 60  # characters from which a text gets several lines


def draw(made: Draft) -> Row:
    """A field for each that the event's type has, filled with the draft; returns what stands there.

    What is left empty is left out. What breaks the contract is refused when it is fired, by name.
    """
    written: Row = {}
    for name, field in PAYLOADS[made.button.type].model_fields.items():
        label = field.alias or name
        value = _field(made, label, made.data.get(label))
        if value not in ("", None):
            written[label] = value
    return written


def _field(made: Draft, label: str, value: object) -> object:
    key = f"{state.PAYLOAD}-{made.button.key}-{made.subject}-{label}"
    if isinstance(value, dict):
        return {name: _text(f"{label} {name}", one, f"{key}-{name}") for name, one in value.items()}
    if isinstance(value, float):
        return st.number_input(label, value=value, key=key)
    return _text(label, value, key)


def _text(label: str, value: object, key: str) -> str:
    shown = "" if value is None else str(value)
    if len(shown) > _LONG:
        return str(st.text_area(label, shown, key=key))
    return str(st.text_input(label, shown, key=key))
