"""The Live page: both airlines under one question. Run it alone: `streamlit run app.py`.

Frame and calls only; drawing is in `ui/`.
"""

from ui import evidence, frame, rail, stage

with frame.open_page("Live"):
    frame.header()
    at = rail.draw()
    if at:
        stage.draw(at)
        evidence.draw()
