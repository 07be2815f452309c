"""Begins every emulator: gives it a free loopback port, and ends it with the test process.

The port is bound here and handed over as a file descriptor, so no other process can take it in between. Standard
input is a pipe whose other end the test process holds: it closes however that process ends, and then this one ends.
"""

import os
import shutil
import socket
import sys
import threading

run_directory = sys.argv[1]
last_log = sys.argv[2]


def end_with_the_tests():
    sys.stdin.buffer.read()
    try:
        os.replace(os.path.join(run_directory, "log"), last_log)
        shutil.rmtree(run_directory, ignore_errors=True)
    finally:
        os._exit(0)


threading.Thread(target=end_with_the_tests, daemon=True).start()

listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
listener.bind(("127.0.0.1", 0))
listener.listen(256)
port = listener.getsockname()[1]


def tell_the_port():
    print(port, flush=True)
    # Nobody reads standard output after the port: what else is printed goes to the log.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
