"""Drawing: the only folder that knows Streamlit, with app.py and pages/.

State of a session is in `state`, what all sessions share is in `resources`. Figures, formats, event
drafts and card contents are pure functions; texts that came in with events are never markdown.
"""
