"""Files as torch.save writes them, without torch: numpy arrays are its tensors, views share a storage, strides and all.

    pt.py random SEED       makes files of random objects, reads them with tests/pt, and compares
    pt.py hostile           pickles, archives and views that lie, each with the words that it has to be refused with
    pt.py one FILE          a file of one of each for others to change"""
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import types
import zlib
from collections import OrderedDict

import numpy as np

MODULES = {name: types.ModuleType(name) for name in ("torch", "torch._utils", "settings")}
STORAGES = {"<f4": "FloatStorage", "<f2": "HalfStorage", "<f8": "DoubleStorage", "<i8": "LongStorage", "<i4": "IntStorage",
            "<i2": "ShortStorage", "|u1": "ByteStorage", "|b1": "BoolStorage", "|i1": "CharStorage"}


def named(module, name, thing):
    thing.__module__, thing.__name__, thing.__qualname__ = module, name, name
    setattr(MODULES[module], name, thing)
    return thing


TENSOR = named("torch._utils", "_rebuild_tensor_v2", lambda *a: None)
PARAMETER = named("torch._utils", "_rebuild_parameter", lambda *a: None)
TYPES = {name: named("torch", name, type(name, (), {})) for name in [*STORAGES.values(), "BFloat16Storage"]}
Settings = named("settings", "Settings", type("Settings", (), {}))


class Bf16(np.ndarray):
    """u2, the upper halves of floats."""


class Parameter:
    def __init__(self, data):
        self.data = data


class Storage:
    def __init__(self, base):
        self.base = base


class Pickler(pickle.Pickler):
    def __init__(self, out, protocol):
        super().__init__(out, protocol)
        self.storages = []

    def persistent_id(self, x):
        if not isinstance(x, Storage):
            return None
        key = next((i for i, base in enumerate(self.storages) if base is x.base), len(self.storages))
        if key == len(self.storages):
            self.storages.append(x.base)
        name = "BFloat16Storage" if isinstance(x.base, Bf16) else STORAGES[x.base.dtype.str]
        return "storage", TYPES[name], str(key), "cpu", x.base.size

    def reducer_override(self, x):
        if isinstance(x, Parameter):
            return PARAMETER, (x.data, True, OrderedDict())
        if isinstance(x, np.generic):
            x = np.asarray(x)
        if not isinstance(x, np.ndarray):
            return NotImplemented
        base = x
        while isinstance(base.base, np.ndarray):
            base = base.base
        if not base.flags.c_contiguous:
            base = x = np.ascontiguousarray(x)
        offset = (x.__array_interface__["data"][0] - base.__array_interface__["data"][0]) // x.itemsize
        return TENSOR, (Storage(base), offset, x.shape, tuple(s // x.itemsize for s in x.strides), False, OrderedDict())


def zipped(members, zip64=True, compressed=()):
    """A zip archive: zip64 as torch writes it, its entries' lengths, too, when zip64 is 2."""
    out, directory = b"", b""
    for name, data in members:
        packed, method, crc = data, 0, zlib.crc32(data)
        if name in compressed:
            z = zlib.compressobj(9, zlib.DEFLATED, -15)
            packed, method = z.compress(data) + z.flush(), 8
        lengths = struct.pack("<II", len(packed), len(data))
        pad = b"FB" + struct.pack("<H", (-len(out) - len(name) - 34) % 64)
        pad += b"Z" * (len(pad) and struct.unpack("<H", pad[2:])[0])
        at, extra, place = len(out), b"", struct.pack("<I", len(out))
        if zip64 == 2:
            extra = b"XX\2\0ab" + struct.pack("<HHQQQ", 1, 24, len(data), len(packed), at)
            lengths = place = b"\xff" * 8
        common = struct.pack("<HHHI", method, 0, 0, crc)
        directory += (b"PK\1\2" + struct.pack("<HHH", 45, 45, 0) + common + lengths + struct.pack("<HHHHHI", len(name), len(extra), 0, 0,
                      0, 0) + place[:4] + name.encode() + extra)
        out += b"PK\3\4" + struct.pack("<HH", 45, 0) + common + struct.pack("<IIHH", len(packed), len(data), len(name), len(pad))
        out += name.encode() + pad + packed
    at, n, end = len(out), len(members), b""
    if zip64:
        end = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, n, n, len(directory), at)
        end += b"PK\6\7" + struct.pack("<IQI", 0, at + len(directory), 1)
        n, length, at = 0xffff, 0xffffffff, 0xffffffff
    else:
        length = len(directory)
    return out + directory + end + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, n, n, length, at, 0)


