"""Who holds a ticket for what when the first day begins. All invented and seeded.

Every flight of the real data leaves New York and none comes back, so nobody can connect from one
to the other at an airport. A booking with two flights is therefore an open jaw with a surface
sector, as airlines call it: fly to a near city, return to New York by train, fly on from there.
"""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from data.builder.customers import Customer, pick
from data.builder.timetable import Flight, Key

ON_FIRST_DAY, SECOND_BOOKINGS, TWO_FLIGHTS = 960, 440, 150
FIRST_DAY = "2013-02-08"
WORLD_STARTS = datetime(2013, 2, 8, 5, tzinfo=UTC)  # midnight in New York
# Cities with a train to New York.
BY_TRAIN = {"BOS", "PVD", "BDL", "ALB", "PHL", "BWI", "DCA", "IAD", "RIC", "SYR", "BUF", "ROC"}
TRAIN_RIDE = timedelta(hours=5)
# Flights that go wrong carry more of our customers, so that the day has something to tell.
TROUBLE_WEIGHT, LONG_DELAY = 1.6, timedelta(hours=1)
CABINS = {"economy": 82, "premium": 11, "business": 7}
# Rows and seat letters of each cabin; every aircraft of this airline looks the same.
ROWS = {"business": (1, 4, "ACDF"), "premium": (5, 9, "ABCDEF"), "economy": (10, 32, "ABCDEF")}
PARTY_SIZES = {"1": 62, "2": 22, "3": 8, "4": 6, "5": 2}
BAGS_PER_BOOKING = {"0": 45, "1": 42, "2": 13}
INSURED = 0.3
LOCATOR_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # no I, O, 0, 1: they are misread
BAG_PREFIX = "0909"


@dataclass
class Segment:
    """One flight of a booking, with the lead passenger's seat."""

    key: Key
    seat: str


@dataclass
class Booking:
    """One booking with everything that hangs on it."""

    locator: str
    customer_id: str
    cabin: str
    insurance: bool
    created_at: datetime
    passengers: list[str]
    segments: list[Segment]
    bags: list[str] = field(default_factory=list)
    status: str = "confirmed"


class Seats:
    """Which seats are taken on which flight."""

    def __init__(self) -> None:
        self.taken: dict[Key, set[str]] = {}

    def is_free(self, key: Key, seat: str) -> bool:
        """True if nobody of ours sits there."""
        return seat not in self.taken.get(key, set())

    def take(self, key: Key, seat: str) -> None:
        """Occupy it; a second claim is a mistake of the builder."""
        if not self.is_free(key, seat):
            raise ValueError(f"{seat} on {key} is taken")
        self.taken.setdefault(key, set()).add(seat)

    def release(self, key: Key, seat: str) -> None:
        """Make it free again."""
        self.taken[key].remove(seat)

    def any_free(self, key: Key, cabin: str, rng: random.Random) -> str:
        """A free seat of the cabin."""
        first, last, letters = ROWS[cabin]
        while True:
            seat = f"{rng.randint(first, last)}{rng.choice(letters)}"
            if self.is_free(key, seat):
                return seat


class Desk:
    """Sells bookings: hands out locators, bag tags and seats so that none is given twice."""

    def __init__(self, timetable: dict[Key, Flight], seats: Seats, rng: random.Random) -> None:
        self.timetable = timetable
        self.seats = seats
        self.rng = rng
        self.names: list[str] = []
        self.locators: set[str] = set()
        self.tags: set[str] = set()

    def locator(self) -> str:
        """A new six-character locator."""
        while True:
            locator = "".join(self.rng.choices(LOCATOR_LETTERS, k=6))
            if locator not in self.locators:
                self.locators.add(locator)
                return locator

    def bag_tag(self) -> str:
        """A new ten-digit tag."""
        while True:
            tag = f"{BAG_PREFIX}{self.rng.randint(0, 999_999):06d}"
            if tag not in self.tags:
                self.tags.add(tag)
                return tag

    def party(self, customer: Customer) -> list[str]:
        """The customer and who travels along: mostly family, so mostly the same surname."""
        size = int(pick(self.rng, PARTY_SIZES))
        surname = customer.name.split()[-1]
        companions = [self.rng.choice(self.names).split()[0] for _ in range(size - 1)]
        return [customer.name, *(f"{name} {surname}" for name in companions)]

    def sell(self, customer: Customer, flights: list[Flight], created_at: datetime) -> Booking:
        """A booking of `flights` for `customer`, without bags."""
        cabin = pick(self.rng, CABINS)
        segments = []
        for flight in flights:
            seat = self.seats.any_free(flight.key, cabin, self.rng)
            self.seats.take(flight.key, seat)
            segments.append(Segment(flight.key, seat))
        return Booking(
            locator=self.locator(),
            customer_id=customer.customer_id,
            cabin=cabin,
            insurance=self.rng.random() < INSURED,
            created_at=created_at,
            passengers=self.party(customer),
            segments=segments,
        )


