"""Streams of semot in Python, as frame(5) describes them.

    for header, frames in read("12.dist"): ...      every stream of a file
    [(header, frames)] = read("12.dist")            the stream of a file that holds one
    write("13.dist", header, frames)

To use it, copy this file. It needs numpy and msgpack; lz4 for compressed streams only; and xxhash,
without which checksums are neither checked nor written.

A header is a dict, frames are a list of dicts. A field is a numpy array, a list of str, a str, a
number, or whatever else MessagePack holds. The fields of each kind, with dtypes and shapes:

activations    Frames of n tokens. Those of token i are feature[indptr[i]:indptr[i + 1]].
    token u4 (n), point f4 f2 bf16 (n, d), indptr u4 (n + 1), feature u4 (nnz), value f4 (nnz)
distributions  Frames of the table of points, m in all; then frames of b features. The points of
               feature i are table[row[indptr[i]:indptr[i + 1]]]. Their weights sum to 1.
    token u4 (m), point f4 (m, d)
    feature u4 (b), indptr u4 (b + 1), row u4 (nnz), weight f4 (nnz), mass f8 (b), count u4 (b)
distances      A frame of names; then frames of b rows, of all columns or of the k nearest.
    row_layer str (n), row_feature u4 (n), col_layer str (m), col_feature u4 (m)
    row0 number, dist f4 (b, m); or row0 number, col u4 (b, k), dist f4 (b, k)
coupling       A frame of the tokens of both sides; then frames of b rows of a sparse matrix.
    row_token u4 (n), col_token u4 (m)
    row0 number, indptr u4 (b + 1), col u4 (nnz), weight f4 (nnz)
matching       A frame of n pairs; then a frame of the features in no pair.
    row_layer str (n), row_feature u4 (n), col_layer str (n), col_feature u4 (n),
    cost f4 (n), margin f4 (n)
    free_row_layer str (f), free_row_feature u4 (f), free_col_layer str (g), free_col_feature u4 (g)
graph          A frame of nodes, of links, of the rest of the document, and of groups, if any.
    node_id str (n), layer str (n), feature u8 (n), ctx_idx i4 (n), type u1 (n), clerp str (n)
    source u4 (l), target u4 (l), weight f4 (l)
    json str
    group i4 (n), group_name str (g)

A distance of your own, in a file that hungarian(1) reads:

    >>> a, b = np.random.default_rng(0).random((2, 5, 3))
    >>> dist = np.abs(a[:, None] - b).max(axis=2).astype("<f4")
    >>> names = {"row_layer": ["4"] * 5, "row_feature": np.arange(5, dtype="<u4"),
    ...          "col_layer": ["6"] * 5, "col_feature": np.arange(5, dtype="<u4")}
    >>> header = {"kind": "distances", "metric": "own", "rows": 5, "cols": 5, "history": []}
    >>> write("own.dist", header, [names, {"row0": 0, "dist": dist}])
    >>> [(header, (names, *blocks))] = read("own.dist")
    >>> np.concatenate([block["dist"] for block in blocks]).shape
    (5, 5)
"""
import contextlib
import itertools
import math
import os
import struct
import sys

import msgpack
import numpy as np

try:
    from xxhash import xxh64
except ImportError:
    xxh64 = None

PLAIN, LZ4 = 1, 2
DTYPES = ["<f4", "<f8", "<f2", "<u4", "<u8", "<i4", "|u1"]  # and bf16, which numpy lacks


