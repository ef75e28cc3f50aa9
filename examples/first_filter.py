"""Scales the activations of a stream: first_filter.py 0.5 <a >b"""
import signal
import sys

import numpy as np

from semot import read, write

signal.signal(signal.SIGPIPE, signal.SIG_DFL)
try:
    by = np.float32(sys.argv[1])
    for header, frames in read("-"):
        if header.get("kind") != "activations":
            raise ValueError(f"a stream of {header.get('kind')}, where activations are read")
        for frame in frames:
            frame["value"] *= by
        history = header.get("history", []) + [["first_filter.py", "1", sys.argv[1:]]]
        write("-", {**header, "history": history}, frames)
except Exception as problem:
    sys.exit(f"first_filter.py: {problem}")
