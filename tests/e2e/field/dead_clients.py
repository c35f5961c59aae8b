"""A client that is killed gives its place in a full network up after 60 s, and the log names the network and its limit.

Real time would be a minute: the case waits for it.
"""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness  # noqa: E402
from harness import check, check_range  # noqa: E402


def client(test, server_port, number):
    """An mpclient with an identity of its own, with the path to the server."""
    config = test.file(f"client-{number}.conf", "\n".join([f"listen 127.0.0.1:{harness.PORTS.take()}", f"client-id c{number}",
                                                           f"127.0.0.1 {server_port}", "keepalive 2"]))
    return test.start(["mpclient", config], name=f"client {number}")


def killed(test):
    """Three clients in a network of two: one is killed, and the third gets its place after a minute, the living one keeps its own"""
    port = harness.PORTS.take()
    config = test.file("mpserver.conf", f"listen 127.0.0.1:{port}\ntarget 127.0.0.1:{harness.PORTS.take()}\n"
                       "max-clients-per-network 2\n")
    server = test.start(["mpserver", config])
    server.wait_for("listening on")
    clients = [client(test, port, number) for number in (1, 2)]
    for each in clients:
        each.wait_for("session with mpserver started")
    clients[0].kill()
    started = time.monotonic()
    third = client(test, port, 3)
    server.wait_for(r"a client from 127.0.0.1:\d+ is refused: 2 clients of 127.0.0.0/24 have a session")
    third.wait_for("no room for another session")
    third.wait_for("session with mpserver started", 75)
    check_range(round(time.monotonic() - started), 55, 70, "seconds until the dead client's place was free")
    check(clients[1].find("ended the session") is None, "the living client lost its session")


if __name__ == "__main__":
    harness.run(killed)