def read(path):
    """Yields (header, frames) of each stream of a file, of stdin ("-"), or of an open binary file.

    A stream is yielded when its end mark was read and agrees. Where a file is cut or damaged,
    ValueError tells the stream and the frame. A tensor of bf16 becomes float32, value for value.

    >>> write("x", {"kind": "x"}, [{"a": np.zeros((2, 3), "<f4"), "names": ["b", "c"], "row0": 7}])
    >>> [(header, frames)] = read("x")
    >>> frames[0]["a"].shape, frames[0]["names"], frames[0]["row0"]
    ((2, 3), ['b', 'c'], 7)
    """
    with opened(path, "rb") as file:
        stream, maps = 1, []                                # maps: the header and frames so far
        try:
            for fields, data in objects(file):
                if not maps:
                    version = fields.get("semot")
                    if version != 1 or not isinstance(fields.get("history", []), list):
                        raise ValueError(f"no header of version 1: semot is {version!r}")
                    checksum = xxh64 and xxh64()
                elif "end" in fields:
                    if fields.pop("end") != len(maps) - 1 or not fields.keys() <= {"xxh64"}:
                        raise ValueError("the end mark does not agree with the frames read")
                    if fields and checksum and fields["xxh64"] != checksum.intdigest():
                        raise ValueError("the checksum is not that of the bytes read")
                    yield maps[0], maps[1:]
                    stream, maps = stream + 1, []
                    continue
                elif "semot" in fields:
                    raise ValueError("a header where a frame or the end mark has to be")
                maps.append(fields)
                if checksum:
                    checksum.update(data)
            if maps or stream == 1:
                raise ValueError("cut short: no end mark" if maps else "empty: no header")
        except (ValueError, TypeError, RuntimeError) as problem:    # also from msgpack, lz4
            where = f"stream {stream}: frame {len(maps)}" if maps else f"stream {stream}: header"
            why = str(problem) or type(problem).__name__
            raise ValueError(f"{getattr(file, 'name', 'input')}: {where}: {why}") from None


def write(path, header, frames, compress=False, checksum=True):
    """Writes a stream to a new file, to stdout ("-"), or to an open binary file.

    Several calls with one open file write several streams. frames may be a generator. A program
    appends [its name, its version, [its arguments]] to header["history"]. ValueError tells what
    cannot be written, and leaves a stream without an end mark, which every reader refuses.
    compress makes LZ4 payloads; without checksum, none is written even where there is xxhash.

    >>> write("x", {"kind": "x"}, [{"feature": np.arange(3)}])
    Traceback (most recent call last):
    ValueError: frame 1: feature: dtype <i8 is none of <f4 <f8 <f2 <u4 <u8 <i4 |u1: use astype()
    """
    with opened(path, "wb") as file:
        checksum = checksum and xxh64 and xxh64()
        for i, fields in enumerate(itertools.chain([{"semot": 1, **header, "semot": 1}], frames)):
            try:
                if i > 0 and fields.keys() & {"semot", "end"}:
                    raise ValueError("semot and end are no names for fields of a frame")
                data = pack(fields, compress)
            except (ValueError, TypeError) as problem:
                raise ValueError(f"frame {i}: {problem}" if i else f"header: {problem}") from None
            file.write(data)
            if checksum:
                checksum.update(data)
        end = {"end": i, "xxh64": checksum.intdigest()} if checksum else {"end": i}
        file.write(pack(end, compress))


def bf16(array):
    """A field of bf16 for write(), rounded to nearest, ties to even.

    >>> write("x", {"kind": "x"}, [{"a": bf16([1, 1.001, -2])}])
    >>> [(header, frames)] = read("x")
    >>> frames[0]["a"]
    array([ 1.,  1., -2.], dtype=float32)
    """
    x = np.asarray(array, "<f4")
    bits = x.view("<u4").astype("<u8")
    rounded = bits + 0x7fff + (bits >> 16 & 1)
    upper = (np.where(np.isnan(x), bits | 1 << 22, rounded) >> 16).astype("<u2")
    return ["bf16", list(upper.shape), upper.tobytes()]


def opened(path, mode):
    """For `with`: the file at a path, which is closed then, or an open file, which is not."""
    if path == "-":
        path = (sys.stdin if mode == "rb" else sys.stdout).buffer
    if isinstance(path, (str, os.PathLike)):
        return open(path, mode)
    return contextlib.nullcontext(path)


