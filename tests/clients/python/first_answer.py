#!/usr/bin/env python3
"""How long a broker takes from its start to its first answer, and whether it ends well.

    first_answer.py HOST:PORT COMMAND...

Starts the command, asks for ApiVersions until it is answered, and prints the milliseconds since just before the start. Then
SIGTERM: the command has to end with status 0.
"""

import os
import signal
import socket
import struct
import sys
import time

# Kafka's key 18, version 0, correlation id 7, no client id.
QUESTION = struct.pack(">ihhih", 10, 18, 0, 7, -1)
PATIENCE = 300.0


def answered(host: str, port: int) -> bool:
    """Whether somebody there answers for itself; nobody may be listening yet."""
    try:
        with socket.create_connection((host, port), timeout=10) as stream:
            stream.sendall(QUESTION)
            answer = stream.makefile("rb").read(14)
    except (ConnectionRefusedError, ConnectionResetError):
        return False
    length, correlation, error, count = struct.unpack(">iihi", answer)
    if correlation != 7 or error != 0 or count < 1 or length < 10 + 6 * count:
        sys.exit(f"not an answer to ApiVersions: {answer!r}")
    return True


def ended(process: int) -> int | None:
    """The exit status, as far as there is one."""
    gone, status = os.waitpid(process, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if gone else None


def main() -> None:
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    host, _, port = sys.argv[1].rpartition(":")
    began = time.monotonic()
    process = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
    try:
        while not answered(host, int(port)):
            status = ended(process)
            if status is not None:
                process = 0
                sys.exit(f"it ended with status {status} before it answered")
            if time.monotonic() - began > PATIENCE:
                sys.exit(f"no answer within {PATIENCE} s")
            time.sleep(0.0005)
        print(f"{(time.monotonic() - began) * 1000:.1f}")
        os.kill(process, signal.SIGTERM)
        deadline = time.monotonic() + 30
        while (status := ended(process)) is None:
            if time.monotonic() > deadline:
                sys.exit("it still runs 30 s after SIGTERM")
            time.sleep(0.01)
        process = 0
        if status != 0:
            sys.exit(f"it ended with status {status} after SIGTERM")
    finally:
        if process:
            os.kill(process, signal.SIGKILL)


if __name__ == "__main__":
    main()
