"""golden.py FOLDER: which fields of the kinds in frame(5) no stream of the folder has, one a line."""
import pathlib
import re
import sys

from semot import read


# Words of these paragraphs that are no fields of the kind.
OTHERS = {"matching": {"beyond"}, "flow": {"row_model"}}


def promised(page):
    """{kind: the names in its tables, and of its header's fields}"""
    found = {}
    for section in page.split("\n.Sh KINDS\n")[1].split("\n.Sh ")[0].split("\n.Ss ")[1:]:
        kind, text = section.split("\n", 1)
        cells = re.findall(r"^\.It Cm (.+?) Ta", text, re.M)
        header = text.partition("\nHeader:")[2].partition("\nThe scores of a graph")[0]
        words = [word for line in re.findall(r"^\.Cm (.+)", header, re.M) for word in line.split()]
        found[kind] = {word.strip(" ,;.()") for cell in cells + words for word in cell.split(" , ")}
        found[kind] -= {"", *OTHERS.get(kind, [])}
    return found


def held(folder):
    found = {}
    for path in pathlib.Path(folder).glob("*.frame"):
        for header, frames in read(path):
            found.setdefault(header["kind"], set()).update(header, *frames)
    return found


there = held(sys.argv[1])
for kind, names in promised((pathlib.Path(__file__).resolve().parents[2] / "man/frame.5").read_text()).items():
    for name in sorted(names - there.get(kind, set())):
        print(f"{kind}: {name}")
