"""A bridge is killed, started again, or gets a new address towards mpserver, under traffic."""

import time

import harness
from harness import PORTS, check

RATE = harness.eased(1000)
MILLISECOND = 10**6


def start_bridge(test, tunnel, port, name):
    return test.bridge(tunnel.server_port, listen=f"127.0.0.1:{port}", name=name)


def tunnel_over(test, count, encrypt, name):
    echo = test.echo(name=f"{name}echo")
    tunnel = harness.Tunnel(test, name, encrypt, echo.port)
    tunnel.echo = echo
    ports = [PORTS.take() for _ in range(count)]
    for i, port in enumerate(ports):
        tunnel.bridges.append(start_bridge(test, tunnel, port, f"{name}bridge{i}"))
        tunnel.add_path(port, f"name=b{i}")
    tunnel.start().wait_up()
    return tunnel, ports


def beside_another(test, encrypt):
    name = "sealed: " if encrypt else "clear: "
    tunnel, ports = tunnel_over(test, 2, encrypt, name)
    send = test.send(tunnel.port, "--for", 60, "--rate", RATE, "--size", "0-1200", name=f"{name}send")
    time.sleep(0.5)
    for down_seconds in (0.05, 0.5, 3):
        tunnel.bridges[1].kill()
        time.sleep(down_seconds)
        tunnel.bridges[1] = start_bridge(test, tunnel, ports[1], f"{name}bridge1 again")
        carries_again(test, tunnel, tunnel.bridges[1], f"{name}after {down_seconds} s")
    for _ in range(3):
        test.tell(tunnel.bridges[1], "rebind")
        carries_again(test, tunnel, tunnel.bridges[1], f"{name}after a rebind")
    check(tunnel.server.count(r"path b1 moved") >= 4, f"{name}mpserver does not say that the path moved")
    check(tunnel.server.count(r"path b0 moved") == 0, f"{name}the other path moved")
    send.signal(harness.signal.SIGINT)
    result = send.json()
    tunnel.echo.stop()
    harness.check_clean(result, name)
    harness.check_clean(tunnel.echo.json(), name)


def carries_again(test, tunnel, bridge, what):
    """Waits until a path carries datagrams both ways, for some seconds at most."""
    deadline = time.monotonic() + 5
    start = test.tell(bridge, "stats")
    while time.monotonic() < deadline:
        stats = test.tell(bridge, "stats")
        if all(stats[way]["forwarded"] - start[way]["forwarded"] > RATE // 4 for way in ("up", "down")):
            return
        time.sleep(0.05)
    raise harness.Failure(f"{what}: the bridge carries nothing")


def alone(test, encrypt):
    name = "sealed alone: " if encrypt else "clear alone: "
    tunnel, ports = tunnel_over(test, 1, encrypt, name)
    timeline = test.folder / f"timeline-{ports[0]}"
    send = test.send(tunnel.port, "--for", 60, "--rate", 200, "--timeline", timeline, name=f"{name}send")
    time.sleep(0.5)
    restarts = []
    for down_seconds in (0.1, 0.5, 3):
        tunnel.bridges[0].kill()
        time.sleep(down_seconds)
        tunnel.bridges[0] = start_bridge(test, tunnel, ports[0], f"{name}bridge again")
        restarts.append((down_seconds, harness.now_ns()))
        time.sleep(1.5)
    restarts.append(("rebind", harness.now_ns()))
    test.tell(tunnel.bridges[0], "rebind")
    time.sleep(1.5)
    send.signal(harness.signal.SIGINT)
    harness.check_clean(send.json(), name, 10**6)
    received = [int(line.split()[2]) for line in timeline.read_text(encoding="ascii").splitlines() if line]
    # A rebind leaves some of what was on its way behind: what counts is a stretch of 20 round trips.
    for down_seconds, started in restarts:
        late = sorted(r for r in received if r >= started + (5 * MILLISECOND if down_seconds == "rebind" else 0))
        check(len(late) > 20, f"{name}nothing came back after {down_seconds}")
        delay_ms = (late[20] - started) / MILLISECOND - 20 * 5
        harness.say(f"{name}down for {down_seconds}: back after {delay_ms:.0f} ms")
        check(delay_ms <= 1000, f"{name}back {delay_ms:.0f} ms after the restart")


def beside_another_path(test):
    """A bridge killed and started again, or rebound, while another path is up: 0 lost at 1,000 datagrams a second"""
    harness.in_parallel(lambda: beside_another(test, True), lambda: beside_another(test, False))


def the_only_path(test):
    """The only bridge killed and started again, or rebound: back within a second"""
    harness.in_parallel(lambda: alone(test, True), lambda: alone(test, False))


if __name__ == "__main__":
    harness.run(beside_another_path, the_only_path, together=True)
