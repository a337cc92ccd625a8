"""What the door to models costs: a call through `llm` against a bare HTTP call, same server.

The server is a local one with one canned answer of the OpenAI protocol, so that what is measured is
LiteLLM and ours, no model. Both kinds of call keep their connection and read the whole stream. By
hand: `python -m agent.evals.model_call`.
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from agent import llm
from agent.offline import MODEL as OFFLINE
from pipeline.settings import ROOT

MUST_MS = 30.0  # what the door may add
REPETITIONS = 40

_ANSWER = "Your flight BE 212 to Boston leaves on time, at half past three, from gate B7."
_MESSAGES = [{"role": "user", "content": "Is my flight on time?"}]
_MODEL = "canned"
_WARM_UP = 3


def overhead_ms() -> dict[str, float]:
    """Medians in wall milliseconds: {bare_ms, through_llm_ms, added_ms}.

    It measures in a process of its own, whose settings name the canned server and nothing else.

    Raises:
        RuntimeError: the calls through `llm` were not answered by the server.
    """
    with _canned() as base:
        surroundings = {"OPENAI_API_BASE": base, "OPENAI_BASE_URL": base, "OPENAI_API_KEY": "none"}
        surroundings |= {"AGENT_MODEL": OFFLINE, "AGENT_API_BASE": "", "AGENT_API_KEY": ""}
        found = subprocess.run(
            [sys.executable, "-m", "agent.evals.model_call", base],
            env=os.environ | surroundings,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            check=False,
        )
    if found.returncode:
        raise RuntimeError("the model call could not be measured")
    measured: dict[str, float] = json.loads(found.stdout)
    return measured


def _measure(base: str) -> dict[str, float]:
    """The two kinds of call take turns, so that a busy moment hits both."""
    llm.warm()
    bare, through = [], []
    url = urlsplit(base)
    with closing(http.client.HTTPConnection(str(url.hostname), url.port)) as connection:
        for _ in range(REPETITIONS + _WARM_UP):
            bare.append(_timed(lambda: _ask_bare(connection, url.path)))
            through.append(_timed(_ask_through_llm))
    medians = [statistics.median(found[_WARM_UP:]) for found in (bare, through)]
    return {
        "bare_ms": round(medians[0], 2),
        "through_llm_ms": round(medians[1], 2),
        "added_ms": round(medians[1] - medians[0], 2),
    }


def _ask_bare(connection: http.client.HTTPConnection, path: str) -> None:
    body = json.dumps({"model": _MODEL, "messages": _MESSAGES, "stream": True})
    headers = {"Content-Type": "application/json", "Authorization": "Bearer none"}
    connection.request("POST", f"{path}/chat/completions", body, headers)
    connection.getresponse().read()


def _ask_through_llm() -> None:
    said = llm.complete(_MESSAGES, f"openai/{_MODEL}")
    if said.text != _ANSWER:
        raise RuntimeError(f"not the canned answer: {said.fallback}")


def _timed(call: Callable[[], None]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


# --- the canned server ----------------------------------------------------------------------------


@contextmanager
def _canned() -> Iterator[str]:
    """A server that gives every question the same answer; its base URL."""
    with _Server(("127.0.0.1", 0), _Canned) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up after the last word is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Canned(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in [*map(json.dumps, _chunks()), "[DONE]", None]:
            piece = b"" if event is None else f"data: {event}\n\n".encode()
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")

    def log_message(self, *_: object) -> None:
        """Quiet."""


def _chunks() -> Iterator[dict[str, Any]]:
    begin: dict[str, Any] = {"id": "1", "object": "chat.completion.chunk", "created": 0}
    begin["model"] = _MODEL
    for word in _ANSWER.split(" "):
        delta = {"content": word if word == _ANSWER.split(" ", 1)[0] else f" {word}"}
        yield begin | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield begin | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    usage = {"prompt_tokens": 6, "completion_tokens": 18, "total_tokens": 24}
    yield begin | {"choices": [], "usage": usage}


if __name__ == "__main__":
    figures = _measure(sys.argv[1]) if len(sys.argv) > 1 else overhead_ms()
    sys.stdout.write(json.dumps(figures) + "\n")
