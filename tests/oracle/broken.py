"""Streams that are wrong in one way, or right in an unusual one.

    broken.py NAME                writes that one to stdout
    broken.py mutate SEED KIND    writes a stream of a kind with a few bytes of its maps changed"""
import io
import random
import struct
import sys

import lz4.frame
import msgpack

import make_stream
from semot import LZ4, PLAIN, objects

HEADER = {"semot": 1, "kind": "x"}
SMALL = msgpack.packb({"a": 1})
ZEROS = msgpack.packb({"a": ["|u1", [1 << 20], bytes(1 << 20)]})


def ext(payload, compress=False):
    """An ext object of the shortest form."""
    if compress:
        payload = lz4.frame.compress(payload, content_checksum=True, store_size=True)
    return msgpack.packb(msgpack.ExtType(LZ4 if compress else PLAIN, payload))


def around(*objects_, header=HEADER, end=None):
    """A stream of these frames, each a map, the bytes of a map, or an ext object."""
    out = ext(msgpack.packb(header))
    for thing in objects_:
        if isinstance(thing, dict):
            thing = msgpack.packb(thing)
        out += msgpack.packb(thing) if isinstance(thing, msgpack.ExtType) else ext(thing)
    return out + ext(msgpack.packb({"end": len(objects_)} if end is None else end))


def value(packed):
    """A stream with a field whose value is given as bytes."""
    return around(b"\x81\xa1a" + packed)


def tensor(*parts):
    return around({"a": list(parts)})


def compressed(data=SMALL, change=lambda frame: frame, **options):
    options = {"content_checksum": True, "store_size": True, **options}
    return around(msgpack.ExtType(LZ4, change(lz4.frame.compress(data, **options))))


def claiming(size):
    """An LZ4 frame with another content size in its header, whose checksum byte is found by trying."""
    def change(frame):
        for checksum in range(256):
            claim = frame[:6] + struct.pack("<QB", size, checksum) + frame[15:]
            try:
                lz4.frame.get_frame_info(claim)
                return claim
            except RuntimeError:
                pass
    return change


def forms():
    """Three streams of the longer forms of ext objects, one of the fixed forms."""
    out = b""
    for prefix in b"\xc7%c", b"\xc8\0%c", b"\xc9\0\0\0%c":
        for fields in HEADER, {"a": 1}, {"end": 1}:
            payload = msgpack.packb(fields)
            out += prefix % len(payload) + bytes([PLAIN]) + payload
    header = ext(msgpack.packb(HEADER))
    return out + header + b"\xd4\x01\x80" + b"\xd6\x01\x81\xa1a\x01" + b"\xd7\x01\x81\xa3end\xcd\0\x02"


