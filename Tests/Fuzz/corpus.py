"""Packs the inputs of one reader into one file, and unpacks it: `corpus.py pack FILE FOLDER SEEDS`, `corpus.py unpack FILE
FOLDER`.

The file is a row of entries, each a 32-bit little-endian length and as many bytes. The seeds come first: they are valid,
and a fuzzer that looks for the smallest inputs which reach the same code keeps hardly any valid one. Then the rest,
smallest first.
"""
import os
import struct
import sys

# What is packed at most; the smallest inputs reach most of the code.
MOST_BYTES = 96 << 10


def inputs(folder):
    return sorted({open(f"{folder}/{name}", "rb").read() for name in os.listdir(folder)}, key=lambda i: (len(i), i))


def main():
    action, path, folder, *seeds = sys.argv[1:]
    if action == "pack":
        packed = b""
        for entry in dict.fromkeys(inputs(*seeds) + inputs(folder)):
            if len(packed) + len(entry) + 4 <= MOST_BYTES:
                packed += struct.pack("<I", len(entry)) + entry
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(packed)
    elif os.path.exists(path):
        os.makedirs(folder, exist_ok=True)
        packed, offset = open(path, "rb").read(), 0
        while offset < len(packed):
            (length,) = struct.unpack_from("<I", packed, offset)
            with open(f"{folder}/packed-{offset}", "wb") as file:
                file.write(packed[offset + 4 : offset + 4 + length])
            offset += 4 + length


main()
