"""What each Python child of the supervisor runs: `python -m pipeline child NAME`.

Wiring: opens the record and the stores from the settings and hands them to the one module that
does the work. A child stops on SIGTERM and when its supervisor is gone. Each imports only what its
own work needs: seven processes that all hold every library would not fit a small laptop.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeline.engine import brokers_of, stop_with_parent
from pipeline.schema import ARMS, Arm, Database, database
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.loading import State
    from pipeline.store import ContextStore


def run(name: str, settings: Settings, *, supervised: bool = True) -> None:
    """Run one child until it is told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    faulthandler.enable()  # the broker's client, the store and the encoder are native code
    stop = threading.Event()
    if supervised:
        stop_with_parent(settings.airline_home, stop, lambda: os.kill(os.getpid(), signal.SIGTERM))
    CHILDREN[name](settings, stop)


def store(settings: Settings, arm: Arm) -> ContextStore:
    """The store of one arm, as the settings name it."""
    from pipeline.store import ContextStore

    return ContextStore(settings.stores, arm, settings.embedder)


def open_state(settings: Settings) -> State:
    """Everything of this state folder that a load fills and a reset puts back."""
    from pipeline.loading import State

    stores = [store(settings, arm) for arm in ARMS]
    return State(database(settings.database), stores, settings.airline_home)


def ready(record: Database, name: str) -> None:
    """Say that this child does its work now; `status` reads it."""
    record.put(f"ready/{name}", os.getpid())


def _stop_on_signal(stop: threading.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())


def _relay(settings: Settings, stop: threading.Event) -> None:
    from pipeline.relay import Relay

    _stop_on_signal(stop)
    record = database(settings.database)
    relay = Relay(record, brokers_of(settings), settings.topic_partitions)
    ready(record, "relay")
    relay.serve(stop)


def _stream(settings: Settings, stop: threading.Event) -> None:
    from pipeline.embed import encoder
    from pipeline.stream import ContextSink, Worker

    # No signal handlers of ours: Quix Streams installs its own.
    record = database(settings.database)
    model = encoder(settings.embedder)
    model.encode(["warm up"])
    while not record.get("loaded"):
        if stop.wait(0.05):
            return
    worker = Worker(
        ContextSink(record, store(settings, "stream"), model, settings.airline_home),
        brokers=brokers_of(settings),
        state=settings.airline_home / "quix",
        partitions=settings.topic_partitions,
        on_ready=lambda: ready(record, "stream"),
    )
    worker.run(stop)


def _aggregates(settings: Settings, stop: threading.Event) -> None:
    from pipeline.aggregates import Aggregator

    # A report has seconds, the context milliseconds. No signal handlers of ours, as above.
    if hasattr(os, "nice"):
        os.nice(15)
    record = database(settings.database)
    aggregator = Aggregator(
        record,
        home=settings.airline_home,
        brokers=brokers_of(settings),
        partitions=settings.topic_partitions,
    )
    # It reads the topic from its beginning: what is fired from now on is counted.
    ready(record, "aggregates")
    aggregator.run(stop)


def _batch(settings: Settings, stop: threading.Event) -> None:
    from pipeline.batch.schedule import serve

    # SIGTERM may simply end it: a run that was cut off is started over by the next batch process.
    record = database(settings.database)
    ready(record, "batch")
    serve(settings, stop)


def _replay(settings: Settings, stop: threading.Event) -> None:
    from pipeline.fire import Door
    from pipeline.replay import Player

    _stop_on_signal(stop)
    record = database(settings.database)
    player = Player(record, Door(record, brokers_of(settings)))
    ready(record, "replay")
    player.serve(stop)


CHILDREN: dict[str, Callable[[Settings, threading.Event], None]] = {
    "relay": _relay,
    "stream": _stream,
    "aggregates": _aggregates,
    "batch": _batch,
    "replay": _replay,
}
