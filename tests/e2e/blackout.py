"""Paths die and come back under traffic: as long as one is left, not one datagram is lost."""

import time

import harness
import paths

RATE = harness.eased(1000)


def forwarded(test, bridge):
    stats = test.tell(bridge, "stats")
    return min(stats["up"]["forwarded"], stats["down"]["forwarded"])


def black_out(test, tunnel, dark, what):
    """Blacks these bridges out until mpclient has noticed, and some longer; waits until they carry data again."""
    start = len(tunnel.client.log())
    for bridge in dark:
        test.tell(bridge, "blackout on")
    for bridge in dark:
        tunnel.client.wait_for(f"bridge b{tunnel.bridges.index(bridge)} is down", 20, start)
    time.sleep(1)
    start = len(tunnel.client.log())
    for bridge in dark:
        test.tell(bridge, "blackout off")
    for bridge in dark:
        tunnel.client.wait_for(f"bridge b{tunnel.bridges.index(bridge)} is up", 20, start)
    before = [forwarded(test, bridge) for bridge in dark]
    # In a second, unless the machine is busy; probes alone are fewer in all that time.
    paths.until(lambda: all(forwarded(test, bridge) - had >= RATE // 2 for bridge, had in zip(dark, before)),
                f"{what}: the bridges that came back carry", 5)


def carry(test, encrypt):
    name = "sealed" if encrypt else "clear"
    tunnel = harness.standing_tunnel(test, 3, encrypt, name=f"{name}: ")
    send = test.send(tunnel.port, "--for", 60, "--rate", RATE, "--size", "0-1200", name=f"{name}: send")
    time.sleep(1)
    for dark in ([0], [0, 1], [1, 2]):
        black_out(test, tunnel, [tunnel.bridges[i] for i in dark], f"{name}, dark {dark}")
    send.signal(harness.signal.SIGINT)
    result = send.json()
    tunnel.echo.stop()
    harness.check_clean(result, name)
    harness.check_clean(tunnel.echo.json(), name)
    harness.say(f"{name}: {result['sent']} datagrams, 0 lost, p99.9 {result['latency_ms']['p99.9']} ms")


def one_and_then_all_but_one(test):
    """One path of three, then all but one, dark and back at 1,000 datagrams a second; 0 lost"""
    harness.in_parallel(lambda: carry(test, True), lambda: carry(test, False))


def all_paths(test):
    """All paths dark: what is sent then is lost, and a second after the light is back everything passes again"""
    tunnel = harness.standing_tunnel(test, 2)
    for bridge in tunnel.bridges:
        test.tell(bridge, "blackout 0:3")
    harness.check_clean(test.send(tunnel.port, "--for", 3, "--rate", 200, "--drain", 0).json(), "dark", 600)
    time.sleep(1)
    harness.check_clean(test.send(tunnel.port, "--for", 1, "--rate", RATE).json(), "after the dark")


if __name__ == "__main__":
    harness.run(one_and_then_all_but_one, all_paths, together=True)
