"""How it works: both architectures with live counts, the source of each step, and what it costs.

Frame and calls only; drawing is in `ui/`.
"""

from ui import frame, how

with frame.open_page("How it works"):
    frame.header()
    how.draw()
