#!/usr/bin/env python3
"""An engine that does what a script says: llama.cpp's HTTP routes without a model, for tests and for measuring overhead.

usage: server.py SCRIPT        a JSON object; every key may be left out:

  port               port to listen on; 0 (default) for any
  announce           print `READY <url> <seconds>` when ready; default true
  load_ms            time from the start to readiness; /health answers 503 before
  ttft_ms, itl_ms    time to the first token and between tokens
  prefill_us_per_token  added to the first token's time for each prompt token not in the prefix cache
  slots              requests served at once; the others wait; default 1
  gather             answers begin when so many requests have come together; default 1
  claimed_slots      what /props and /slots say in place of `slots`
  context_tokens     longest prompt; a longer one is answered with 400 as llama.cpp does; default 8192
  vocabulary         token ids are 0..<vocabulary; default 8192
  tokens_per_chunk   tokens in one event of the stream, as with speculation; default 1
  draft_acceptance   0...1: report drafted and accepted tokens with this share
  fail_start         exit with this status before readiness, after a line on standard error
  die_after_tokens   end by a signal (die_signal, default SIGSEGV) after so many tokens in all
  hang               "start": never get ready; "request": accept requests and never answer;
                     "stream": stop in the middle of every answer
  eat_mb_per_s       take so much more memory every second from readiness on
  eat_mb_at_once     take so much memory at a completion, as fast as it can be written
  endless            true: every completion goes on until its client leaves, however few tokens it asked for
  garbage            answer completions with events that are not JSON
  refuse             answer every completion with 500
  ignore_sigterm     true: only SIGKILL ends it
  certainty, runner_up   probability of the token after t being t + 1, and t + 2; default 0.6 and 0.3. All other
                     tokens share the rest equally; the most probable one is generated
  slip_every         where the last token is a multiple of this, the two change their probabilities
  logprobs           false: give no log-probabilities, whatever `n_probs` asks for; default true
  forcible           false: do not heed `logit_bias`; default true
  restored_prompt    the prefix cache holds this text at the start, as a restored slot would
  tool_template      false: /props says that the chat template has no place for tools; default true
  child              start a child that ignores SIGTERM and sleeps, as an engine with helper processes would

The model counts: the token after t is t + 1 (modulo the vocabulary) unless the script says otherwise, so any output can
be checked, and an answer continued after its own first tokens is the same answer. Token t is the text " t<number>". An
answer ends where its context is full, and at a text of `stop` that lies within one event.

OpenAI's /v1/models, /v1/completions and /v1/chat/completions answer too, always as a stream, so that it can stand for a
server that somebody else started: of the keys above ttft_ms, itl_ms, slots, vocabulary and refuse count for them. A
chat with tools, one of which must be called, gets a call of the first whose arguments count: {"t": " t8 t9"}. When a
client goes away in the middle of a stream, the engine stops to generate and says so on standard error.
"""
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STARTED = time.monotonic()


