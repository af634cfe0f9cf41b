"""Ports on which nobody listens. `python3 ports.py` prints one. Needs nothing but Python.

Below the range from which the system itself takes ports: before the server listens, and while it is down, no outgoing
connection can step in (nor one that is meant for the server meet itself).
"""

import os
import socket


def free_port(following: int = 0) -> int:
    """A port nobody listens on, with as many free ones right behind it."""
    for port in range(20000 + os.getpid() % 5000, 32000, following + 1):
        if all(_is_free(port + offset) for offset in range(following + 1)):
            return port
    raise RuntimeError("no free port")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


if __name__ == "__main__":
    print(free_port())
