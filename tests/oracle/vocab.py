"""Vocabularies as tokenizers write them, and what their strings say.

    vocab.py make KIND SEED FILE > activations    writes the vocabulary; each token is one of its ids
    vocab.py check KIND SEED CONTEXTS             are the texts those that plain Python makes of them?"""
import json
import sys

import numpy as np

from make_stream import csr
from semot import read, write


def byte_letters():
    """GPT-2's table: bytes that print are themselves, the others the characters from U+0100 on."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in plain]
    return {**{b: chr(b) for b in plain}, **{b: chr(256 + i) for i, b in enumerate(others)}}


LETTER = byte_letters()


def said(data):
    """What bytes say: those of no character as \\xNN."""
    return data.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def byte_strings(rng):
    """All bytes, and parts of texts that may begin or end within a character."""
    text = " the caf\u00e9 \u4e2d\u6587 \U0001f600\n\t\u05d0\u202e <b> \"q\" \\ \x7f\x1b[0m".encode()
    cut = [(int(a), int(n)) for a, n in zip(rng.integers(0, len(text) - 6, 90), rng.integers(2, 7, 90))]
    parts = {bytes([b]) for b in range(256)} | {text[a:a + n] for a, n in cut} | {b" " + bytes([b]) for b in range(97, 110)}
    return sorted(parts)


def words(rng):
    return [f"w{i}" + "\u00e9\u4e2d\u202e"[:int(rng.integers(0, 4))] for i in range(40)] + ["<b>&amp;", "\u200f\x1b[31m"]


def byte_level(rng):
    parts = byte_strings(rng)
    vocab = {"".join(LETTER[b] for b in part): i for i, part in enumerate(parts)}
    texts = {i: said(part) for i, part in enumerate(parts)}
    return vocab, texts


def bytes_tokenizer(rng):
    vocab, texts = byte_level(rng)
    n = len(vocab)
    added = [{"id": n + 3, "content": "\u0120<|end\u2581of|>", "special": True}, {"id": 5, "content": "  "}]
    texts.update({n + 3: added[0]["content"], 5: "  "})
    merges = [f"{a} {a}" for a in list(vocab)[:50]]
    pre = {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "\\p{L}+"}}, {"type": "ByteLevel"}]}
    return json.dumps({"version": "1.0", "added_tokens": added, "pre_tokenizer": pre, "decoder": {"type": "ByteLevel"},
                       "model": {"type": "BPE", "vocab": vocab, "merges": merges}}, ensure_ascii=bool(rng.integers(2))), texts


def bytes_vocab(rng):
    vocab, texts = byte_level(rng)
    vocab["model"] = len(vocab)             # a word that a tokenizer.json has as a key
    texts[vocab["model"]] = "model"
    return json.dumps(vocab, ensure_ascii=bool(rng.integers(2))), texts


def bytes_lines(rng):
    vocab, texts = byte_level(rng)
    return "\n".join(vocab) + "\n", texts


def spaced(rng):
    """sentencepiece's: bytes, words with and without a space, special ones."""
    pieces = ["<unk>", "<s>", *(f"<0x{b:02X}>" for b in range(256)), *(" " * n for n in range(1, 9)),
              *(mark + w for w in words(rng) for mark in ("", " "))]
    texts = {i: said(bytes([i - 2])) if 2 <= i < 258 else p for i, p in enumerate(pieces)}
    return [p.replace(" ", "\u2581") for p in pieces], texts


def gemma_tokenizer(rng):
    pieces, texts = spaced(rng)
    added = [{"id": 300, "content": "\u2581\u2581", "special": False}]
    texts[300] = "  "
    decoders = [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]
    return json.dumps({"added_tokens": added, "decoder": {"type": "Sequence", "decoders": decoders}, "pre_tokenizer": None,
                       "model": {"type": "BPE", "byte_fallback": True, "vocab": {p: i for i, p in enumerate(pieces)}}}), texts


def unigram_tokenizer(rng):
    pieces, texts = spaced(rng)
    return json.dumps({"model": {"type": "Unigram", "unk_id": 0, "vocab": [[p, -1.5] for p in pieces]},
                       "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581"}}, indent=1), texts


def spaced_vocab(rng):
    pieces, texts = spaced(rng)
    return json.dumps({p: i for i, p in enumerate(pieces)}), texts


def wordpiece(rng):
    pieces = ["[PAD]", "#", "##", *(mark + w for w in words(rng) for mark in ("", "##"))]
    return pieces, {i: p[2:] if p.startswith("##") and len(p) > 2 else " " + p for i, p in enumerate(pieces)}


def wordpiece_tokenizer(rng):
    pieces, texts = wordpiece(rng)
    return json.dumps({"model": {"type": "WordPiece", "vocab": {p: i for i, p in enumerate(pieces)}},
                       "decoder": {"type": "WordPiece", "prefix": "##"}, "added_tokens": []}), texts


def wordpiece_lines(rng):
    pieces, texts = wordpiece(rng)
    return "\n".join(pieces), texts


def suffix_tokenizer(rng):
    """CLIP's."""
    parts = byte_strings(rng)
    pieces = ["".join(LETTER[b] for b in p) for p in parts]
    vocab = {**{p: i for i, p in enumerate(pieces)}, **{p + "</w>": len(pieces) + i for i, p in enumerate(pieces)}}
    texts = {**{i: said(p) for i, p in enumerate(parts)}, **{len(parts) + i: said(p + b" ") for i, p in enumerate(parts)}}
    return json.dumps({"model": {"type": "BPE", "end_of_word_suffix": "</w>", "vocab": vocab},
                       "decoder": {"type": "ByteLevel"}}), texts


def words_lines(rng):
    lines = words(rng)
    return "\n".join(lines) + "\n", {i: " " + w for i, w in enumerate(lines)}


def plain_lines(rng):
    """As they are; lines of Windows."""
    lines = ["{", "", " the", "\\n", "a\tb", "\u00e9", "\u202eb", "\x01"]
    return "\r\n".join(lines) + "\r\n", dict(enumerate(lines))


def broken_lines(rng):
    data = b"\xff\xfe a\nb\xe2\x80\n\xed\xa0\x80\n\xc0\x80\n\xf4\x90\x80\x80\n \xe2\x80\x99"
    return data, dict(enumerate(map(said, data.split(b"\n"))))


KINDS = {make.__name__: make for make in (
    bytes_tokenizer, bytes_vocab, bytes_lines, gemma_tokenizer, unigram_tokenizer, spaced_vocab, wordpiece_tokenizer,
    wordpiece_lines, suffix_tokenizer, words_lines, plain_lines, broken_lines)}

if __name__ == "__main__":
    command, kind, seed, file = sys.argv[1:]
    data, texts = KINDS[kind](np.random.default_rng(int(seed)))
    n = len(texts)
    if command == "make":
        open(file, "wb").write(data if isinstance(data, bytes) else data.encode())
        write("-", {"kind": "activations", "layer": "1", "features": 1, "context": 1, "skip": 0, "history": []}, [{
            "token": np.arange(n, dtype="<u4"), "vocab": np.array(sorted(texts), "<u4"),
            "indptr": csr(None, [1] * n), "feature": np.zeros(n, "<u4"), "value": np.ones(n, "<f4")}])
    else:
        (header, frames), = read(file)
        found = dict(zip(frames[0]["vocab"].tolist(), frames[0]["text"]))
        wrong = {i: (found.get(i), texts[i]) for i in texts if found.get(i) != texts[i]}
        assert not wrong and len(found) == n, wrong