class Script:
    def __init__(self, settings):
        known = dict(
            port=0, announce=True, load_ms=0, ttft_ms=0, itl_ms=0, prefill_us_per_token=0, slots=1,
            gather=1, claimed_slots=None, context_tokens=8192, vocabulary=8192, tokens_per_chunk=1, draft_acceptance=None, fail_start=None,
            die_after_tokens=None, die_signal=int(signal.SIGSEGV), hang=None, eat_mb_per_s=0, eat_mb_at_once=0, endless=False, garbage=False,
            refuse=False, ignore_sigterm=False, child=False, certainty=0.6, runner_up=0.3, slip_every=0, logprobs=True,
            forcible=True, restored_prompt="", tool_template=True)
        unknown = set(settings) - set(known)
        if unknown:
            sys.exit(f"server.py: no such script key: {', '.join(sorted(unknown))}")
        self.__dict__.update(known, **settings)
        self.free_slots = threading.Semaphore(self.slots)
        self.gathering = threading.Barrier(self.gather)
        self.lock = threading.Lock()
        self.token_count = 0
        self.last_prompt = tokens_of(self.restored_prompt, self.vocabulary)
        # What /metrics says, by llama.cpp's names.
        self.counters = dict.fromkeys(
            ("prompt_tokens", "prompt_tokens_cached", "tokens_predicted", "n_decode", "spec_decode_num_draft_tokens",
             "spec_decode_num_accepted_tokens"), 0)
        self.running = 0
        self.busy_sum = 0

    def count(self, **amounts):
        with self.lock:
            for name, amount in amounts.items():
                self.counters[name] += amount

    def count_step(self):
        with self.lock:
            self.counters["n_decode"] += 1
            self.busy_sum += self.running

    def metrics(self):
        with self.lock:
            lines = [f"# TYPE llamacpp:{name}_total counter\nllamacpp:{name}_total {value}"
                     for name, value in self.counters.items()]
            mean = self.busy_sum / max(1, self.counters["n_decode"])
            lines.append(f"# TYPE llamacpp:n_busy_slots_per_decode gauge\nllamacpp:n_busy_slots_per_decode {mean:.6g}")
        return "\n".join(lines) + "\n"

    def count_tokens(self, count):
        with self.lock:
            self.token_count += count
            is_over = self.die_after_tokens is not None and self.token_count >= self.die_after_tokens
        if is_over:
            print("scripted engine: dying as told", file=sys.stderr, flush=True)
            os.kill(os.getpid(), self.die_signal)
            time.sleep(60)

    def probabilities(self, last):
        """The two likely tokens after `last`, and the probability of each; and of any other token."""
        likely = [(last + 1) % self.vocabulary, (last + 2) % self.vocabulary]
        chances = [self.certainty, self.runner_up]
        if self.slip_every and last % self.slip_every == 0:
            chances.reverse()
        return dict(zip(likely, chances)), max(0, 1 - sum(chances)) / (self.vocabulary - 2)

    def next_token(self, last, bias):
        likely, _ = self.probabilities(last)
        if bias and self.forcible:
            return max(bias, key=lambda pair: pair[1])[0]
        return max(likely, key=lambda token: likely[token])

    def place(self, last, token, count):
        """What llama.cpp says of a generated token: its log-probability, and those of the `count` most probable ones."""
        likely, other = self.probabilities(last)
        logarithm = lambda chance: math.log(chance) if chance > 0 else -3.4028234663852886e38
        entry = lambda t: {"id": t, "token": token_text(t), "bytes": [], "logprob": logarithm(likely.get(t, other))}
        ranked = sorted(likely, key=lambda t: -likely[t])
        ranked += [t for t in range(min(self.vocabulary, count + 2)) if t not in likely]
        return {**entry(token), "top_logprobs": [entry(t) for t in ranked[:count]]}

    def cached_prefix(self, prompt):
        with self.lock:
            shared = 0
            for old, new in zip(self.last_prompt, prompt):
                if old != new:
                    break
                shared += 1
            self.last_prompt = prompt
        return min(shared, max(0, len(prompt) - 1))


def token_text(token):
    return f" t{token}"


