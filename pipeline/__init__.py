"""The engine: from a fired event to a searchable context document, by stream and by batch.

Read the modules in the order in which an event meets them:

settings -> clock -> events -> world -> record -> outbox -> broker -> relay -> documents ->
embed -> store -> stream | batch -> freshness -> replay -> engine.

Nothing in here knows Streamlit or the agent.
"""
