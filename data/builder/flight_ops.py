"""What flight operations announces.

Real: which flights were cancelled, when the others left and landed, and so how late they were in
the end. Invented and seeded: when each of it was announced, in how many steps, why, and the gates.
"""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from data.builder.simulation import Simulation
from data.builder.timetable import Flight, Key, any_gate

WORTH_ANNOUNCING = timedelta(minutes=15)
# A delay this long is announced in two or three steps: nobody knows the end at the beginning.
TWO_STEPS, THREE_STEPS = timedelta(minutes=50), timedelta(minutes=120)
FEWEST_HOURS, USUAL_HOURS, MOST_HOURS = 1.0, 5.5, 9.0
DELAYED_FIRST = 0.3
GATE_ASSIGNED, GATE_CHANGED_AGAIN, GATE_BEFORE_CANCELLATION = 0.75, 0.15, 0.3


@dataclass
class Announcements:
    """Moments fixed by hand, because a hero's story needs them. Flights by number and date."""

    cancelled_at: dict[Key, datetime] = field(default_factory=dict)
    delayed_at: dict[Key, list[tuple[datetime, datetime]]] = field(default_factory=dict)
    gates_at: dict[Key, list[tuple[datetime, str]]] = field(default_factory=dict)


@dataclass
class FlightOps:
    """Puts every flight's announcements into the simulation's queue."""

    sim: Simulation
    rng: random.Random
    reasons: dict[str, list[str]]
    fixed: Announcements

    def plan_all(self) -> None:
        """Both days."""
        for state in self.sim.flights.values():
            if state.flight.took_off is None:
                self.plan_cancelled(state.flight)
            else:
                self.plan_flown(state.flight, state.flight.took_off)

    def plan_cancelled(self, flight: Flight) -> None:
        """A flight that never left: sometimes a delay, sometimes a gate, then the cancellation."""
        moment = self.fixed.cancelled_at.get(flight.key) or self.cancellation_time(flight)
        reason = self.rng.choice(self.reasons["cancelled"])
        self.sim.at(moment, partial(self.sim.cancel_flight, flight.key, reason))
        before = moment - timedelta(minutes=self.rng.randint(35, 170), seconds=self.seconds())
        if before <= self.sim.now or flight.key in self.fixed.cancelled_at:
            return
        if self.chance(DELAYED_FIRST):
            late = timedelta(minutes=5 * self.rng.randint(6, 24))
            hope = max(flight.departure, moment + timedelta(minutes=20)) + late
            reason = self.rng.choice(self.reasons["delayed"])
            self.sim.at(before, partial(self.sim.delay, flight.key, hope, reason))
        elif self.chance(GATE_BEFORE_CANCELLATION):
            self.plan_gate(flight, before)

    def cancellation_time(self, flight: Flight) -> datetime:
        """One to nine hours before, in waves: a control centre decides on many flights at once."""
        hours = self.rng.triangular(FEWEST_HOURS, MOST_HOURS, USUAL_HOURS)
        moment = flight.departure - timedelta(hours=hours)
        wave = moment - timedelta(minutes=moment.minute % 20, seconds=moment.second)
        wave += timedelta(seconds=self.rng.randint(0, 170), microseconds=-moment.microsecond)
        first = self.sim.now + timedelta(minutes=5, seconds=self.rng.randint(0, 3000))
        return max(wave, first)

    def plan_flown(self, flight: Flight, took_off: datetime) -> None:
        """A flight that left: delays, gates, the departure and the landing."""
        self.sim.at(took_off, partial(self.sim.depart, flight.key))
        if flight.landed:
            self.sim.at(flight.landed, partial(self.sim.land, flight.key))
        if took_off - flight.departure >= WORTH_ANNOUNCING:
            steps = self.fixed.delayed_at.get(flight.key) or self.delay_steps(flight, took_off)
            reason = self.rng.choice(self.reasons["delayed"])
            for moment, departure in steps:
                self.sim.at(moment, partial(self.sim.delay, flight.key, departure, reason))
        self.plan_gates(flight, took_off)

    def delay_steps(self, flight: Flight, took_off: datetime) -> list[tuple[datetime, datetime]]:
        """(announced, new departure) pairs; the last new departure is what really happened."""
        late = took_off - flight.departure
        count = 1 + (late >= TWO_STEPS) + (late >= THREE_STEPS)
        moment = flight.departure - timedelta(minutes=self.rng.randint(20, 100))
        steps = []
        for step in range(1, count + 1):
            hope = flight.departure + five_minutes(late * step / count)
            steps.append((moment + timedelta(seconds=self.seconds()), hope))
            # The next bad news comes shortly before the hoped-for departure.
            moment = hope - timedelta(minutes=self.rng.randint(12, 25))
        steps[-1] = (steps[-1][0], took_off)
        return steps

    def plan_gates(self, flight: Flight, took_off: datetime) -> None:
        """The gate is settled an hour or two before, and sometimes changed once more."""
        for moment, gate in self.fixed.gates_at.get(flight.key, []):
            self.sim.at(moment, partial(self.sim.change_gate, flight.key, gate))
        if flight.key in self.fixed.gates_at:
            return
        if self.chance(GATE_ASSIGNED):
            self.plan_gate(flight, took_off - timedelta(minutes=self.rng.randint(65, 130)))
        if self.chance(GATE_CHANGED_AGAIN):
            self.plan_gate(flight, took_off - timedelta(minutes=self.rng.randint(18, 50)))

    def plan_gate(self, flight: Flight, moment: datetime) -> None:
        """Another gate in the same terminal, at `moment`."""
        gate = any_gate(flight.origin, flight.real.split()[0], self.rng)
        self.sim.at(moment, partial(self.change_gate, flight.key, gate))

    def change_gate(self, key: Key, gate: str) -> None:
        """Change it unless there is nothing to change any more."""
        if self.sim.is_open(key) and self.sim.flights[key].gate != gate:
            self.sim.change_gate(key, gate)

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return self.rng.random() < probability

    def seconds(self) -> int:
        """Within a minute."""
        return self.rng.randint(0, 59)


def five_minutes(length: timedelta) -> timedelta:
    """`length` cut to a multiple of five minutes, as departure boards show it."""
    return timedelta(minutes=length // timedelta(minutes=5) * 5)
