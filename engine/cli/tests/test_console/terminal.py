"""Runs a program on a pseudo-terminal, as someone at a keyboard would.

Standard input holds JSON: {"command": [..], "steps": [[kind, text], ..]}.
A step of the kind "type" sends keys, one of the kind "see" waits for a text
to appear after what was seen before; escape sequences are left out. In the
end the program must leave by itself. Standard output gets JSON:
{"code": .., "screen": .., "missing": ..}.
"""

import fcntl
import json
import os
import pty
import re
import select
import struct
import sys
import termios
import time

PATIENCE = 30
ESCAPES = re.compile(r"\x1b(\[[0-9;?<>=]*[A-Za-z]|[=>])|[\r\x07\x08]")


def main():
    task = json.load(sys.stdin)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(task["command"][0], task["command"])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    raw = bytearray()

    def read(until):
        ready, _, _ = select.select([terminal], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            return False
        try:
            more = os.read(terminal, 65536)
        except OSError:  # the other side is closed
            return False
        raw.extend(more)
        return bool(more)

    def screen():
        return ESCAPES.sub("", raw.decode("utf-8", "replace"))

    seen = 0
    missing = None
    for kind, text in task["steps"]:
        if kind == "type":
            os.write(terminal, text.encode())
            continue
        end = time.monotonic() + PATIENCE
        while True:
            at = screen().find(text, seen)
            if at >= 0:
                seen = at + len(text)
                break
            if not read(end):
                missing = text
                break
        if missing is not None:
            break
    end = time.monotonic() + (1 if missing is not None else PATIENCE)
    while read(end):
        pass
    code = None
    while code is None and time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
        else:
            time.sleep(0.01)
    if code is None:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    json.dump({"code": code, "screen": screen(), "missing": missing}, sys.stdout)


main()
