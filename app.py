"""The Live page: both airlines under one question. Run it alone: `streamlit run app.py`.

Frame and calls only; drawing is in `ui/`.
"""

import streamlit as st

from ui import evidence, frame, rail, stage, teller

with frame.open_page("Live"):
    teller.follow_url()
    header, answers, below = st.container(), st.container(key="stage"), st.columns(2, gap="small")
    side = rail.place()
    # Not from top to bottom: what a click changes comes first.
    with below[0]:
        evidence.way()
    with side:
        at = rail.choose()
    if at:
        with answers:
            stage.draw(at)
    with below[1]:
        evidence.chart()
    with header:
        frame.header()
    with side:
        rail.draw(at)
    teller.keep_url()
