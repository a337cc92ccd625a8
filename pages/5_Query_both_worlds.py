"""Query both worlds: one SELECT over both airlines' data, results side by side.

Frame and calls only; drawing is in `ui/`.
"""

from ui import frame, query

with frame.open_page("Query both worlds"):
    frame.header()
    query.draw()
