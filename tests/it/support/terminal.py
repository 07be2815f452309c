"""Runs a program on a terminal of its own and types what it is told to, each text as soon as another one is to be seen.

Standard output is either the terminal as well or that of this process. What was on the screen goes to standard error.
"""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

order = json.loads(sys.argv[1])
own_output = os.dup(1)
child, terminal = pty.fork()
if child == 0:
    try:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, order["columns"], 0, 0))
        if order["piped"]:
            os.dup2(own_output, 1)
        os.chdir(order["directory"])
        os.execve(order["program"], [order["program"], *order["arguments"]], order["environment"])
    finally:
        os._exit(127)
# Who reads this process's output waits until the program alone has closed it.
os.close(own_output)
os.dup2(2, 1)

# Colours, and where the cursor goes.
CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
dialogue = [(text.encode(), typed.encode()) for text, typed in order["dialogue"]]
# Only against hanging for ever.
deadline = time.monotonic() + order["patience"]
screen = b""
seen = 0
hangs = False
while True:
    plain = CONTROL.sub(b"", screen)
    while dialogue and plain.find(dialogue[0][0], seen) >= 0:
        text, typed = dialogue.pop(0)
        seen = plain.find(text, seen) + len(text)
        os.write(terminal, typed)
    ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
    if not ready:
        hangs = True
        os.kill(child, signal.SIGKILL)
        break
    try:
        chunk = os.read(terminal, 65536)
    except OSError:
        # So Linux says that nobody has the terminal open any more.
        break
    if not chunk:
        break
    screen += chunk
_, status = os.waitpid(child, 0)
json.dump(
    {
        "code": os.waitstatus_to_exitcode(status),
        "screen": screen.decode("utf-8", "replace"),
        "unanswered": [text.decode() for text, _ in dialogue],
        "hangs": hangs,
    },
    sys.stderr,
)