def tokens_of(text, vocabulary):
    """Words of the model's own output give their numbers back; any other word gives the sum of its bytes."""
    found = []
    for word in text.split():
        own = word[1:] if word.startswith("t") and word[1:].isdigit() else None
        found.append((int(own) if own else sum(word.encode())) % vocabulary)
    return found


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script = None

    def log_message(self, format, *arguments):
        print("scripted engine:", format % arguments, file=sys.stderr, flush=True)

    def answer(self, value, status=200):
        self.answer_bytes(json.dumps(value).encode(), "application/json; charset=utf-8", status)

    def answer_bytes(self, body, kind, status=200):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status, kind, message, **more):
        self.close_connection = True
        self.answer({"error": {"code": status, "message": message, "type": kind, **more}}, status)

    def do_GET(self):
        if self.path == "/health":
            if (time.monotonic() - STARTED) * 1000 < self.script.load_ms or self.script.hang == "start":
                return self.refuse(503, "unavailable_error", "Loading model")
            return self.answer({"status": "ok"})
        script = self.script
        slots = script.slots if script.claimed_slots is None else script.claimed_slots
        if self.path == "/props":
            takes = {"supports_tools": script.tool_template, "supports_tool_calls": script.tool_template}
            return self.answer({"total_slots": slots, "default_generation_settings": {"n_ctx": script.context_tokens},
                                "chat_template_caps": takes})
        if self.path == "/slots":
            return self.answer([{"id": slot, "n_ctx": script.context_tokens} for slot in range(slots)])
        if self.path == "/metrics":
            return self.answer_bytes(script.metrics().encode(), "text/plain; version=0.0.4")
        if self.path == "/v1/models":
            model = {"id": "counting", "object": "model", "owned_by": "scripted", "max_model_len": script.context_tokens}
            return self.answer({"object": "list", "data": [model]})
        self.refuse(404, "not_found_error", "File Not Found")

    def do_POST(self):
        try:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length))
        except ValueError as error:
            return self.refuse(400, "invalid_request_error", str(error))
        script = self.script
        if self.path == "/tokenize":
            return self.answer({"tokens": tokens_of(body.get("content", ""), script.vocabulary)})
        if self.path == "/detokenize":
            return self.answer({"content": "".join(token_text(t) for t in body.get("tokens", []))})
        if self.path == "/apply-template":
            text = "".join(f"<{m['role']}> {m['content']} " for m in body.get("messages", []))
            return self.answer({"prompt": text + "<assistant>"})
        if self.path in ("/completion", "/completions"):
            return self.complete(body)
        if self.path in ("/v1/completions", "/v1/chat/completions"):
            return self.complete_openai(body, is_chat=self.path.startswith("/v1/chat"))
        self.refuse(404, "not_found_error", "File Not Found")

    def complete(self, body):
        script = self.script
        if script.eat_mb_at_once:
            gorge(script.eat_mb_at_once)
        if script.refuse:
            return self.refuse(500, "server_error", "scripted to refuse")
        prompt = body.get("prompt", [])
        if isinstance(prompt, str):
            prompt = tokens_of(prompt, script.vocabulary)
        if any(not isinstance(t, int) or not 0 <= t < script.vocabulary for t in prompt):
            return self.refuse(400, "invalid_request_error", "Prompt contains invalid tokens")
        if len(prompt) >= script.context_tokens:
            return self.refuse(
                400, "exceed_context_size_error",
                f"request ({len(prompt)} tokens) exceeds the available context size ({script.context_tokens} tokens), "
                "try increasing it", n_prompt_tokens=len(prompt), n_ctx=script.context_tokens)
        if script.hang == "request":
            return time.sleep(3600)
        script.gathering.wait()
        with script.free_slots:
            with script.lock:
                script.running += 1
            try:
                self.generate(body, prompt)
            finally:
                with script.lock:
                    script.running -= 1

    def generate(self, body, prompt):
        script = self.script
        wanted = body.get("n_predict", -1)
        room = script.context_tokens - len(prompt)
        wanted = sys.maxsize if script.endless else room if wanted < 0 else min(wanted, room)
        stops = body.get("stop") or []
        cached = script.cached_prefix(prompt) if body.get("cache_prompt", True) else 0
        streams = body.get("stream", False)
        if streams:
            self.begin_stream()

        started = time.monotonic()
        due = started + script.ttft_ms / 1e3 + script.prefill_us_per_token * (len(prompt) - cached) / 1e6
        first_at = None
        token = prompt[-1] if prompt else 0
        alternatives = body.get("n_probs", 0) if script.logprobs else 0
        produced, places, text = [], [], ""
        stopping_word = ""
        while len(produced) < wanted and not stopping_word:
            # Against the time due, not after the last sleep: the gaps keep their mean whatever writing costs.
            time.sleep(max(0, due - time.monotonic()))
            first_at = first_at or time.monotonic()
            chunk = []
            while len(chunk) < script.tokens_per_chunk and len(produced) + len(chunk) < wanted:
                last, token = token, script.next_token(token, body.get("logit_bias"))
                chunk.append(token)
                if alternatives:
                    places.append(script.place(last, token, alternatives))
            produced += chunk
            said = {"completion_probabilities": places[-len(chunk):]} if alternatives else {}
            content = "".join(token_text(t) for t in chunk)
            for stop in stops:
                if not stopping_word and stop in content:
                    stopping_word, content = stop, content[:content.index(stop)]
            text += content
            if streams:
                self.event({
                    "index": 0, "content": content,
                    "tokens": chunk if body.get("return_tokens") else [], "stop": False, "id_slot": 0,
                    "tokens_predicted": len(produced), "tokens_evaluated": len(prompt), **said})
            script.count_step()
            script.count_tokens(len(chunk))
            if script.hang == "stream" and 2 * len(produced) >= wanted:
                return time.sleep(3600)
            due += script.itl_ms / 1e3

        ended = time.monotonic()
        first_at = first_at or ended
        timings = {
            "cache_n": cached, "prompt_n": len(prompt) - cached, "prompt_ms": (first_at - started) * 1e3,
            "predicted_n": len(produced), "predicted_ms": (ended - first_at) * 1e3}
        if script.draft_acceptance is not None:
            timings["draft_n"] = 100
            timings["draft_n_accepted"] = round(100 * script.draft_acceptance)
            script.count(
                spec_decode_num_draft_tokens=100, spec_decode_num_accepted_tokens=timings["draft_n_accepted"])
        script.count(
            prompt_tokens=len(prompt) - cached, prompt_tokens_cached=cached, tokens_predicted=len(produced))
        last = {
            "index": 0, "content": "", "tokens": [], "id_slot": 0, "stop": True, "model": "scripted",
            "tokens_predicted": len(produced), "tokens_evaluated": len(prompt), "truncated": False,
            "stop_type": "word" if stopping_word else "limit", "stopping_word": stopping_word, "tokens_cached": len(prompt) + len(produced) - 1,
            "timings": timings}
        if streams:
            self.event(last)
            self.wfile.write(b"0\r\n\r\n")
        else:
            last["content"] = text
            last["tokens"] = produced if body.get("return_tokens") else []
            if alternatives:
                last["completion_probabilities"] = places
            self.answer(last)

    def complete_openai(self, body, is_chat):
        script = self.script
        if script.refuse:
            return self.refuse(500, "server_error", "scripted to refuse")
        text = " ".join(m["content"] for m in body["messages"]) if is_chat else body.get("prompt", "")
        calls = body["tools"][0]["function"]["name"] if body.get("tools") and body.get("tool_choice") == "required" else None
        prompt = tokens_of(text, script.vocabulary)
        wanted = body.get("max_tokens", 16)
        base = {"id": "scripted", "object": "chat.completion.chunk" if is_chat else "text_completion", "model": "counting"}
        with script.free_slots:
            self.begin_stream()
            due = time.monotonic() + script.ttft_ms / 1e3
            token = prompt[-1] if prompt else 0
            for number in range(wanted):
                time.sleep(max(0, due - time.monotonic()))
                token = script.next_token(token, None)
                is_last = number == wanted - 1
                if calls:
                    text = {"delta": {"tool_calls": [self.part_of_call(calls, number, is_last, token_text(token))]}}
                else:
                    text = {"delta": {"content": token_text(token)}} if is_chat else {"text": token_text(token)}
                reason = None if not is_last else "tool_calls" if calls else "length"
                timings = {"timings": {"predicted_n": number + 1}} if body.get("timings_per_token") else {}
                self.event({**base, "choices": [{"index": 0, **text, "finish_reason": reason}], **timings})
                due += script.itl_ms / 1e3
            usage = {"prompt_tokens": len(prompt), "completion_tokens": wanted, "total_tokens": len(prompt) + wanted}
            self.event({**base, "choices": [], "usage": usage})
            self.push(b"data: [DONE]\n\n")
            self.wfile.write(b"0\r\n\r\n")

    @staticmethod
    def part_of_call(name, number, is_last, text):
        text = ('{"t": "' if number == 0 else "") + text + ('"}' if is_last else "")
        part = {"index": 0, "function": {"arguments": text}}
        if number == 0:
            part.update(id="call_scripted", type="function")
            part["function"]["name"] = name
        return part

    def begin_stream(self):
        self.pushed = 0
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def event(self, value):
        text = "{this is not JSON" if self.script.garbage else json.dumps(value)
        self.push(f"data: {text}\n\n".encode())

    def push(self, data):
        # One write, so that the chunk leaves in one packet.
        try:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        except (BrokenPipeError, ConnectionResetError):
            print(f"scripted engine: the client went away after {self.pushed} events", file=sys.stderr, flush=True)
            raise
        self.pushed += 1


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """A client that goes away is not an error; anything else is printed by the base class."""
        if not isinstance(sys.exc_info()[1], (BrokenPipeError, ConnectionResetError)):
            super().handle_error(request, client_address)


