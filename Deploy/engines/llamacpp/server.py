#!/usr/bin/env python3
"""Start llama.cpp's own HTTP server from the xllamacpp wheel.

usage: server.py SETTINGS        a JSON object, or the path of a file that holds one
       server.py --defaults      print the engine's defaults of the settings Apus uses, as JSON

A setting is a field of xllamacpp.CommonParams by its dotted path: {"model.path": "m.gguf", "n_parallel": 4}.
Values of enumerations are given by the end of their name: {"cache_type_k": "Q8_0", "flash_attn_type": "DISABLED"}.
A setting that is not named keeps the engine's default. With {"slot_save_path": "FOLDER"} the cache of every slot is
saved there before the end and restored at the next start. This file knows nothing else about Apus.

Prints `READY <url> <seconds>` on standard output once the server answers, and stops on SIGTERM or SIGINT.
Exit status: 0 stopped, 64 unknown setting or bad value, 65 the model cannot be loaded, 69 xllamacpp is missing.
"""
import json
import os
import signal
import sys
import time
import urllib.request

STARTED = time.monotonic()

# Enumerations: by the last part of the setting's path, the type in xllamacpp and the start of its members' names.
ENUMERATIONS = {
    "flash_attn_type": ("llama_flash_attn_type", "LLAMA_FLASH_ATTN_TYPE_"),
    "cache_type_k": ("ggml_type", "GGML_TYPE_"),
    "cache_type_v": ("ggml_type", "GGML_TYPE_"),
    "types": ("common_speculative_type", "COMMON_SPECULATIVE_TYPE_"),
}
REPORTED_DEFAULTS = [
    "n_parallel", "n_ctx", "n_batch", "n_ubatch", "cont_batching", "cache_prompt", "cache_ram_mib", "kv_unified",
    "flash_attn_type", "cache_type_k", "cache_type_v", "cpuparams.n_threads", "slot_prompt_similarity",
    "speculative.types", "speculative.draft.n_max", "speculative.draft.n_min", "speculative.draft.p_min",
    "speculative.ngram_simple.size_n", "speculative.ngram_simple.size_m", "speculative.ngram_simple.min_hits",
]


def fail(status, message):
    print(f"server.py: {message}", file=sys.stderr, flush=True)
    sys.exit(status)


def resolve(engine, root, path):
    """The object that holds the setting, and the setting's own name."""
    *parents, leaf = path.split(".")
    holder = root
    for name in parents:
        holder = getattr(holder, name, None)
    if holder is None or not hasattr(holder, leaf):
        fail(64, f"this version of the engine has no setting {path}")
    return holder, leaf


def convert(engine, leaf, value):
    if leaf not in ENUMERATIONS:
        return value
    kind, prefix = ENUMERATIONS[leaf]
    members = getattr(engine, kind)
    one = lambda name: getattr(members, prefix + name)
    return [one(name) for name in value] if isinstance(value, list) else one(value)


def move_slots(action, url, folder, count):
    """Save every slot to the folder, or restore those that are there. A file that does not fit is removed: it is a
    cache, and was made with another model or another context."""
    for slot in range(count):
        name = f"slot-{slot}.bin"
        if action == "restore" and not os.path.exists(os.path.join(folder, name)):
            continue
        request = urllib.request.Request(
            f"{url}/slots/{slot}?action={action}", data=json.dumps({"filename": name}).encode(),
            headers={"Content-Type": "application/json"}, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                body = json.load(answer)
                print(f"server.py: slot {slot}: {action}d {body.get('n_saved', body.get('n_restored'))} tokens",
                      file=sys.stderr, flush=True)
        except (OSError, ValueError) as error:
            print(f"server.py: slot {slot} cannot be {action}d: {error}", file=sys.stderr, flush=True)
            if os.path.exists(os.path.join(folder, name)):
                os.remove(os.path.join(folder, name))


def main():
    if len(sys.argv) != 2:
        fail(64, __doc__.split("\n\n")[1])
    try:
        import xllamacpp as engine
    except ImportError as error:
        fail(69, f"xllamacpp is missing from this Python ({error}); run Deploy/engines/llamacpp/install")

    parameters = engine.CommonParams()
    if sys.argv[1] == "--defaults":
        found = {}
        for path in REPORTED_DEFAULTS:
            holder, leaf = resolve(engine, parameters, path)
            value = getattr(holder, leaf)
            found[path] = [str(item) for item in value] if isinstance(value, list) else value
        print(json.dumps(found, default=str, indent=1))
        return

    try:
        text = sys.argv[1]
        settings = json.loads(text if text.lstrip().startswith("{") else open(text, encoding="utf-8").read())
    except (OSError, ValueError) as error:
        fail(64, f"the settings cannot be read: {error}")
    model = settings.get("model.path", "")
    for path in (model, settings.get("speculative.draft.mparams.path", model)):
        if not os.access(path, os.R_OK) or not os.path.isfile(path):
            fail(65, f"no readable model file at {path!r}")
    for path, value in settings.items():
        holder, leaf = resolve(engine, parameters, path)
        try:
            setattr(holder, leaf, convert(engine, leaf, value))
        except (AttributeError, TypeError, ValueError, OverflowError) as error:
            fail(64, f"setting {path} cannot be {value!r}: {error}")

    slots = settings.get("slot_save_path")
    if slots:
        # The engine joins folder and name as they are.
        parameters.slot_save_path = os.path.join(slots, "")
        try:
            os.makedirs(slots, exist_ok=True)
        except OSError as error:
            fail(64, f"slots cannot be saved in {slots}: {error}")
    try:
        server = engine.Server(parameters)  # a signal ends the process at once while the model is being loaded
    except Exception as error:  # the wheel raises RuntimeError; whatever it is, there is no engine
        fail(65, f"llama.cpp cannot load {model}: {error}")
    # Python runs handlers in the main thread only, and a signal may reach one of the engine's: the descriptor wakes us.
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    if slots:
        move_slots("restore", server.listening_address, slots, parameters.n_parallel)
    print(f"READY {server.listening_address} {time.monotonic() - STARTED:.3f}", flush=True)
    os.read(reading, 1)
    if slots:
        move_slots("save", server.listening_address, slots, parameters.n_parallel)
    del server


if __name__ == "__main__":
    main()
