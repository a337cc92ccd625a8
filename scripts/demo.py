"""Set up, then start the app: `make demo`. The port is PORT, else the first free one from 8501.

The app finds a running engine or starts one; this script knows nothing of it.
"""

import os
import socket
import sys

from scripts import bootstrap
from scripts.bootstrap import ROOT, SetupError, say

ADDRESS = "127.0.0.1"
FIRST_PORT = 8501
PORTS_TRIED = 50
LAST_PORT = 65535


def choose_port(wanted: str | None) -> int:
    """The port asked for, or the first free one. Raises SetupError with one clear line."""
    first = parse_port(wanted) if wanted else FIRST_PORT
    port = next(
        (p for p in range(first, min(first + PORTS_TRIED, LAST_PORT + 1)) if is_free(p)), None
    )
    if port is None:
        raise SetupError(
            f"Ports {first} to {first + PORTS_TRIED - 1} are in use; choose: make demo PORT=9000"
        )
    if port != first:
        say(f"Port {first} is in use; taking {port}. To choose one: make demo PORT=9000")
    return port


def parse_port(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= LAST_PORT:
        return int(text)
    raise SetupError(f"PORT={text} is not a port; it must be a number from 1 to {LAST_PORT}.")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(os.name != "nt"))
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
    return True


def check_broker() -> None:
    """The embedded broker has no build for Windows; say so before a long installation."""
    if os.name != "nt" or "KAFKA_BROKERS" in os.environ:
        return
    settings = ROOT / ".env"
    if not (settings.exists() and "KAFKA_BROKERS=" in settings.read_text(encoding="utf-8")):
        raise SetupError(
            "The embedded broker has no Windows build: use WSL, or set KAFKA_BROKERS to a cluster."
        )


def main() -> int:
    """Returns only where it fails: else the process becomes the program that it starts."""
    try:
        check_broker()
        python = bootstrap.ready(dev=False)
        port = choose_port(os.environ.get("PORT"))
    except (SetupError, OSError) as error:
        print(bootstrap.one_line(error), file=sys.stderr)
        return 1
    say(f"Starting the app at http://{ADDRESS}:{port} (Ctrl-C stops it and the engine).")
    os.chdir(ROOT)
    return os.execv(
        python, [str(python), "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    )


if __name__ == "__main__":
    sys.exit(main())
