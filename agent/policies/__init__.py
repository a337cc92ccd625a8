"""The airline's rules in code: what an agent may do, on the facts that it was given.

`facts` reads context documents, `rules` decides; both are pure, and neither knows a record, a model
or an event. Every number and every sentence is in `data/agent/policies/*.toml`.
"""
