"""XXH64 with seed 0 in plain Python, from its specification, under the names of python3-xxhash: tests find it
in place of that, so that semot.py checks and writes checksums in them by other code than the programs do."""
import struct

P1, P2, P3, P4, P5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63,
                      0x27D4EB2F165667C5)
MASK = (1 << 64) - 1


class xxh64:
    def __init__(self, data=b""):
        self.data = bytearray(data)

    def update(self, data):
        self.data += data

    def intdigest(self):
        return digest(self.data)


def rotate(x, n):
    return (x << n | x >> 64 - n) & MASK


def digest(data):
    def mix(lane, word):
        return rotate((lane + word * P2) & MASK, 31) * P1 & MASK

    whole = len(data) // 32 * 32
    if whole:
        lanes = [(P1 + P2) & MASK, P2, 0, -P1 & MASK]
        for words in struct.iter_unpack("<4Q", memoryview(data)[:whole]):
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
