"""Who the airline's customers are. All invented: names by Faker, everything else drawn here.

E-mail addresses end in example.com, .org or .net and phone numbers are 555-01xx, so that no
message could ever reach a person.
"""

import random
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from faker import Faker

CUSTOMERS = 1000
TIERS = {"regular": 75, "silver": 17, "gold": 8}
# Share of customers by where their name comes from, in percent.
LOCALES = {
    "en_US": 46, "es_MX": 9, "en_IE": 6, "fr_FR": 6, "de_DE": 5, "it_IT": 5, "pt_BR": 4,
    "en_IN": 4, "pl_PL": 4, "vi_VN": 3, "sv_SE": 2, "tr_TR": 2, "cs_CZ": 1, "yo_NG": 1,
    "el_GR": 1, "ja_JP": 1,
}  # fmt: skip
AREA_CODES = ("212", "718", "917", "646", "347", "201", "973", "516", "914", "203", "312", "617")
DOMAINS = ("example.com", "example.org", "example.net")


@dataclass
class Customer:
    """One row of customers.csv. `email` and `phone` change as the days go by."""

    customer_id: str
    name: str
    email: str
    phone: str
    tier: str

    @property
    def first_name(self) -> str:
        """What a friendly agent would call them."""
        return self.name.split()[0]


def pick(rng: random.Random, shares: dict[str, int]) -> str:
    """One key, as often as its share says."""
    return rng.choices(list(shares), weights=list(shares.values()))[0]


def fictional_phone(rng: random.Random) -> str:
    """A number from the range kept free for fiction."""
    return f"+1 {rng.choice(AREA_CODES)} 555 01{rng.randint(0, 99):02d}"


def mailbox(name: str) -> str:
    """The name in ASCII: "Zoë O'Brien" is zoe.obrien; empty for a name in another script."""
    plain = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z]+", ".", plain.replace("'", "")).strip(".")


def new_email(name: str, rng: random.Random) -> str:
    """An address that looks like the name."""
    return f"{mailbox(name) or 'guest'}{rng.randint(1, 99)}@{rng.choice(DOMAINS)}"


def people(rng: random.Random) -> Iterator[str]:
    """Full names without end, from all the locales."""
    makers = {locale: Faker(locale) for locale in LOCALES}
    for number, maker in enumerate(makers.values()):
        maker.seed_instance(rng.randint(0, 10**9) + number)
    while True:
        maker = makers[pick(rng, LOCALES)]
        if rng.random() < 1 / 2:
            yield f"{maker.first_name_female()} {maker.last_name_female()}"
        else:
            yield f"{maker.first_name_male()} {maker.last_name_male()}"


def make_customers(seed: str, heroes: list[Customer]) -> dict[str, Customer]:
    """The heroes, then everybody else; no two share a name or an address."""
    rng = random.Random(f"{seed}/customers")
    customers = {hero.customer_id: hero for hero in heroes}
    taken = {hero.name for hero in heroes} | {hero.email for hero in heroes}
    for name in people(rng):
        if len(customers) == CUSTOMERS:
            break
        email = new_email(name, rng)
        if taken & {name, email}:
            continue
        taken |= {name, email}
        customer_id = f"C{len(customers) + 1:04d}"
        customers[customer_id] = Customer(
            customer_id, name, email, fictional_phone(rng), pick(rng, TIERS)
        )
    return customers
