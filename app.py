"""The Live page: both airlines under one question. Run it alone: `streamlit run app.py`.

Frame and calls only; drawing is in `ui/`.
"""

import streamlit as st

from ui import evidence, frame, rail, stage, teller

with frame.open_page("Live"):
    teller.follow_url()
    header, answers = st.container(), st.container(key="stage")
    # Not from top to bottom: the first effect of a click is its event, which is shown here.
    evidence.draw()
    with header:
        frame.header()
    at = rail.draw()
    if at:
        with answers:
            stage.draw(at)
    teller.keep_url()
