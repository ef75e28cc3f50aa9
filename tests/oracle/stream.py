"""Streams in Python, written from frame(5) and sharing nothing with common/frame.c.

    for header, frames in read(sys.stdin.buffer): ...
    sys.stdout.buffer.write(pack(header, frames))

Tensors are numpy arrays; one of bf16 is read as float32 and is written by bf16(array)."""
import struct

import lz4.frame
import msgpack
import numpy as np

PLAIN, LZ4 = 1, 2
STREAM_DTYPES = ("<f4", "<f8", "<f2", "<u4", "<u8", "<i4", "|u1", "bf16")
P1, P2, P3, P4, P5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63,
                      0x27D4EB2F165667C5)
MASK = (1 << 64) - 1


def rotate(x, n):
    return (x << n | x >> 64 - n) & MASK


def xxh64(data):
    """XXH64 with seed 0, from its specification."""
    def mix(lane, word):
        return rotate((lane + word * P2) & MASK, 31) * P1 & MASK

    whole = len(data) // 32 * 32
    if whole:
        lanes = [(P1 + P2) & MASK, P2, 0, -P1 & MASK]
        for words in struct.iter_unpack("<4Q", data[:whole]):
            lanes = [mix(lane, word) for lane, word in zip(lanes, words)]
        h = sum(rotate(lane, n) for lane, n in zip(lanes, (1, 7, 12, 18))) & MASK
        for lane in lanes:
            h = ((h ^ mix(0, lane)) * P1 + P4) & MASK
    else:
        h = P5
    h = h + len(data) & MASK
    at = whole
    while at + 8 <= len(data):
        h = (rotate(h ^ mix(0, struct.unpack_from("<Q", data, at)[0]), 27) * P1 + P4) & MASK
        at += 8
    if at + 4 <= len(data):
        h = (rotate(h ^ struct.unpack_from("<I", data, at)[0] * P1 & MASK, 23) * P2 + P3) & MASK
        at += 4
    for byte in data[at:]:
        h = rotate(h ^ byte * P5 & MASK, 11) * P1 & MASK
    h = (h ^ h >> 33) * P2 & MASK
    h = (h ^ h >> 29) * P3 & MASK
    return h ^ h >> 32


def bf16(array):
    """A tensor of bf16: the upper halves of float32, rounded to even."""
    bits = np.asarray(array, "<f4").view("<u4").astype(np.uint64)
    upper = (bits + 0x7fff + (bits >> 16 & 1) >> 16).astype("<u2")
    return ["bf16", list(upper.shape), upper.tobytes()]


def to_field(value):
    if isinstance(value, np.ndarray):
        return [value.dtype.str, list(value.shape), value.tobytes()]
    return value


def from_field(value):
    if not (isinstance(value, list) and len(value) == 3 and isinstance(value[2], bytes)
            and value[0] in STREAM_DTYPES):
        return value
    dtype, shape, data = value
    if dtype == "bf16":
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4").reshape(shape)
    return np.frombuffer(data, dtype).reshape(shape)


def ext(payload, lz4_frame=False):
    """One object of a stream from the bytes of its map."""
    if lz4_frame:
        payload = lz4.frame.compress(payload, content_checksum=True, store_size=True)
    return msgpack.packb(msgpack.ExtType(LZ4 if lz4_frame else PLAIN, payload))


def pack(header, frames, lz4_frame=False, end=None, checksum=True):
    """One stream; `end` is a false count for its end mark."""
    out = b""
    for fields in [{"semot": 1, **header}] + list(frames):
        out += ext(msgpack.packb({name: to_field(value) for name, value in fields.items()}), lz4_frame)
    mark = {"end": len(frames) if end is None else end}
    if checksum:
        mark["xxh64"] = xxh64(out)
    return out + ext(msgpack.packb(mark), lz4_frame)


def unpack_ext(code, data):
    if code not in (PLAIN, LZ4):
        raise ValueError(f"ext type {code}")
    fields = msgpack.unpackb(lz4.frame.decompress(data) if code == LZ4 else data, strict_map_key=False)
    return {name: from_field(value) for name, value in fields.items()}


def objects(data):
    """The header, frames and end mark of every stream in some bytes, each with the bytes it takes."""
    unpacker = msgpack.Unpacker(ext_hook=unpack_ext, max_buffer_size=1 << 32)
    unpacker.feed(data)
    at = 0
    for fields in unpacker:
        yield fields, data[at:unpacker.tell()]
        at = unpacker.tell()
    if at != len(data):
        raise ValueError(f"cut after {at} of {len(data)} bytes")


def read(file):
    """[(header, [frame, ...]), ...], checked; an end mark may lack xxh64."""
    streams, header, frames, hashed = [], None, [], b""
    for fields, raw in objects(file.read()):
        if header is None:
            header, frames, hashed = fields, [], raw
        elif "end" in fields:
            if fields["end"] != len(frames) or "xxh64" in fields and fields["xxh64"] != xxh64(hashed):
                raise ValueError(f"end mark {fields} after {len(frames)} frames")
            streams.append((header, frames))
            header = None
        else:
            frames.append(fields)
            hashed += raw
    if header is not None:
        raise ValueError("no end mark")
    return streams
