"""Several clients and applications at once, and datagrams of every size."""

import socket
import time

import harness
from harness import check

# What fits one UDP datagram over IPv4 beside the tunnel's 26 bytes.
LARGEST = 65507


def second_client(test, tunnel, name):
    """Another mpclient of the same mpserver, over the same bridges."""
    other = harness.Tunnel(test, name, target=None)
    other.server, other.server_port = tunnel.server, tunnel.server_port
    other.bridge_lines = tunnel.bridge_lines
    other.start_client()
    other.client.wait_for("session with mpserver started", 20)
    return other


def two_clients_forty_applications(test):
    """Two mpclients with twenty applications each, 0 to 1,400 bytes over lossy paths: replies never cross"""
    tunnel = harness.standing_tunnel(test, 3, options=["--loss", "10", "--jitter", "5"])
    other = second_client(test, tunnel, "other ")
    rate = harness.eased(2000)
    results = harness.in_parallel(*(
        lambda port=t.port, seed=i: test.send(port, "--for", 5, "--rate", rate, "--size", "0-1400", "--flows", 20,
                                              "--seed", 100 + seed).json()
        for i, t in enumerate((tunnel, other))))
    for result in results:
        # 0.1 % each way is lost on all three paths.
        harness.check_clean(result, "two clients", result["sent"] // 100)
    tunnel.echo.stop()
    echoed = tunnel.echo.json()
    harness.check_clean(echoed, "two clients")
    check(echoed["sources"] == 40, f"the target sees {echoed['sources']} sources instead of 40")


def one_client_leaves(test):
    """One of two clients ends; the other does not notice"""
    tunnel = harness.standing_tunnel(test, 2)
    other = second_client(test, tunnel, "other ")
    send = test.send(tunnel.port, "--for", 3, "--rate", harness.eased(1000))
    harness.check_clean(test.send(other.port, "--for", 1, "--rate", harness.eased(1000)).json(), "the one that leaves")
    check(other.client.stop() == 0, "exit code")
    tunnel.server.wait_for("session ended: the program ended")
    harness.check_clean(send.json(), "the one that stays")


def every_size(test):
    """0 to 1,400 bytes, and large ones up to the largest that UDP has, which no packet holds whole"""
    tunnel = harness.standing_tunnel(test, 2)
    for size in ("0-1400", "0", "1", "1400-9000", f"60000-{LARGEST}", str(LARGEST)):
        rate = harness.eased(100 if size.startswith("6") else 1000)
        result = test.send(tunnel.port, "--for", 1, "--rate", rate, "--size", size).json()
        harness.check_clean(result, f"{size} bytes")

def empty_datagrams(test):
    """Empty datagrams arrive as such, after quiet times as well, and nothing empty goes to a bridge"""
    tunnel = harness.standing_tunnel(test, 1, options=["--capture", test.folder / "captured"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as application:
        application.settimeout(5)
        application.connect(("127.0.0.1", tunnel.port))
        for payload in (b"", b"x", b"", b""):
            application.send(payload)
            check(application.recv(10) == payload, "another datagram came back")
            time.sleep(0.7)
    tunnel.bridges[0].stop()
    sizes = {len(datagram) for datagram in harness.captured(test.folder / "captured")}
    check(sizes and 0 not in sizes, f"an empty datagram went to a bridge: {sorted(sizes)}")


if __name__ == "__main__":
    harness.run(two_clients_forty_applications, one_client_leaves, every_size, empty_datagrams, together=True)
