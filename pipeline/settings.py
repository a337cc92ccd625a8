"""Every setting of the product, read once from the environment and `.env`.

Not the place for what a user changes while the demo runs (batch interval, clock factor, traffic):
those live in the record's control table, where every process sees them at once.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent

# These must be set before the libraries that read them are imported. The product works offline,
# and a library that asks a hub or a price list at import would hang a demo on a dead network.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
# Else LiteLLM takes keys from whatever .env it finds above the folder it is installed in.
os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


class Settings(BaseSettings):
    """Frozen settings. Each field is an environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(
        env_file=ROOT / ".env", env_file_encoding="utf-8", extra="ignore", frozen=True
    )

    airline_home: Path = Field(default=ROOT / ".airline", description="the one state folder")
    world: Path = Field(default=ROOT / "data" / "world", description="world folder loaded first")
    replay: Path = Field(default=ROOT / "data" / "replay", description="folder of replayed days")
    home_zone: str = Field(default="America/New_York", description="zone of the airline clock")
    database_url: str = Field(default="", description="system of record; empty: SQLite")
    lancedb_uri: str = Field(default="", description="context stores; empty: in AIRLINE_HOME")
    kafka_brokers: str = Field(default="", description="host:port,…; empty: the embedded broker")
    broker_port: int = Field(default=0, description="embedded broker's port; 0: any free one")
    topic_partitions: int = Field(default=4, ge=1, description="partitions of the event topic")
    embedder: str = Field(default="minilm-int8", description="minilm-int8 or minilm-fp32")
    agent_model: str = Field(default="airline/offline", description="LiteLLM model string")
    agent_api_base: str = Field(default="", description="URL of AGENT_MODEL's own server")
    agent_api_key: SecretStr = Field(default=SecretStr(""), description="key of AGENT_MODEL")
    agent_session_turns: int = Field(default=200, ge=0, description="questions a session; 0: any")
    agent_session_tokens: int = Field(default=1_000_000, ge=0, description="tokens a session")
    agent_session_seconds: float = Field(default=3_600, ge=0, description="model time a session")
    agent_session_usd: float = Field(default=2.0, ge=0, description="money a session")
    agent_process_turns: int = Field(default=5_000, ge=0, description="questions a process")
    agent_process_tokens: int = Field(default=20_000_000, ge=0, description="tokens a process")
    agent_process_seconds: float = Field(default=36_000, ge=0, description="model time a process")
    agent_process_usd: float = Field(default=20.0, ge=0, description="money a process")
    batch_interval_h: float = Field(default=6.0, gt=0, description="airline hours between batches")
    clock_factor: float = Field(default=180.0, gt=0, description="airline seconds a wall second")
    clock_opens: str = Field(
        default="05:00", pattern=r"^\d\d:\d\d$", description="airline time of the first start"
    )
    autoplay: bool = Field(default=True, description="the clock runs from the first start on")

    @property
    def database(self) -> str:
        """SQLAlchemy URL of the system of record."""
        return self.database_url or f"sqlite:///{self.airline_home / 'record.sqlite'}"

    @property
    def stores(self) -> str:
        """URI of the LanceDB database that holds both context tables."""
        return self.lancedb_uri or str(self.airline_home / "lancedb")

    @property
    def lake(self) -> Path:
        """Folder of the bronze, silver and gold Parquet files."""
        return self.airline_home / "lake"

    @property
    def logs(self) -> Path:
        """Folder of one log file a child process."""
        return self.airline_home / "logs"


@cache
def settings() -> Settings:
    """The settings of this process, read at the first call."""
    return Settings()