def members(text, storages, root="archive"):
    return [(f"{root}/data.pkl", text), (f"{root}/byteorder", b"little"),
            *((f"{root}/data/{i}", x if isinstance(x, bytes) else x.tobytes()) for i, x in enumerate(storages)), (f"{root}/version", b"3\n")]


def save(path, thing, protocol=2, zip64=True, before=b""):
    text = io.BytesIO()
    pickler = Pickler(text, protocol)
    saved = {name: sys.modules.get(name) for name in MODULES}
    sys.modules.update(MODULES)
    try:
        pickler.dump(thing)
    finally:
        for name, module in saved.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
    with open(path, "wb") as out:
        out.write(before + zipped(members(text.getvalue(), pickler.storages), zip64))


def read(path):
    """{key: floats} and settings, as tests/pt prints them; or the line that refuses the file."""
    done = subprocess.run([os.environ["BUILD"] + "/tests/pt", path], capture_output=True, text=True,
                          env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    if done.returncode:
        assert done.returncode == 1 and done.stderr.count("\n") == 1 and done.stderr.startswith("pt: "), done
        return done.stderr
    found, settings = {}, None
    for line in done.stdout.splitlines():
        if line.startswith("settings "):
            settings = json.loads(line[9:])
            continue
        head, numbers = line.split(" :")
        key, *shape = head.split(" ")
        shape = [int(n) for n in shape[0].split("x")] if shape else []
        found[key] = np.array([float.fromhex(x) if "n" not in x else float(x) for x in numbers.split()]).reshape(shape)
    return found, settings


def floats(x):
    if isinstance(x, Bf16):
        return (x.view(np.ndarray).astype("u4") << 16).view("f4")
    return np.asarray(x).astype("f4")


def flat(thing, name=()):
    if isinstance(thing, Parameter):
        thing = thing.data
    if isinstance(thing, Settings):
        thing = vars(thing)
    if isinstance(thing, (np.ndarray, np.generic)):
        yield ".".join(name) or "-", floats(thing)
    elif isinstance(thing, dict):
        for key, x in thing.items():
            if isinstance(x, (int, float)) and not isinstance(x, bool):
                if abs(x) <= 2 ** 63:
                    yield ".".join((*name, str(key))), np.float32(x)
            else:
                yield from flat(x, (*name, str(key)))
    elif isinstance(thing, (list, tuple)):
        for i, x in enumerate(thing):
            yield from flat(x, (*name, str(i)))


def view(dice):
    """A random view of a random array of a random type."""
    dtype = dice.choice(["<f4", "<f2", "<f8", "<i8", "<i4", "<i2", "|u1", "bf16"])
    shape = tuple(int(n) for n in dice.integers(0 if dice.random() < .1 else 1, 7, dice.integers(0, 5)))
    x = dice.standard_normal(shape).astype("f4") * 50
    x = (np.ascontiguousarray(x).view("u4") >> 16).astype("u2").view(Bf16) if dtype == "bf16" else np.abs(x).astype(dtype)
    x = np.array(x, order="C", subok=True, copy=True)
    for _ in range(dice.integers(0, 3)):
        how = dice.integers(5)
        if how == 0:
            x = x.T
        elif how == 1 and x.ndim:
            x = x[dice.integers(0, x.shape[0] + 1):]
        elif how == 2 and x.ndim and x.shape[-1]:
            x = x[..., ::dice.integers(1, 4)]
        elif how == 3 and x.ndim > 1:
            x = np.moveaxis(x, 0, 1)
        elif how == 4 and x.ndim < 5:
            x = np.broadcast_to(x, (3, *x.shape), subok=True)
    return x


def settings():
    cfg = Settings()
    cfg.d_in, cfg.name, cfg.scale, cfg.on, cfg.hook, cfg.more = 24, "relu\u00e9", 1.5, True, None, {"k": [1, "a", (2.5,)], 3: -4}
    return cfg


def wanted_settings(cfg):
    return json.loads(json.dumps(vars(cfg)))


def some(dice, depth=0):
    kind = dice.integers(7 if depth < 3 else 3)
    if kind < 3:
        x = view(dice)
        return Parameter(x) if kind == 0 else x
    if kind == 3:
        return dice.choice([7, -70000, 2.5, 2 ** 40, -2 ** 63, 0]).item()
    if kind == 4:
        return [some(dice, depth + 1) for _ in range(dice.integers(0, 4))]
    if kind == 5:
        return dice.choice(["text", None, True, {1, 2}, b"bytes", complex(1, 2), 1 << 80, Settings])
    return OrderedDict((f"{'abcdef'[i]}.{dice.integers(9)}" if dice.random() < .8 else i, some(dice, depth + 1))
                       for i in range(dice.integers(0, 6)))


def random(seed):
    dice = np.random.default_rng(int(seed))
    for i in range(40):
        x = view(dice) if i == 0 else {"all": some(dice, 1), "x": view(dice), "weights": Parameter(view(dice)), "config": settings(),
                                       "again": None, **dict.fromkeys("pq", dice.standard_normal((4, 5)).astype("f4"))}
        if i > 0:
            x["again"] = x["x"].T
        before = b'{"schema": 5, "cfg": {"a": 1}}\n' if i % 5 == 4 else b""
        save("x.pt", x, 2 + i % 4, i % 3, before)
        found, cfg = read("x.pt")
        wanted = dict(flat(x))
        assert set(found) == set(wanted), (i, set(found) ^ set(wanted))
        for key, numbers in wanted.items():
            assert found[key].shape == numbers.shape, (key, found[key].shape, numbers.shape)
            assert np.array_equal(found[key].astype("f4"), numbers, equal_nan=True), key
        assert cfg == ({"a": 1} if before else wanted_settings(x["config"]) if i else None), cfg


# -- Files that lie --------------------------------------------------------------------------------

HEAD = b"\x80\2"
STORE = b"(X\7\0\0\0storagectorch\n%s\nX\1\0\0\0%sX\3\0\0\0cpu"


def tensor(size=(4,), stride=(1,), offset=0, numbers=4, kind=b"FloatStorage", key=b"0", more=b""):
    def number(n):
        return b"J" + struct.pack("<i", n) if abs(n) < 2 ** 31 else b"\x8a\x08" + struct.pack("<q", n)

    def numbers_of(x):
        return b"(" + b"".join(map(number, x)) + b"t"
    storage = STORE % (kind, key) + number(numbers) + b"tQ"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + number(offset) + numbers_of(size) + numbers_of(stride) + b"\x89N" + more + b"tR"


def map_of(*pairs):
    return HEAD + b"}(" + b"".join(b"X" + struct.pack("<I", len(k)) + k + v for k, v in pairs) + b"u."


def wide(leaf, levels=7):
    """Maps of maps, with 16^levels ways to one leaf."""
    text = HEAD + leaf + b"q\0" + b"0"
    for i in range(levels):
        text += b"}(" + b"".join(b"X\1\0\0\0%ch%c" % (97 + j, i) for j in range(16)) + b"uq%c0" % (i + 1)
    return text + b"h%c." % levels


def loop():
    return HEAD + b"}q\0(X\1\0\0\0ah\0X\1\0\0\0x" + tensor() + b"u."


FOUR = np.arange(4, dtype="f4")
HOSTILE = [
    (b"", "cut short"), (HEAD, "cut short"), (b".", "an empty stack"), (b"N", "cut short"), (b"N(.", "an empty stack"),
    (b"cposix\nsystem\nX\2\0\0\0lsi.", "opcode 0x69"), (b"(S'ls'\nos\nsystem\no.", "opcode 0x53"), (b"P1\n.", "opcode 0x50"),
    (b"\x82\1.", "opcode 0x82"), (b"I1\n.", "opcode 0x49"), (b"\x97.", "opcode 0x97"),
    (b"u.", "no mark"), (b"}(Nu.", "a key without a value"), (b"](NNu.", "a key in what is no map"), (b"}Na.", "an item in what is no list"),
    (b"h\0.", "an empty place of the memo"), (b"j\xff\xff\xff\xff.", "an empty place"), (b"Nr\xff\xff\xff\xff.", "a memo of more"),
    (b"X\xff\xff\xff\xffab.", "cut short"), (b"\x8d" + b"\xff" * 8 + b"ab.", "cut short"), (b"\x8a\xffab.", "cut short"),
    (b"cabc", "cut short"), (b"ca\nb", "cut short"), (b"R.", "an empty stack"), (b"NR.", "an empty stack"), (b"Q.", "an empty stack"),
    (b"1.", "no mark"), (b"0.", "an empty stack"), (b"2.", "an empty stack"), (b"\x87.", "an empty stack"), (b"N\x86.", "an empty stack"),
    (HEAD + b"N" * (1 << 21) + b".", "more than 1048576 values"),
    (wide(tensor()), "more than 65536 arrays"), (wide(b"]"), "lead to more than 1048576 values"),
    (map_of((b"w", tensor()), (b"config", b"](X\0\0\x10\0" + b"a" * (1 << 20) + b"q\0" + b"h\0" * 999 + b"e")),
     "lead to more than 1048576 values"),
    (map_of((b"a.b", tensor()), (b"a", b"}(X\1\0\0\0b" + tensor() + b"u")), "two arrays are named a.b"),
    (map_of((b"\xff", tensor())), "no UTF-8"),
    (HEAD + tensor(size=(5,)) + b".", "leaves its storage"), (HEAD + tensor(offset=1) + b".", "leaves its storage"),
    (HEAD + tensor(stride=(2,)) + b".", "leaves its storage"), (HEAD + tensor(stride=(-1,)) + b".", "a length, stride or offset"),
    (HEAD + tensor(size=(-1,)) + b".", "a length, stride or offset"), (HEAD + tensor(offset=-1) + b".", "a length, stride or offset"),
    (HEAD + tensor(numbers=-4) + b".", "a length, stride or offset"), (HEAD + tensor(numbers=5) + b".", "16 bytes for 5 numbers"),
    (HEAD + tensor(numbers=2 ** 62 + 4) + b".", "16 bytes for"),
    (HEAD + tensor(size=(2 ** 62, 4), stride=(4, 1)) + b".", "leaves its storage"),
    (HEAD + tensor(size=(2 ** 32, 2 ** 32), stride=(2 ** 32, 2 ** 32)) + b".", "leaves its storage"),
    (HEAD + tensor(size=(2 ** 40, 2 ** 40), stride=(0, 0)) + b".", "leaves its storage"),
    (HEAD + tensor(size=(2 ** 45,), stride=(0,)) + b".", "memory"),
    (HEAD + tensor(size=(1,) * 7, stride=(1,) * 7) + b".", "a shape that cannot be read"),
    (HEAD + tensor(size=(2, 2), stride=(1,)) + b".", "a shape that cannot be read"),
    (HEAD + tensor(kind=b"BoolStorage", numbers=16) + b".", "numbers of type bool"),
    (HEAD + tensor(kind=b"CharStorage") + b".", "numbers of a CharStorage"), (HEAD + tensor(kind=b"Evil") + b".", "numbers of a Evil"),
    (HEAD + tensor(more=b"}(X\3\0\0\0neg\x88u") + b".", "negated or conjugated"),
    (HEAD + tensor(key=b"7") + b".", "no member archive/data/7"),
    (HEAD + b"ctorch._utils\n_rebuild_tensor_v2\n)R.", "a tensor that cannot be read"),
    (HEAD + b"ctorch._utils\n_rebuild_tensor_v2\nNR.", "a tensor that cannot be read"),
    (HEAD + b"ctorch._utils\n_rebuild_tensor_v2\n(NK\0))tR.", "without a storage"),
    (HEAD + b"ctorch._utils\n_rebuild_tensor_v2\n(NQK\0))tR.", "without a storage"),
    (HEAD + b"ctorch._utils\n_rebuild_parameter\n)R.", "holds no array"),
]


def hostile():
    for text, words in HOSTILE:
        open("x.pt", "wb").write(zipped(members(text, [FOUR])))
        line = read("x.pt")
        assert isinstance(line, str) and words in line, (text[:80], words, line)
    open("x.pt", "wb").write(zipped(members(loop(), [FOUR])))
    assert list(read("x.pt")[0]) == ["x"]
    good = members(HEAD + tensor() + b".", [FOUR])
    for words, archive in (
            ("is compressed", zipped(good, compressed=["archive/data/0"])), ("pickle is compressed", zipped(good, compressed=["archive/data.pkl"])),
            ("not little-endian", zipped([(k, b"big" if k.endswith("order") else x) for k, x in good])),
            ("two members are named archive/data/0", zipped([*good, ("archive/data/0", (-FOUR).tobytes())])),
            ("two pickles", zipped([*good, ("b/data.pkl", good[0][1])])),
            ("cannot be read", zipped(good, 0)[:-12] + b"\x03\0" + zipped(good, 0)[-10:]),
            ("TorchScript", zipped([*good, ("archive/constants.pkl", b"")])),
            ("torch before 1.6", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."),
            ("cannot be read", zipped(good)[:-30]), ("neither .npy", zipped(good)[64:])):
        open("x.pt", "wb").write(archive)
        line = read("x.pt")
        assert isinstance(line, str) and words in line, (words, line)
    for zip64 in range(3):
        open("x.pt", "wb").write(zipped(good, zip64))
        assert np.array_equal(read("x.pt")[0]["-"], FOUR)


def one(path):
    dice = np.random.default_rng(1)
    x = dice.standard_normal((6, 4)).astype("f4")
    save(path, {"state_dict": OrderedDict(W=Parameter(x.T), b=x[:, 1], e=np.broadcast_to(x, (2, 6, 4))), "config": settings(), "k": 3,
                "list": [x, {"a": np.float16(1)}]}, 2, 2)


if __name__ == "__main__":
    {"random": random, "hostile": hostile, "one": one}[sys.argv[1]](*sys.argv[2:])
