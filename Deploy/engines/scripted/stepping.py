#!/usr/bin/env python3
"""An engine that batches: llama.cpp's HTTP routes without a model, one thread, all answers a token on in each step.

usage: stepping.py SCRIPT      a JSON object; every key may be left out:

  port               port to listen on; 0 (default) for any
  itl_ms             time between two steps; default 0: a step follows the one before at once
  ttft_ms            time from a request to the step that may bring its first token; default 0
  slots              answers generated at once; the others wait; default 1
  context_tokens     longest prompt and answer; default 8192

For measuring what serving costs under load: server.py takes a thread and about a millisecond for each request, this some
tens of microseconds. Keys and model are those of server.py: the token after t is t + 1, and is the text " t<number>".
"""
import json
import os
import selectors
import socket
import sys
import time
from collections import deque

# Started apart from the user's modules (-I), Python does not look beside the program.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server import STARTED, token_text, tokens_of

VOCABULARY = 8192


class Answer:
    """One request's stream."""

    def __init__(self, connection, body, prompt, due, room):
        self.connection = connection
        self.prompt_count = len(prompt)
        wanted = body.get("n_predict", -1)
        self.wanted = room if wanted < 0 else min(wanted, room)
        self.token = prompt[-1] if prompt else 0
        self.count = 0
        self.due = due


class Connection:
    def __init__(self, socket):
        self.socket = socket
        self.received = b""
        self.unsent = b""


class Engine:
    def __init__(self, settings):
        known = dict(port=0, itl_ms=0, ttft_ms=0, slots=1, context_tokens=8192)
        unknown = set(settings) - set(known)
        if unknown:
            sys.exit(f"stepping.py: no such script key: {', '.join(sorted(unknown))}")
        self.__dict__.update(known, **settings)
        self.selector = selectors.DefaultSelector()
        self.waiting = deque()
        self.running = []

    def serve(self):
        listener = socket.create_server(("127.0.0.1", self.port), backlog=512)
        listener.setblocking(False)
        self.selector.register(listener, selectors.EVENT_READ, None)
        print(f"READY http://127.0.0.1:{listener.getsockname()[1]} {time.monotonic() - STARTED:.3f}", flush=True)
        next_step = time.monotonic()
        while True:
            now = time.monotonic()
            timeout = max(0, next_step - now) if self.running or self.waiting else None
            for key, mask in self.selector.select(timeout):
                if key.data is None:
                    self.accept(listener)
                elif mask & selectors.EVENT_READ:
                    self.read(key.data)
                elif mask & selectors.EVENT_WRITE:
                    self.write(key.data, b"")
            now = time.monotonic()
            if now < next_step:
                continue
            self.step(now)
            next_step = max(next_step + self.itl_ms / 1e3, now)

    def accept(self, listener):
        client, _ = listener.accept()
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.selector.register(client, selectors.EVENT_READ, Connection(client))

    def close(self, connection):
        self.selector.unregister(connection.socket)
        connection.socket.close()
        connection.socket = None

    def read(self, connection):
        try:
            bytes = connection.socket.recv(1 << 16)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            bytes = b""
        if not bytes:
            return self.close(connection)
        connection.received += bytes
        head, mark, rest = connection.received.partition(b"\r\n\r\n")
        if not mark:
            return
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if len(rest) < length:
            return
        connection.received = rest[length:]
        method, path, _ = head.split(b" ", 2)
        self.answer(connection, path.decode(), rest[:length])

    def answer(self, connection, path, content):
        body = json.loads(content) if content else {}
        if path in ("/completion", "/completions"):
            prompt = body.get("prompt", [])
            if isinstance(prompt, str):
                prompt = tokens_of(prompt, VOCABULARY)
            room = self.context_tokens - len(prompt)
            if room <= 0:
                return self.say(connection, 400, {"error": {
                    "code": 400, "message": "the prompt exceeds the context", "type": "exceed_context_size_error",
                    "n_prompt_tokens": len(prompt), "n_ctx": self.context_tokens}})
            due = time.monotonic() + self.ttft_ms / 1e3
            return self.waiting.append(Answer(connection, body, prompt, due, room))
        if path == "/health":
            return self.say(connection, 200, {"status": "ok"})
        if path == "/props":
            return self.say(connection, 200, {
                "total_slots": self.slots, "default_generation_settings": {"n_ctx": self.context_tokens}})
        if path == "/slots":
            slots = [{"id": slot, "n_ctx": self.context_tokens} for slot in range(self.slots)]
            return self.say(connection, 200, slots)
        if path == "/tokenize":
            return self.say(connection, 200, {"tokens": tokens_of(body.get("content", ""), VOCABULARY)})
        self.say(connection, 404, {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}})

    def say(self, connection, status, value):
        content = json.dumps(value).encode()
        head = f"HTTP/1.1 {status} Scripted\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        self.write(connection, head.encode() + content)

    def write(self, connection, bytes):
        """Sends what the socket takes; the rest when it takes more."""
        if connection.socket is None:
            return
        connection.unsent += bytes
        try:
            connection.unsent = connection.unsent[connection.socket.send(connection.unsent):]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            return self.close(connection)
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.unsent else 0)
        if self.selector.get_key(connection.socket).events != events:
            self.selector.modify(connection.socket, events, connection)

    def step(self, now):
        while self.waiting and len(self.running) < self.slots:
            self.running.append(self.waiting.popleft())
        still = []
        for answer in self.running:
            if answer.connection.socket is None:
                continue
            if now >= answer.due:
                self.go_on(answer)
            if answer.count < answer.wanted:
                still.append(answer)
        self.running = still

    HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

    def go_on(self, answer):
        bytes = self.HEAD if answer.count == 0 else b""
        if answer.count < answer.wanted:
            answer.token = (answer.token + 1) % VOCABULARY
            answer.count += 1
            bytes += self.event(
                '{"index": 0, "content": "%s", "tokens": [%d], "stop": false, "id_slot": 0, "tokens_predicted": %d, '
                '"tokens_evaluated": %d}' % (token_text(answer.token), answer.token, answer.count, answer.prompt_count))
        if answer.count == answer.wanted:
            bytes += self.event(json.dumps({
                "index": 0, "content": "", "tokens": [], "stop": True, "tokens_predicted": answer.count,
                "tokens_evaluated": answer.prompt_count, "stop_type": "limit",
                "timings": {"cache_n": 0, "prompt_n": answer.prompt_count}}))
            bytes += b"0\r\n\r\n"
        self.write(answer.connection, bytes)

    @staticmethod
    def event(json):
        data = b"data: %s\n\n" % json.encode()
        return b"%x\r\n%s\r\n" % (len(data), data)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    Engine(json.loads(sys.argv[1])).serve()


if __name__ == "__main__":
    main()
