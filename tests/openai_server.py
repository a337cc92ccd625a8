"""A local server that speaks the OpenAI chat protocol, for tests: good models and bad ones.

The model's name chooses the behaviour: `openai/hangs` with this server as OPENAI_API_BASE hangs.
A name that is none of those is a good model. By hand: `python -m tests.openai_server`.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
Event = dict[str, Any] | bytes
"""A chunk of the protocol, or bytes to be sent as they are."""

ORDER = "call "  # a line "call NAME {JSON}" of a question makes the good model call that tool
KNOWN = "The tool says: "
LONG_WAIT_S = 60.0


class BrokenOffError(Exception):
    """The server drops the connection in mid-stream."""


class OpenAIServer(ThreadingHTTPServer):
    """Listens on a free port of this machine and remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[Body] = []
        self.keys: list[str] = []
        self.closing = threading.Event()

    @property
    def base_url(self) -> str:
        """What OPENAI_API_BASE is set to."""
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error; anything else is."""
        if not isinstance(sys.exception(), ConnectionError | BrokenOffError):
            super().handle_error(request, client_address)


@contextmanager
def serving() -> Iterator[OpenAIServer]:
    """A running server; at the end those that hang are let go."""
    server = OpenAIServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: OpenAIServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.server.requests.append(body)
        self.server.keys.append(key)
        if status := ERRORS.get(body["model"]):
            # Providers quote the key they refuse; so does this one, with every error.
            self._send_error(status, f"Incorrect API key provided: {key}")
        else:
            self._stream(body, BEHAVIOURS.get(body["model"], says))

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def _send_error(self, status: int, message: str) -> None:
        text = json.dumps({"error": {"message": message, "type": "error", "code": None}}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _stream(self, body: Body, behaviour: Behaviour) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in behaviour(body, self.server.closing):
            raw = event if isinstance(event, bytes) else b"data: " + json.dumps(event).encode()
            self._send_piece(raw + b"\n\n")
        self._send_piece(b"")

    def _send_piece(self, piece: bytes) -> None:
        self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")


# --- behaviours -----------------------------------------------------------------------------------

Behaviour = Callable[[Body, threading.Event], Iterator[Event]]


def says(body: Body, _: threading.Event) -> Iterator[Event]:
    """A good model: does what `ORDER` lines tell it, tells what tools said, else says it again."""
    last = body["messages"][-1]
    text = str(last["content"])
    orders = [line for line in text.splitlines() if line.startswith(ORDER)]
    if last["role"] == "tool":
        yield from words(KNOWN + text)
        yield from end(body)
    elif orders:
        for place, line in enumerate(orders):
            name, arguments = line.removeprefix(ORDER).split(" ", 1)
            yield from call(place, f"call-{place}", name, arguments)
        yield from end(body, "tool_calls")
    else:
        yield from words(text)
        yield from end(body)


def in_turn(body: Body, _: threading.Event) -> Iterator[Event]:
    """Does what the `ORDER` lines of the question say, one a step; then tells what all gave."""
    messages = body["messages"]
    asked = max(place for place, one in enumerate(messages) if one["role"] == "user")
    lines = str(messages[asked]["content"]).splitlines()
    orders = [line.removeprefix(ORDER) for line in lines if line.startswith(ORDER)]
    gave = [str(one["content"]) for one in messages[asked:] if one["role"] == "tool"]
    if len(gave) < len(orders):
        name, arguments = orders[len(gave)].split(" ", 1)
        yield from call(0, f"call-{len(gave)}", name, arguments)
        yield from end(body, "tool_calls")
    else:
        yield from words(KNOWN + " ".join(gave))
        yield from end(body)


def loops(body: Body, _: threading.Event) -> Iterator[Event]:
    """Calls the first tool it was offered, for ever."""
    name = body["tools"][0]["function"]["name"] if body.get("tools") else "anything"
    yield from call(0, f"call-{len(body['messages'])}", name, "{}")
    yield from end(body, "tool_calls")


def unknown_tool(body: Body, _: threading.Event) -> Iterator[Event]:
    """Calls a tool that nobody offered."""
    yield from call(0, "call-0", "open_pod_bay_doors", '{"pod": 1}')
    yield from end(body, "tool_calls")


def bad_arguments(body: Body, _: threading.Event) -> Iterator[Event]:
    """Calls tools with what is no JSON object; the last call is good."""
    bad = ['{"flight": "BE2', "[1]", '{"x": NaN}', '{"x": "\\ud800"}', "[" * 5000, "{}"]
    for place, arguments in enumerate(bad):
        yield from call(place, f"call-{place}", "look_up", arguments)
    yield from end(body, "tool_calls")


def all_calls_zero(body: Body, _: threading.Event) -> Iterator[Event]:
    """Numbers both its calls 0, as some servers do, and repeats the name in every fragment."""
    for number in (1, 2):
        for piece in ('{"number"', f": {number}}}"):
            function = {"name": "look_up", "arguments": piece}
            yield chunk({"tool_calls": [{"index": 0, "id": f"id-{number}", "function": function}]})
    yield from end(body, "tool_calls")


def no_usage(body: Body, _: threading.Event) -> Iterator[Event]:
    """Does not say what it used."""
    yield from words(str(body["messages"][-1]["content"]))
    yield chunk({}, "stop")


def empty(body: Body, _: threading.Event) -> Iterator[Event]:
    """Ends before it says anything."""
    yield from end(body)


def endless(_: Body, closing: threading.Event) -> Iterator[Event]:
    """Does not stop."""
    number = 0
    while not closing.is_set():
        number += 1
        yield chunk({"content": f"and {number} more things, "})


def hangs(_: Body, closing: threading.Event) -> Iterator[Event]:
    """Answers nothing."""
    closing.wait(LONG_WAIT_S)
    yield from ()


def hangs_midway(_: Body, closing: threading.Event) -> Iterator[Event]:
    """Begins, then answers nothing more."""
    yield from words("Your flight is")
    closing.wait(LONG_WAIT_S)


def slow(_: Body, closing: threading.Event) -> Iterator[Event]:
    """Comes to no end in any time that one has."""
    number = 0
    while not closing.wait(0.05):
        number += 1
        yield chunk({"content": f"{number} "})


def breaks_off(_: Body, __: threading.Event) -> Iterator[Event]:
    """Begins, then the connection is gone."""
    yield from words("Your flight is")
    raise BrokenOffError


def stops(_: Body, __: threading.Event) -> Iterator[Event]:
    """Begins, then ends the response without an end of the answer."""
    yield from words("Your flight is")


def garbage(_: Body, __: threading.Event) -> Iterator[Event]:
    """Sends bytes that are no protocol."""
    yield b"<html>\xff\xfe\x00 502 Bad Gateway</html>"


def garbage_events(_: Body, __: threading.Event) -> Iterator[Event]:
    """Sends events that are no JSON."""
    yield from words("Your flight is")
    yield b'data: {"choices": [{"delta'


def garbage_shape(_: Body, __: threading.Event) -> Iterator[Event]:
    """Sends JSON that is no chunk."""
    yield {"choices": [{"index": 0, "delta": {"content": {"text": ["no"]}}}]}


def surrogates(body: Body, _: threading.Event) -> Iterator[Event]:
    """Says half a character."""
    yield chunk({"content": "Hello \ud83d there"})
    yield from end(body)


BEHAVIOURS: dict[str, Behaviour] = {
    "says": says,
    "in-turn": in_turn,
    "loops": loops,
    "unknown-tool": unknown_tool,
    "bad-arguments": bad_arguments,
    "all-calls-zero": all_calls_zero,
    "no-usage": no_usage,
    "empty": empty,
    "endless": endless,
    "hangs": hangs,
    "hangs-midway": hangs_midway,
    "slow": slow,
    "breaks-off": breaks_off,
    "stops": stops,
    "garbage": garbage,
    "garbage-events": garbage_events,
    "garbage-shape": garbage_shape,
    "surrogates": surrogates,
}
ERRORS = {f"status-{status}": status for status in (400, 401, 403, 404, 429, 500, 503)}


# --- the protocol ---------------------------------------------------------------------------------


def chunk(delta: Body, finish_reason: str | None = None) -> Body:
    """One event of a stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return _frame([choice])


