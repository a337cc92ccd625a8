"""What this server runs on, in words: which part is in use, and which variable of `.env` names it.

Pure, and without secrets: a key is never said, nor the password in a URL.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.engine import make_url

from pipeline.settings import ROOT, Settings


@dataclass(frozen=True)
class Part:
    """One part: its name, what is in use, the variable that changes it, and what that needs."""

    name: str
    used: str
    variable: str
    needs: str


def parts(settings: Settings) -> list[Part]:
    """Every part that a restart is needed to change."""
    restart, over = "a restart", "a restart, and an empty state folder"
    return [
        Part(
            "Broker",
            settings.kafka_brokers or "the embedded one (Tansu, Kafka's protocol, in memory)",
            "KAFKA_BROKERS",
            restart,
        ),
        Part("Record", _short(_without_password(settings.database)), "DATABASE_URL", over),
        Part("Context stores", _short(_stores(settings)), "LANCEDB_URI", over),
        Part("Embedder", settings.embedder, "EMBEDDER", over),
        Part("World", _short(str(settings.world)), "WORLD", over),
        Part("State folder", _short(str(settings.airline_home)), "AIRLINE_HOME", restart),
    ]


def _short(place: str) -> str:
    """A path inside the project from there on, as it may be written in `.env`."""
    return place.replace(f"{ROOT}/", "")


def _without_password(url: str) -> str:
    return make_url(url).render_as_string(hide_password=True)


def _stores(settings: Settings) -> str:
    """The URI without its query, which may carry credentials of an object store."""
    return f"LanceDB in {settings.stores.split('?')[0]}"
