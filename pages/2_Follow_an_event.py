"""Follow an event: its way through both pipelines, and what each airline made of it."""

from ui import follow, frame

with frame.open_page("Follow an event"):
    frame.header()
    event = follow.choose()
    if event:
        follow.draw(event)
    else:
        follow.nothing_yet()
