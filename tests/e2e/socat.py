"""Bridges that are real socat processes, as the README tells people to run them."""

import shutil
import time

import harness
from harness import PORTS, check

RATE = harness.eased(1000)


def socat(test, port, target, fork=True, name="socat"):
    options = "fork,reuseaddr" if fork else "reuseaddr"
    return test.start(["socat", "-T60", f"udp-listen:{port},{options}", f"udp4:127.0.0.1:{target}"], name)


def tunnel_with(test, name, ports):
    if shutil.which("socat") is None:
        raise harness.Skip("socat is not installed")
    echo = test.echo(name=f"{name}echo")
    tunnel = harness.Tunnel(test, name, target=echo.port)
    tunnel.echo = echo
    for i, port in enumerate(ports):
        tunnel.add_path(port, f"name=b{i}")
    return tunnel


def finish(tunnel, send, name):
    result = send.json(60)
    tunnel.echo.stop()
    harness.check_clean(result, name)
    harness.check_clean(tunnel.echo.json(), name)


def three_and_one_without_fork(test):
    """Three socats with fork and one without; 0 lost at 1,000 datagrams a second"""
    ports = [PORTS.take() for _ in range(4)]
    tunnel = tunnel_with(test, "", ports)
    for i, port in enumerate(ports):
        socat(test, port, tunnel.server_port, fork=i < 3)
    time.sleep(0.3)
    tunnel.start().wait_up()
    finish(tunnel, test.send(tunnel.port, "--for", 5, "--rate", RATE, "--size", "0-1400"), "four socats")


def killed_and_started_again(test):
    """A socat with and one without fork are killed under traffic, one after the other, and started again; 0 lost"""
    ports = [PORTS.take() for _ in range(3)]
    tunnel = tunnel_with(test, "", ports)
    socats = [socat(test, port, tunnel.server_port, fork=i < 2) for i, port in enumerate(ports)]
    time.sleep(0.3)
    tunnel.start().wait_up()
    send = test.send(tunnel.port, "--for", 60, "--rate", RATE, "--size", "0-1400")
    time.sleep(1)
    for i in (1, 2):
        start = len(tunnel.client.log())
        kill_all(socats[i])
        tunnel.client.wait_for(f"bridge b{i} is down", 10, start)
        start = len(tunnel.client.log())
        socat(test, ports[i], tunnel.server_port, fork=i < 2, name="socat again")
        tunnel.client.wait_for(f"bridge b{i} is up", 10, start)
        time.sleep(0.5)
    send.signal(harness.signal.SIGINT)
    finish(tunnel, send, "socat killed")


def kill_all(process):
    """A socat and the children that its fork option made."""
    children = harness.pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
    process.kill()
    for child in children:
        harness.os.kill(int(child), harness.signal.SIGKILL)


def bridges_that_do_not_work(test):
    """A name that does not resolve, a port that refuses and a bridge that appears later delay no other path"""
    ports = [PORTS.take() for _ in range(3)]
    tunnel = tunnel_with(test, "", [ports[0]])
    tunnel.add_path(4000, "name=unknown", host="nonexistent.invalid")
    tunnel.add_path(ports[1], "name=refused").add_path(ports[2], "name=late")
    socat(test, ports[0], tunnel.server_port)
    time.sleep(0.3)
    tunnel.start_server()
    tunnel.start_client()
    up = tunnel.client.wait_for("bridge b0 is up", 5)
    delay_ms = (harness.log_time_ns(up) - harness.log_time_ns(tunnel.client_listening)) / 10**6
    check(delay_ms < 1000, f"the bridge that works took {delay_ms:.0f} ms")
    send = test.send(tunnel.port, "--for", 60, "--rate", RATE)
    tunnel.client.wait_for("bridge unknown: .*trying again", 60)
    tunnel.client.wait_for("bridge refused: nothing listens")
    time.sleep(1)
    socat(test, ports[2], tunnel.server_port, name="late socat")
    # An idle path is probed each 10 s, one in use more often.
    tunnel.client.wait_for("bridge late is up", 15)
    time.sleep(1)
    send.signal(harness.signal.SIGINT)
    finish(tunnel, send, "with bridges that do not work")
    check(tunnel.client.count("bridge refused: nothing listens") == 1, "the refused port is logged more than once")


if __name__ == "__main__":
    harness.run(three_and_one_without_fork, killed_and_started_again, bridges_that_do_not_work, together=True)
