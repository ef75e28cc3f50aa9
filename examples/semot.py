"""Streams of semot in Python, as frame(5) describes them.

    [d] = run("sinkhorn", "--top", 5, "12.dist", "20.dist")     runs a program
    [m] = run("nearest", d)                     a stream in memory is an operand like a file
    m["row_feature"], m["col_feature"], m["cost"], m.header["matched"]
    print(run("frame2tsv", m))                  what is no stream is text

    for header, frames in read("12.dist"): ...  every stream of a file
    [d] = read("12.dist")                       the stream of a file that holds one
    write("13.dist", header, frames)

To import it, copy this file, or set PYTHONPATH to where `make install` puts it, such as
/usr/local/share/semot; the programs have to be on PATH. It needs numpy and msgpack; lz4 for
compressed streams only; and xxhash, without which checksums are neither checked nor written.

A header is a dict, frames are a list of dicts. A field is a numpy array, a list of str, a str, a
number, or whatever else MessagePack holds. stream["name"] joins a field of all frames into one
array. The fields of each kind, with dtypes and shapes:

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
    >>> [d] = read("own.dist")
    >>> d["dist"].shape, d.frames[1]["row0"]
    ((5, 5), 0)
"""
import collections
import contextlib
import fcntl
import itertools
import math
import os
import struct
import subprocess
import sys
import threading

import msgpack
import numpy as np

try:
    from xxhash import xxh64
except ImportError:
    xxh64 = None

PLAIN, LZ4 = 1, 2
DTYPES = ["<f4", "<f8", "<f2", "<u4", "<u8", "<i4", "|u1"]  # and bf16, which numpy lacks
OFFSETS = ["indptr", "begin"]           # they begin with 0 in every frame


class Stream(collections.namedtuple("Stream", "header frames")):
    """A header and its frames. stream["name"] is the field of that name, joined where several
    frames have it: an array, of str too. KeyError names the fields that there are."""

    def __repr__(self):
        frames = collections.Counter(tuple(frame) for frame in self.frames)
        return f"<{self.header.get('kind', 'stream')}: " + "; ".join(
            (f"{n} frames of " if n > 1 else "") + ", ".join(names)
            for names, n in frames.items()) + ">"

    def __getitem__(self, name):
        if not isinstance(name, str):
            return super().__getitem__(name)
        parts = [frame[name] for frame in self.frames if name in frame]
        if not parts:
            there = dict.fromkeys(name for frame in self.frames for name in frame)
            raise KeyError(f"no {name}: there are {', '.join(there) or 'no frames'}")
        if name in OFFSETS:
            ends = np.cumsum([0] + [int(part[-1]) for part in parts])
            return np.concatenate([[0]] + [part[1:] + end for part, end in zip(parts, ends)])
        if len(parts) == 1 and not isinstance(parts[0], list):
            return parts[0]
        parts = [np.empty(0, "U1") if isinstance(part, list) and not part else np.asarray(part)
                 for part in parts]
        if len({(part.dtype.kind, part.shape[1:]) for part in parts if part.size}) > 1:
            raise KeyError(f"{name} is not the same in all frames: take it from .frames")
        return np.concatenate(parts) if parts[0].ndim else np.array(parts)


def run(program, *words, input=None):
    """Runs a program and returns its streams, a list of Stream; or its text, where it writes no
    stream.

    The words are options and operands: str, numbers, paths; and streams in memory, which are
    (header, frames) or a list of them, such as another run() returns. The input, streams or text,
    is what the program reads on stdin. RuntimeError has the line of a program that failed; notes
    go to stderr. Streams are written as they are read: none is held twice.

    >>> a = run("json2frame", input='{"semot":1}\\n{"a":["<f4",[2],[1,2]]}\\n{"end":1}\\n')
    >>> a[0]["a"]
    array([1., 2.], dtype=float32)
    >>> print(run("frame2tsv", a), end="")
    a
    1.0
    2.0
    >>> run("hungarian", a)
    Traceback (most recent call last):
    RuntimeError: hungarian: <stream 1>: header: no kind
    """
    problems, texts, result, cut = [], [], None, None

    def feed(file, what):
        try:
            with file:
                if isinstance(what, (str, bytes)):
                    file.write(what.encode() if isinstance(what, str) else what)
                else:
                    for header, frames in [what] if isinstance(what, tuple) else what:
                        write(file, header, frames, checksum=False)
        except BrokenPipeError:             # it has read enough, or failed
            pass
        except Exception as problem:        # of write()
            problems.append(problem)

    with contextlib.ExitStack() as stack:
        command, feeds, ends = [program], [], {}        # ends: of pipes, that the program reads
        for word in words:
            if isinstance(word, (tuple, list)):
                low, begin = os.pipe()
                end = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, 3)    # low is 0 where stdin is closed
                os.close(low)
                ends[f"/dev/fd/{end}"] = stack.enter_context(open(end, "rb"))
                feeds.append((stack.enter_context(open(begin, "wb")), word))
                word = f"/dev/fd/{end}"
            command.append(str(word))
        process = stack.enter_context(subprocess.Popen(
            command, stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            pass_fds=[end.fileno() for end in ends.values()]))
        for end in ends.values():
            end.close()
        if input is not None:
            feeds.append((process.stdin, input))
        threads = [threading.Thread(target=feed, args=one) for one in feeds]
        threads.append(threading.Thread(target=lambda: texts.append(process.stderr.read())))
        for thread in threads:
            thread.start()
        try:
            first = process.stdout.peek(1)[:1]
            result = list(read(process.stdout)) if b"\xc7" <= first <= b"\xc9" \
                else process.stdout.read().decode(errors="surrogateescape")
        except ValueError as problem:       # of read(): the program's own line says more
            cut = ValueError(f"{program}: {str(problem).partition(': ')[2]}")
            process.stdout.read()
        for thread in threads:
            thread.join()
        status = process.wait()
    lines = texts[0].decode(errors="replace").strip()
    for i, name in enumerate(ends):
        lines = lines.replace(name, f"<stream {i + 1}>")
    if problems:
        raise problems[0]
    if status != 0:
        raise RuntimeError(lines or f"{program}: exit status {status}")
    if cut:
        raise cut
    if lines:
        print(lines, file=sys.stderr)
    return result


def read(path):
    """Yields each Stream of a file, of stdin ("-"), or of an open binary file.

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
                    yield Stream(maps[0], maps[1:])
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
    most = (1 << 22) + 16 * len(payload)        # items: LZ4 makes 255 of one byte
    if code == LZ4:
        payload = decompress(payload)
    elif code != PLAIN:
        raise ValueError(f"not a semot stream: ext type {code}")
    fields = msgpack.unpackb(payload, strict_map_key=False, object_pairs_hook=unique,
                             unicode_errors="surrogateescape", max_array_len=most)
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
        return (array.reshape(-1).astype("<u4") << 16).view("<f4").reshape(shape)
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