def objects(file):
    """Yields each header, frame and end mark as a map, and the bytes of its ext object."""
    while data := bytearray(file.read(1)):
        if 0xd4 <= data[0] <= 0xd8:                         # fixext: 1, 2, 4, 8 or 16 bytes
            take(file, 1, data)
            length = 1 << data[0] - 0xd4
        elif 0xc7 <= data[0] <= 0xc9:                       # ext: a length of 1, 2 or 4 bytes
            take(file, (1 << data[0] - 0xc7) + 1, data)
            length = int.from_bytes(data[1:-1], "big")
        else:
            raise ValueError(f"not a semot stream: byte 0x{data[0]:02x} where an ext object begins")
        head = len(data)
        take(file, length, data)
        yield unpack(data[head - 1], memoryview(data)[head:]), data


def take(file, n, data):
    """Appends n bytes to data. Memory grows as they arrive, whatever n claims."""
    while n > 0:
        piece = file.read(min(n, 1 << 20))
        if not piece:
            raise ValueError("cut short: no end mark")
        data += piece
        n -= len(piece)


def unpack(code, payload):
    """The map of a payload, with arrays for tensors."""
    if code == LZ4:
        payload = decompress(payload)
    elif code != PLAIN:
        raise ValueError(f"not a semot stream: ext type {code}")
    fields = msgpack.unpackb(payload, strict_map_key=False, object_pairs_hook=unique,
                             unicode_errors="surrogateescape")
    if not isinstance(fields, dict) or not all(isinstance(name, str) for name in fields):
        raise ValueError("the payload is no map of named fields")
    return {name: from_field(name, value) for name, value in fields.items()}


def unique(pairs):
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a key stands twice")
    return fields


def decompress(payload):
    import lz4.frame
    info = lz4.frame.get_frame_info(payload)
    size = info["content_size"]
    if not info["content_checksum"] or not 0 < size < min(255 * (len(payload) + 1), 1 << 32):
        raise ValueError(f"LZ4 frame without checksum, or with a size of {size} that cannot be")
    plain, used = lz4.frame.decompress(payload, return_bytes_read=True)
    if len(plain) != size or used != len(payload):
        raise ValueError("LZ4 frame of the wrong length")
    return plain


def from_field(name, value):
    """[dtype, shape, bytes] as an array, anything else as it is."""
    if not (isinstance(value, list) and list(map(type, value)) == [str, list, bytes]
            and value[0] in [*DTYPES, "bf16"] and len(value[1]) <= 4):
        return value
    dtype, shape, data = value
    stored = np.dtype("<u2" if dtype == "bf16" else dtype)
    if not all(type(n) is int and 0 <= n < 1 << 32 for n in shape):
        raise ValueError(f"{name}: shape holds something that is no length")
    if len(data) != math.prod(shape) * stored.itemsize:
        raise ValueError(f"{name}: {len(data)} bytes do not make {dtype} of shape {shape}")
    array = np.ndarray(shape, stored, data)
    if dtype == "bf16":
        return (array.astype("<u4") << 16).view("<f4").reshape(shape)
    return array.copy()


def to_field(name, value):
    if not isinstance(value, np.ndarray):
        return value
    dtype = value.dtype.str
    if dtype not in DTYPES:
        raise ValueError(f"{name}: dtype {dtype} is none of {' '.join(DTYPES)}: use astype()")
    if value.ndim > 4:
        raise ValueError(f"{name}: {value.ndim} dimensions: the limit is 4")
    return [dtype, list(value.shape), value.tobytes()]


def pack(fields, compress=False):
    """The ext object of a map."""
    fields = {name: to_field(name, value) for name, value in fields.items()}
    payload = msgpack.packb(fields, default=np.generic.item, unicode_errors="surrogateescape")
    if compress:
        import lz4.frame
        payload = lz4.frame.compress(payload, content_checksum=True, store_size=True)
    if len(payload) >> 32:
        raise ValueError(f"{len(payload)} bytes: the limit is 4294967295")
    return struct.pack(">BIB", 0xc9, len(payload), LZ4 if compress else PLAIN) + payload
