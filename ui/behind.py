"""Behind an answer: who did what and why, what was checked, and the exact prompt. A dialog."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from agent.answer import Answer, ToolUse
from pipeline.schema import Arm
from ui import ages, components
from ui.answer_card import NAMES, VERDICTS
from ui.asking import Conversation
from ui.plain import plain


def dialog(conversation: Conversation, arm: Arm) -> None:
    """Open the dialog on one airline's answer."""
    sign, name = NAMES[arm]
    answer = conversation.speaking[arm].answer
    if answer:
        st.dialog(f"{sign} Behind {name}' answer", width="large")(_draw)(conversation, answer)


def _draw(conversation: Conversation, answer: Answer) -> None:
    how, checked, prompt, talk = st.tabs(["How it came", "Checked", "Exact prompt", "Conversation"])
    with how:
        _how(answer)
    with checked:
        _checked(answer)
    with prompt:
        components.quiet("What the model was given for its last word, as it was sent.")
        for message in answer.prompt:
            st.markdown(f"**{message['role']}**")
            st.code(_content(message), language=None, wrap_lines=True)
    with talk:
        for message in conversation.question.sessions[answer.arm].messages:
            with st.chat_message("user" if message["role"] == "user" else "assistant"):
                st.text(message["content"])


def _how(answer: Answer) -> None:
    steps = [f"{name.replace('_', ' ')} {ages.milliseconds(ms)}" for name, ms in _timings(answer)]
    st.text(" · ".join(steps))
    cost = f"{answer.usage.cost_usd:.4f} USD" if answer.usage.cost_usd else "no cost"
    used = f"{answer.usage.prompt_tokens} + {answer.usage.completion_tokens} tokens"
    st.text(f"{answer.model} · {used} · {cost} · {len(answer.context)} documents read")
    if answer.fallback:
        st.warning(plain(f"Another model was asked for: {answer.fallback}"))
    if not answer.tools:
        st.text("Nobody was called: the front desk answered from what it was given.")
    for use in answer.tools:
        _tool(use)
    st.markdown("**Documents**")
    st.dataframe(
        [
            {"document": one.doc_id, "similarity": one.score, "text": one.text}
            for one in answer.context
        ],
        hide_index=True,
    )


def _tool(use: ToolUse) -> None:
    title = f"{use.agent} → {use.tool} · {ages.milliseconds(use.ms)}"
    with st.expander(plain(f"{title} · {use.why}" if use.why else title)):
        st.code(_json({"arguments": use.arguments, "result": use.result}), language="json")


def _checked(answer: Answer) -> None:
    mark, word = VERDICTS[answer.verdict.status]
    st.markdown(f"**{mark} {word}**: what the text says, beside the system of record.")
    st.dataframe(
        [
            {
                "": VERDICTS[claim.status][0],
                "of": claim.entity,
                "what": claim.attribute,
                "said": claim.said,
                "the record": claim.true_,
                "since": claim.superseded_by.type if claim.superseded_by else "",
            }
            for claim in answer.verdict.claims
        ],
        hide_index=True,
    )


def _timings(answer: Answer) -> list[tuple[str, float]]:
    return list(answer.timings_ms.items())


def _content(message: dict[str, Any]) -> str:
    if message.get("tool_calls"):
        return _json(message["tool_calls"])
    content = message.get("content")
    return content if isinstance(content, str) else _json(content)


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str)
