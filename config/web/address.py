"""Owns the socket that the web server listens on."""

from __future__ import annotations

import socket


def bound_socket(bind: str, port: int) -> socket.socket:
    """A TCP socket at an address of this machine. Raises OSError if it is taken, or is none."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off; else each answer would take 40 ms longer.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((bind, port))
    except OSError:
        bound.close()
        raise
    return bound