def weight(flight: Flight) -> float:
    """How likely a customer is on this flight, against one that runs on time."""
    late = flight.took_off is None or flight.took_off - flight.departure >= LONG_DELAY
    return TROUBLE_WEIGHT if late else 1.0


def draw(flights: list[Flight], rng: random.Random) -> Flight:
    """One of the flights, troubled ones more often."""
    return rng.choices(flights, weights=[weight(flight) for flight in flights])[0]


def some_weeks_before(rng: random.Random) -> datetime:
    """When a booking was made: up to ten weeks before, in whole minutes."""
    return WORLD_STARTS - timedelta(minutes=rng.randint(600, 70 * 24 * 60))


def open_jaw(timetable: dict[Key, Flight], rng: random.Random) -> list[Flight]:
    """A morning hop to a city with a train back, and a later flight from New York."""
    flights = list(timetable.values())
    near = [f for f in flights if f.destination in BY_TRAIN and f.date == FIRST_DAY]
    hop = draw([f for f in near if f.departure < WORLD_STARTS + timedelta(hours=12)], rng)
    later = hop.arrival + TRAIN_RIDE
    onward = [f for f in flights if f.departure > later and f.destination not in BY_TRAIN]
    return [hop, draw(onward, rng)]


def trips(timetable: dict[Key, Flight], rng: random.Random) -> list[list[Flight]]:
    """What the customers fly, one list of flights each: first-day trips come first."""
    first_day = [f for f in timetable.values() if f.date == FIRST_DAY]
    second_day = [f for f in timetable.values() if f.date != FIRST_DAY]
    plans = [open_jaw(timetable, rng) for _ in range(TWO_FLIGHTS)]
    plans += [[draw(first_day, rng)] for _ in range(ON_FIRST_DAY - TWO_FLIGHTS)]
    rng.shuffle(plans)
    return plans + [[draw(second_day, rng)] for _ in range(SECOND_BOOKINGS)]


def make_bookings(
    desk: Desk, customers: dict[str, Customer], heroes: list[Booking]
) -> dict[str, Booking]:
    """The heroes' bookings, then one for everybody else; some buy a second trip, for the 9th."""
    rng = desk.rng
    desk.names = [customer.name for customer in customers.values()]
    held = {booking.customer_id for booking in heroes}
    others = [customer for customer in customers.values() if customer.customer_id not in held]
    plans = trips(desk.timetable, rng)
    buyers = rng.sample(others, len(others))
    # Everybody gets one of the first plans, then the list of buyers begins again.
    bookings = {booking.locator: booking for booking in heroes}
    busy: set[str] = set()
    queue = buyers + rng.sample(buyers, len(buyers))
    for plan in plans:
        free = next(n for n, customer in enumerate(queue) if clear(customer, plan, busy))
        customer = queue.pop(free)
        booking = desk.sell(customer, plan, some_weeks_before(rng))
        busy |= {f"{customer.customer_id}/{flight.date}" for flight in plan}
        booking.bags = [desk.bag_tag() for _ in range(int(pick(rng, BAGS_PER_BOOKING)))]
        bookings[booking.locator] = booking
    return bookings


def clear(customer: Customer, plan: list[Flight], busy: set[str]) -> bool:
    """True if the customer flies nowhere else on the plan's days."""
    return not any(f"{customer.customer_id}/{flight.date}" in busy for flight in plan)
