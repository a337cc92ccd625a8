"""Texts that are not ours, for the places where Streamlit reads markdown.

Event text is hostile: even plain markdown loads remote images. Where text alone is shown it is
`st.text` or a component that sets textContent; labels and tooltips get this.
"""

from __future__ import annotations

import re

_MEANS_SOMETHING = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~:$^=&@/])")


def plain(text: str) -> str:
    """The text with everything escaped that markdown, directives or autolinks would read."""
    return _MEANS_SOMETHING.sub(r"\\\1", " ".join(text.split()))
