"""Settings: what the demo runs on, what can be changed while it runs, and how to start over.

Frame and calls only; drawing is in `ui/`.
"""

from ui import frame, settings_page

with frame.open_page("Settings"):
    frame.header()
    settings_page.draw()
