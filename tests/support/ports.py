"""Free loopback ports for brokers that tests start themselves.

Ports are chosen below the range from which the system takes the local ends of outgoing
connections, so that a stopped broker finds its port free when it starts again.
"""

import random
import socket

LOOPBACK = "127.0.0.1"
_LOWEST, _HIGHEST, _TRIES = 20_000, 32_000, 200


def is_free(port: int) -> bool:
    """Tell whether nothing listens on this loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Give ``count`` different ports that are free now; another process may still take them."""
    # Not seeded: two test runs on one machine must not try the same ports in the same order.
    chance = random.SystemRandom()
    found: list[int] = []
    for port in chance.sample(range(_LOWEST, _HIGHEST), _TRIES):
        if is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError(
        f"found {len(found)} free ports among {_TRIES} tried from {_LOWEST} to {_HIGHEST}, "
        f"need {count}: end what listens there"
    )


def free_port() -> int:
    """Give one port that is free now."""
    return free_ports(1)[0]
