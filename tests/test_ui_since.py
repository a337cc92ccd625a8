"""What changed since an answer, word by word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ui.since import difference

WORDS = st.lists(
    st.sampled_from(["on", "time", "late", "gate", "B1", "B2", "at", "15:40", "16:10"]), max_size=30
)


def read(spans: list[dict[str, str]], mark: str) -> str:
    return " ".join(one["text"] for one in spans if one.get("mark") == mark)


def test_what_went_and_what_came_are_marked() -> None:
    spans = difference("EA 122 is on time", "EA 122 is cancelled because of snow")
    assert read(spans, "gone") == "on time"
    assert read(spans, "new") == "cancelled because of snow"
    assert spans[0] == {"text": "EA 122 is"}


def test_what_is_far_from_a_change_is_left_out() -> None:
    kept = [f"word{number}" for number in range(40)]
    spans = difference(" ".join([*kept, "old"]), " ".join([*kept, "new"]))
    assert spans[0]["text"].startswith("… word35")
    assert "word1 " not in spans[0]["text"]


@given(WORDS, WORDS)
def test_nothing_is_marked_that_both_have(old: list[str], new: list[str]) -> None:
    spans = difference(" ".join(old), " ".join(new))
    gone = read(spans, "gone").split()
    came = read(spans, "new").split()
    assert len(old) - len(gone) == len(new) - len(came)
    assert (old == new) == (not gone and not came)
