"""terminal.py COMMAND [COLUMNS]: runs COMMAND by bash on a terminal, stdin aside, and prints the
lines that stand there when it has ended. Exits as it does."""
import os
import pty
import re
import sys

COMMAND, COLUMNS = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 80


def screen(text):
    """What is on a terminal of COLUMNS after text: the control sequences that xterm, tmux, screen
    and the Linux console all know."""
    lines, at, wrap = [""], 0, True
    for part in re.findall(r"\x1b\[[?0-9;]*[A-Za-z]|.", text, re.DOTALL):
        if part == "\n":
            lines.append("")
            at = 0
        elif part == "\r":
            at = 0
        elif part == "\x1b[K":
            lines[-1] = lines[-1][:at]
        elif part in ("\x1b[?7l", "\x1b[?7h"):
            wrap = part.endswith("h")
        elif part.startswith("\x1b") or not part.isprintable():
            sys.exit(f"terminal.py: {part!r} is not known")
        else:
            if at == COLUMNS and wrap:
                lines.append("")
                at = 0
            at = min(at, COLUMNS - 1)
            lines[-1] = lines[-1][:at].ljust(at) + part + lines[-1][at + 1:]
            at += 1
    return lines


pid, terminal = pty.fork()
if pid == 0:
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    os.environ["TERM"] = os.environ.get("TERMINAL", "xterm")
    os.execvp("bash", ["bash", "-c", COMMAND])
text = b""
try:
    while chunk := os.read(terminal, 65536):
        text += chunk
except OSError:         # the other side is closed
    pass
print("\n".join(screen(text.decode().replace("\r\n", "\n"))), end="")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