def words(text: str) -> Iterator[Body]:
    """A text, a word an event."""
    for number, word in enumerate(text.split(" ")):
        yield chunk({"content": f" {word}" if number else word})


def call(index: int, identity: str, name: str, arguments: str) -> Iterator[Body]:
    """A tool call whose arguments come in three fragments."""
    begin = {"index": index, "id": identity, "type": "function"}
    yield chunk({"tool_calls": [begin | {"function": {"name": name, "arguments": ""}}]})
    third = len(arguments) // 3 + 1
    for start in range(0, len(arguments), third):
        piece = {"arguments": arguments[start : start + third]}
        yield chunk({"tool_calls": [{"index": index, "function": piece}]})


def end(body: Body, finish_reason: str = "stop") -> Iterator[Event]:
    """The end of an answer, with what it used if that was asked for: a token a message, and 7."""
    yield chunk({}, finish_reason)
    if (body.get("stream_options") or {}).get("include_usage"):
        prompt = len(body["messages"])
        usage = {"prompt_tokens": prompt, "completion_tokens": 7, "total_tokens": prompt + 7}
        yield _frame([]) | {"usage": usage}
    yield b"data: [DONE]"


def _frame(choices: list[Body]) -> Body:
    kind = "chat.completion.chunk"
    return {"id": "1", "object": kind, "created": 0, "model": "local", "choices": choices}


if __name__ == "__main__":
    with serving() as running:
        sys.stdout.write(f"{running.base_url}  models: {', '.join([*BEHAVIOURS, *ERRORS])}\n")
        sys.stdout.flush()
        threading.Event().wait()
