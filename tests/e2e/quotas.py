"""What one key may take: sessions, flows and bits a second, and how many clients mpserver takes."""

import signal
import socket
import threading
import time

import harness
from harness import check
from rings import Ring, finish, is_in, make_key, passes, stream

# So much may come at once beyond the rate: one datagram of any size always passes.
BURST_BYTES = 65536


def max_flows(test):
    """A key has as many flows at the target as it may, those of other keys are not touched"""
    ring = Ring(test, "flows", ["alice max-flows=3", "bob"]).start()
    alice, bob = ring.client("alice"), ring.client("bob")
    is_in(alice)
    is_in(bob)
    send = test.send(alice.port, "--for", 3, "--rate", 400, "--flows", 10, "--seed", 1, name="flows: alice send")
    harness.check_clean(test.send(bob.port, "--for", 3, "--rate", 400, "--flows", 10, "--seed", 2, name="flows: bob send").json(), "bob")
    result = send.json()
    check(result["duplicates"] == result["corrupted"] == result["foreign"] == 0, f"alice: {result}")
    harness.check_range(result["received"] / result["sent"], 0.29, 0.31, "alice's share that came back")
    ring.server.wait_for(r"client alice/\S+ has as many flows as its max-flows allows: new ones are refused", 5)
    # More room holds at once.
    ring.write(["alice max-flows=10", "bob"])
    ring.reload()
    harness.check_clean(test.send(alice.port, "--for", 1, "--rate", 400, "--flows", 7, "--seed", 3, name="flows: more").json(), "more")
    ring.echo.stop()
    check(ring.echo.json()["sources"] == 3 + 10 + 7, f"the target saw {ring.echo.json()['sources']} flows")


def max_sessions(test):
    """A key has as many sessions as it may: one more is refused, and both ends say why"""
    ring = Ring(test, "sessions", ["alice max-sessions=1", "bob"]).start()
    first = ring.client("alice", "client-id first")
    is_in(first)
    beside = stream(test, first)
    second = ring.client("alice", "client-id second", name="second alice")
    second.client.wait_for("mpserver refuses the session: its key has as many sessions as it may", 20)
    ring.server.wait_for(r"client alice/\S+ has as many sessions as its max-sessions allows: new ones are refused", 5)
    is_in(ring.client("bob"))
    check(ring.names() == ["alice", "bob"], f"{ring.names()} are there")
    finish(beside)
    first.client.stop()
    is_in(second)
    passes(test, second)


def max_clients(test):
    """max-clients counts all, max-clients-per-network those without a key of their own"""
    shared = make_key()
    test.file("shared.key", shared + "\n")
    ring = Ring(test, "clients", ["alice", "bob", "carol"],
                ["key-file shared.key", "max-clients 3", "max-clients-per-network 1"]).start()

    def refused(tunnel):
        tunnel.client.wait_for("mpserver refuses the session: no room for another session", 20)

    is_in(ring.client("shared", key=shared))
    refused(ring.client("shared", "client-id second", name="second", key=shared))
    is_in(ring.client("alice"))
    is_in(ring.client("bob"))
    refused(ring.client("carol"))
    check(ring.names() == [None, "alice", "bob"], f"{ring.names()} are there")


def answer_eightfold(target, stop):
    """A target that sends 8 datagrams of 500 bytes for each that it gets."""
    while not stop.is_set():
        try:
            _, address = target.recvfrom(2048)
        except socket.timeout:
            continue
        for _ in range(8):
            target.sendto(bytes(500), address)


def bytes_from_target(tunnel, seconds, requests_per_second):
    """What an application gets that asks so often for 4,000 bytes."""
    got = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as application:
        application.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        application.connect(("127.0.0.1", tunnel.port))
        start = time.monotonic()
        sent = 0
        while (now := time.monotonic()) < start + seconds + 0.5:
            while now < start + seconds and sent < (now - start) * requests_per_second:
                application.send(b"more")
                sent += 1
            application.settimeout(0.004)
            try:
                while True:
                    got += len(application.recv(2048))
            except socket.timeout:
                pass
    return got, sent * 4000


def max_rate(test):
    """A key has as many bits a second as it may, to the target and from it, each for itself"""
    seconds, rate_bytes = 4, 125000

    def to_target():
        sink = test.start(["udp_probe", "sink", "--listen", "127.0.0.1:0"], "rate: sink")
        ring = Ring(test, "up", ["alice max-rate=1Mbit"],
                    target=int(sink.wait_for("^listening ").rsplit(":", 1)[1])).start()
        alice = ring.client("alice")
        is_in(alice)
        test.send(alice.port, "--for", seconds, "--rate", 1000, "--size", 500, "--one-way", "--drain", 0.5, name="up: send").json()
        sink.signal(signal.SIGINT)
        return ring, sink.json()["received_bytes"]

    def from_target():
        stop = threading.Event()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as target:
            target.bind(("127.0.0.1", 0))
            target.settimeout(0.2)
            thread = threading.Thread(target=answer_eightfold, args=(target, stop))
            thread.start()
            try:
                ring = Ring(test, "down", ["alice max-rate=1Mbit", "bob"], target=target.getsockname()[1]).start()
                tunnels = [ring.client("alice"), ring.client("bob")]
                for tunnel in tunnels:
                    is_in(tunnel)
                limited, free = harness.in_parallel(*(lambda t=tunnel: bytes_from_target(t, seconds, 100) for tunnel in tunnels))
            finally:
                stop.set()
                thread.join()
        harness.check_range(free[0] / free[1], 0.97, 1, "bob's share of the answers")
        return ring, limited[0]

    for (ring, got), way in zip(harness.in_parallel(to_target, from_target), ("to the target", "from the target")):
        harness.check_range(got, int(0.93 * seconds * rate_bytes), int(1.07 * seconds * rate_bytes) + BURST_BYTES, f"bytes {way}")
        check(ring.status()["drops"]["key_rate"] > 500, f"{way}: {ring.status()['drops']}")
        check(ring.server.wait_for_count(r"client alice/\S+ sends or gets more than its max-rate", 1) == 1, f"{way}: not one line in the log")


if __name__ == "__main__":
    harness.run(max_flows, max_sessions, max_clients, max_rate, together=True)
