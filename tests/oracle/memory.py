"""memory.py MEGABYTES COMMAND...: runs it, and fails when it ever holds more memory of its own (pages of
mapped files do not count). Looked at between reads of what it writes, so that has to be many."""
import subprocess
import sys

limit, command = int(sys.argv[1]), sys.argv[2:]
process = subprocess.Popen(command, stdout=subprocess.PIPE)
peak = looks = 0
while process.stdout.read1(1 << 16):
    with open(f"/proc/{process.pid}/status") as status:
        peak = max([peak] + [int(line.split()[1]) >> 10 for line in status if line.startswith("RssAnon")])
    looks += 1
if process.wait() != 0 or peak > limit or looks < 10:
    sys.exit(f"{command[0]}: exit status {process.returncode}, {peak} MB in {looks} looks")
