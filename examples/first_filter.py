"""Scales the activations of a stream: first_filter.py 0.5 <a >b"""
import signal
import sys

import lz4.frame
import msgpack
import numpy as np

PLAIN, LZ4 = 1, 2


def unpack(code, data):
    if code not in (PLAIN, LZ4):
        raise ValueError(f"ext type {code}")
    return msgpack.unpackb(lz4.frame.decompress(data) if code == LZ4 else data, strict_map_key=False)


def frames_of(objects):
    """The frames of one stream, up to its end mark."""
    for count, fields in enumerate(objects):
        if "end" not in fields:
            yield fields
        elif fields["end"] == count:
            return
        else:
            raise ValueError(f"the end mark counts {fields['end']} frames, not {count}")
    raise ValueError("cut short: no end mark")


def write(fields):
    sys.stdout.buffer.write(msgpack.packb(msgpack.ExtType(PLAIN, msgpack.packb(fields))))


def scale(header, objects, by):
    if header.get("semot") != 1 or header.get("kind") != "activations":
        raise ValueError("not a stream of activations")
    history = header.get("history", [])
    write({**header, "history": history + [["first_filter.py", "1", sys.argv[1:]]]})
    count = 0
    for frame in frames_of(objects):
        dtype, shape, data = frame["value"]
        frame["value"] = [dtype, shape, (np.frombuffer(data, dtype) * np.float32(by)).tobytes()]
        write(frame)
        count += 1
    write({"end": count})


signal.signal(signal.SIGPIPE, signal.SIG_DFL)
try:
    objects = msgpack.Unpacker(sys.stdin.buffer, ext_hook=unpack, max_buffer_size=1 << 32)
    whole = 0
    for header in objects:
        scale(header, objects, float(sys.argv[1]))
        whole = objects.tell()
    if whole == 0 or objects.tell() > whole or objects.read_bytes(1):
        raise ValueError("cut short: no header")
except Exception as problem:
    sys.exit(f"first_filter.py: {problem}")
