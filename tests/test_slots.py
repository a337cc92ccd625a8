"""Slots: what a message names, however it is written."""

from datetime import date
from decimal import Decimal

import pytest

from agent.slots import Amount, masked, slots_of, with_earlier, written_out

TODAY = date(2013, 2, 8)  # a Friday
PLACES = ("JFK", "ORD", "BOS")


@pytest.mark.parametrize(
    ("message", "slot", "expected"),
    [
        ("is EA204 late", "flights", ("EA204",)),
        ("ea 204 and EA-205", "flights", ("EA204", "EA205")),
        ("is e a two oh four affected", "flights", ("EA204",)),
        ("e a three ten please", "flights", ("EA310",)),
        ("meet me at 5", "flights", ()),
        ("booking EK7Q2P", "locators", ("EK7Q2P",)),
        ("it's e k seven q two p", "locators", ("EK7Q2P",)),
        ("ek7q2p please", "locators", ("EK7Q2P",)),
        ("my locator is ABCDEF", "locators", ("ABCDEF",)),
        ("CANCEL MY FLIGHT", "locators", ()),
        ("fly today", "days", (TODAY,)),
        ("fly tomorrow", "days", (date(2013, 2, 9),)),
        ("on Monday", "days", (date(2013, 2, 11),)),
        ("on 8 Feb", "days", (TODAY,)),
        ("February 10th", "days", (date(2013, 2, 10),)),
        ("2013-02-12", "days", (date(2013, 2, 12),)),
        ("put me in 14C", "seats", ("14C",)),
        ("seat 14 c", "seats", ("14C",)),
        ("seat 14-c", "seats", ("14C",)),
        ("a windw seat", "seat_wishes", ("window",)),
        ("aisle, near the front", "seat_wishes", ("aisle", "front")),
        ("give me $120", "amounts", (Amount(Decimal(120), "USD"),)),
        ("120 dollars", "amounts", (Amount(Decimal(120), "USD"),)),
        ("a hundred and twenty dollars", "amounts", (Amount(Decimal(120), "USD"),)),
        ("two thousand five hundred euros", "amounts", (Amount(Decimal(2500), "EUR"),)),
        ("£1,250.50", "amounts", (Amount(Decimal("1250.50"), "GBP"),)),
        ("USD 40", "amounts", (Amount(Decimal(40), "USD"),)),
        ("120 bags", "amounts", ()),
        ("bag 0016123456", "tags", ("0016123456",)),
        ("from JFK", "airports", ("JFK",)),
        ("to chicago", "airports", ("ORD",)),
        ("to chcago", "airports", ("ORD",)),
        ("to Bostn or New York", "airports", ("JFK",)),
        ("I AM AT THE GATE", "airports", ()),
    ],
)
def test_a_slot(message: str, slot: str, expected: tuple[object, ...]) -> None:
    assert getattr(slots_of(message, TODAY, PLACES), slot) == expected


def test_several_slots_in_one_message() -> None:
    slots = slots_of("Move me from EA 204 to EA 310 on Monday, seat 4C, for $50", TODAY)
    assert slots.flights == ("EA204", "EA310")
    assert slots.days == (date(2013, 2, 11),)
    assert slots.seats == ("4C",)
    assert slots.amounts == (Amount(Decimal(50), "USD"),)


def test_a_follow_up_keeps_what_it_does_not_name() -> None:
    before = slots_of("Which seat do I have on EA 204 today?", TODAY)
    slots = with_earlier(slots_of("And on Monday?", TODAY), before)
    assert (slots.flights, slots.days) == (("EA204",), (date(2013, 2, 11),))


def test_what_differs_in_its_numbers_alone_is_masked_alike() -> None:
    one = masked("Is EA 204 late? Pay me $120 for bag 0016123456, seat 14C")
    other = masked("Is QX 9 late? Pay me 80 dollars for bag 9999912345, seat 3 a")
    assert one.split() == other.split()


@pytest.mark.parametrize("text", ["i a m ok", "I want a bag at 9 pm", "", "a b c d", "1 2 3 4"])
def test_plain_text_is_not_written_together(text: str) -> None:
    assert written_out(text) == text


@pytest.mark.parametrize("text", ["\x00" * 5000, "1" * 90_000, "e a " * 9000, "🧳 " * 3000])
def test_hostile_text_has_no_slots_but_an_answer(text: str) -> None:
    assert slots_of(text, TODAY, PLACES).amounts == ()