def eat_memory(megabytes_per_second):
    eaten = []
    while True:
        eaten.append(bytearray(os.urandom(1) * (megabytes_per_second << 16)))  # a sixteenth of a second's worth
        time.sleep(1 / 16)


def gorge(megabytes):
    # Pieces of 4 MB, each written as it is taken: gigabytes in a second, and the last piece is the one too many.
    try:
        eaten = [b"x" * (4 << 20) for _ in range(megabytes // 4)]
    except MemoryError:
        print("scripted engine: MemoryError", file=sys.stderr, flush=True)
        os._exit(1)  # as an engine that does not catch it, whichever thread it comes to
    print("scripted engine: ate", len(eaten) * 4, "MB", file=sys.stderr, flush=True)
    time.sleep(3600)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    script = Script(json.loads(sys.argv[1]))
    Handler.script = script
    # Tokens that wait in the kernel for more to come would be measured as gaps.
    Handler.wbufsize = 0
    Handler.disable_nagle_algorithm = True
    signal.signal(signal.SIGTERM, signal.SIG_IGN if script.ignore_sigterm else lambda *_: os._exit(0))
    if script.child:
        program = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(3600)"
        child = subprocess.Popen([sys.executable, "-c", program], start_new_session=True)
        print("CHILD", child.pid, flush=True)
    if script.fail_start is not None:
        print("scripted engine: failing at the start as told", file=sys.stderr, flush=True)
        sys.exit(script.fail_start)
    server = Server(("127.0.0.1", script.port), Handler)
    if script.announce and script.hang != "start":
        time.sleep(max(0, STARTED + script.load_ms / 1e3 - time.monotonic()))
        print(f"READY http://127.0.0.1:{server.server_address[1]} {time.monotonic() - STARTED:.3f}", flush=True)
    if script.eat_mb_per_s:
        threading.Thread(target=eat_memory, args=(script.eat_mb_per_s,), daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main()
