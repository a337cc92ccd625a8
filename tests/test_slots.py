"""Slots: what a message names is read alike, however it is written."""

import pytest

from agent.slots import masked, written_out


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("is e a two oh four affected", "is EA204 affected"),
        ("e a three ten please", "EA310 please"),
        ("it's e k seven q two p", "it's EK7Q2P"),
    ],
)
def test_what_is_spelt_aloud_is_written_together(message: str, expected: str) -> None:
    assert written_out(message) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("is EA-205 late", "is FLIGHTNO late"),
        ("meet me at 5", "meet me at 5"),
        ("booking EK7Q2P", "booking LOCATOR"),
        ("on 8 Feb", "on SOMEDAY"),
        ("put me in 14C", "put me in SEATNO"),
        ("seat 14-c", "SEATNO"),
        ("a hundred and twenty dollars", "AMOUNT"),
        ("£1,250.50", "AMOUNT"),
        ("USD 40", "AMOUNT"),
        ("120 bags", "120 bags"),
        ("bag 0016123456", "bag TAGNO"),
    ],
)
def test_what_is_named_is_masked(message: str, expected: str) -> None:
    assert masked(message).split() == expected.split()


def test_what_differs_in_its_numbers_alone_is_masked_alike() -> None:
    one = masked("Is EA 204 late? Pay me $120 for bag 0016123456, seat 14C")
    other = masked("Is QX 9 late? Pay me 80 dollars for bag 9999912345, seat 3 a")
    assert one.split() == other.split()


@pytest.mark.parametrize("text", ["i a m ok", "I want a bag at 9 pm", "", "a b c d", "1 2 3 4"])
def test_plain_text_is_not_written_together(text: str) -> None:
    assert written_out(text) == text


@pytest.mark.parametrize("text", ["\x00" * 5000, "1" * 90_000, "e a " * 9000, "🧳 " * 3000])
def test_hostile_text_is_not_written_together(text: str) -> None:
    assert written_out(text) == text
