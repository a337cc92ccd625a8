"""The Live page: both airlines under one question. Run it alone: `streamlit run app.py`.

Frame and calls only; drawing is in `ui/`.
"""

from ui import evidence, frame, rail, stage, teller

with frame.open_page("Live"):
    teller.follow_url()
    frame.header()
    at = rail.draw()
    if at:
        stage.draw(at)
        evidence.draw()
    teller.keep_url()
