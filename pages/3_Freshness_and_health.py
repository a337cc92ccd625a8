"""Freshness and health: both airlines against a freshness objective, and the evidence for it.

Frame and calls only; drawing is in `ui/`.
"""

from ui import frame, health

with frame.open_page("Freshness and health"):
    frame.header()
    health.draw()
