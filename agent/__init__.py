"""The support agent: one class, two instances, and the judge that reads what they say.

Reading order: context (what a model is shown) -> prompts -> intents, mentions, times (what a text
means) -> answers, offline (the built-in model) -> llm (the one door to all models) -> retrieval ->
answer, support (the agent) -> judge/ (its text against the record) -> evals/.

Nothing in here knows Streamlit, and importing it does not import LiteLLM, which takes seconds.
"""
