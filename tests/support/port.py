"""A port for a server that is started elsewhere."""

import socket

HELD = []  # for as long as this process runs


def free_port():
    """
    Nobody else is given it meanwhile. Who sets SO_REUSEADDR, as servers do, may listen on it; until then whoever
    connects to it is refused.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    HELD.append(held)
    return held.getsockname()[1]