STREAMS = {
    # framing
    "empty": lambda: b"",
    "claims 4 GiB": lambda: b"\xc9\xff\xff\xff\xff\x01" + bytes(99),
    "claims 4 GiB, LZ4": lambda: b"\xc9\xff\xff\xff\xff\x02" + bytes(99),
    "ext type 3": lambda: around(msgpack.ExtType(3, SMALL)),
    "no ext": lambda: ext(msgpack.packb(HEADER)) + SMALL,
    "forms": forms,
    # the stream
    "no header": lambda: around(header={"kind": "x"}),
    "version 2": lambda: around(header={"semot": 2}),
    "version in words": lambda: around(header={"semot": "1"}),
    "header again": lambda: around(HEADER),
    "no end": lambda: ext(msgpack.packb(HEADER)) + ext(SMALL),
    "wrong count": lambda: around({}, end={"end": 2}),
    "count in words": lambda: around({}, end={"end": "1"}),
    "wrong checksum": lambda: around({}, end={"end": 1, "xxh64": 1}),
    "checksum in words": lambda: around({}, end={"end": 1, "xxh64": "1"}),
    "more in the end": lambda: around({}, end={"end": 1, "more": 1}),
    "frame behind the end": lambda: around() + ext(SMALL),
    "no checksum": lambda: around({"a": 1}),
    "history no list": lambda: around(header={**HEADER, "history": 1}),
    # MessagePack
    "nothing": lambda: around(b""),
    "no map": lambda: around(b"\x91\x01"),
    "two maps": lambda: around(SMALL + SMALL),
    "list of 4 GiB": lambda: value(b"\xdd\xff\xff\xff\xff" + bytes(9)),
    "map of 4 GiB": lambda: value(b"\xdf\xff\xff\xff\xff" + bytes(9)),
    "lists in lists": lambda: value(b"\xdd\x0f\xff\xff\xff" * 200),
    "bytes of 4 GiB": lambda: value(b"\xc6\xff\xff\xff\xff" + bytes(9)),
    "text of 4 GiB": lambda: value(b"\xdb\xff\xff\xff\xff" + bytes(9)),
    "extension of 4 GiB": lambda: value(b"\xc9\xff\xff\xff\xff\x05" + bytes(9)),
    "lists of too many": lambda: value(b"\xdc\x01\x00" + 256 * b"\xdc\x10\x00" + bytes(9000)),
    "byte c1": lambda: value(b"\xc1"),
    "31 deep": lambda: value(b"\x91" * 30 + b"\x90"),
    "32 deep": lambda: value(b"\x91" * 31 + b"\x90"),
    "100000 deep": lambda: value(b"\x91" * 100000 + b"\x01"),
    "name twice": lambda: around(b"\x82" + SMALL[1:] * 2),
    "name no text": lambda: around(b"\x81\x01\x01"),
    "name with NUL": lambda: around(b"\x81\xa1\0\x01"),
    "4096 fields": lambda: around({f"f{i}": i for i in range(4096)}),
    "4097 fields": lambda: around({f"f{i}": i for i in range(4097)}),
    # tensors
    "too few bytes": lambda: tensor("<f4", [3, 2], bytes(20)),
    "too many bytes": lambda: tensor("<f4", [3, 2], bytes(28)),
    "length -1": lambda: tensor("<f4", [-1], b""),
    "length 1.5": lambda: tensor("<f4", [1.5], bytes(6)),
    "length 2^32": lambda: tensor("<f4", [0, 2**32], b""),
    "lengths overflow": lambda: tensor("<f8", [2**31, 2**31, 4], b""),
    "unusual tensors": lambda: around({"rank 0": ["<f4", [], bytes(4)], "rank 4": ["<u4", [1, 2, 1, 2], bytes(16)],
                                       "rank 5": ["<u4", [1] * 5, bytes(4)], "empty": ["<f4", [0, 7], b""],
                                       "i8": ["<i8", [1], bytes(8)], "big-endian": [">f4", [1], bytes(4)],
                                       "bf16": ["bf16", [2], b"\x80\x3f\0\x40"], "numbers": ["<f4", [1], [1]]}),
    # LZ4
    "LZ4": lambda: compressed(),
    "LZ4 without size": lambda: compressed(store_size=False),
    "LZ4 without checksum": lambda: compressed(content_checksum=False),
    "LZ4 cut": lambda: compressed(ZEROS, lambda frame: frame[:-9]),
    "LZ4 and more": lambda: compressed(ZEROS, lambda frame: frame + b"\0"),
    "LZ4 twice": lambda: compressed(ZEROS, lambda frame: frame * 2),
    "LZ4 nils": lambda: compressed(b"\x81\xa1a\xdd" + struct.pack(">I", 1 << 23) + bytes([0xc0]) * (1 << 23)),
    "LZ4 empty texts": lambda: compressed(b"\x81\xa1a\xdd" + struct.pack(">I", 1 << 23) + bytes([0xa0]) * (1 << 23)),
    "LZ4 flipped": lambda: compressed(ZEROS, lambda frame: frame[:-1] + bytes([frame[-1] ^ 1])),
    "LZ4 skipped": lambda: compressed(change=lambda frame: b"\x50\x2a\x4d\x18\x04\0\0\0abcd"),
    "LZ4 claims 8 GiB": lambda: compressed(ZEROS, claiming(2**33)),
    "LZ4 claims 1 MiB": lambda: compressed(ZEROS, claiming(2**20)),
    "LZ4 claims more": lambda: compressed(SMALL, claiming(4000)),
    "LZ4 claims less": lambda: compressed(ZEROS, claiming(2**19)),
    "no LZ4": lambda: around(msgpack.ExtType(LZ4, SMALL)),
}


def mutate(seed, kind):
    """Changes, inserts and deletes bytes within the maps, mostly where names and lengths are. The framing
    stays right, and there is no checksum to notice it."""
    dice = random.Random(seed)
    payloads = []
    for _, data in objects(io.BytesIO(make_stream.make(kind, frames=1, unknown=True))):
        payloads.append(bytearray(msgpack.unpackb(data).data))
    for _ in range(dice.randrange(1, 5)):
        payload = dice.choice(payloads[:-1])
        place = min(dice.randrange(len(payload)), dice.randrange(400), len(payload) - 1)
        change = dice.randrange(4)
        if change == 0:
            payload[place] = dice.choice([0, 1, 0x7f, 0x80, 0x81, 0x90, 0x93, 0xa1, 0xff, *range(0xc0, 0xe0)])
        elif change == 1:
            payload[place] ^= 1 << dice.randrange(8)
        elif change == 2:
            payload.insert(place, dice.randrange(256))
        else:
            del payload[place:place + dice.randrange(1, 4)]
    packed = dice.random() < 0.3
    whole = b"".join(ext(bytes(payload), packed) for payload in payloads[:-1])
    return whole + ext(msgpack.packb({"end": len(payloads) - 2}))


if __name__ == "__main__":
    made = mutate(sys.argv[2], sys.argv[3]) if sys.argv[1] == "mutate" else STREAMS[sys.argv[1]]()
    sys.stdout.buffer.write(made)
