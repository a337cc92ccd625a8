"""The engine: from a fired event to a searchable context document, by stream and by batch.

Read the modules in the order in which an event meets them:

settings -> clock -> events -> schema -> record -> outbox -> broker -> fire -> relay -> documents
-> embed -> store -> stream | batch -> freshness; world, loading and replay bring a day in, engine
runs it all.

Nothing in here knows Streamlit or the agent.
"""
