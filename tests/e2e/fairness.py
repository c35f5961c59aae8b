"""A flood on one client, one flow or one path leaves the others, the timers and the control packets alone."""

import harness
from harness import PORTS, check

PINGS = 1000
# The flood's datagrams are larger than the pings, and the echo behind mpserver does not see them: what is lost or late is
# lost or late in the tunnel.
PING_BYTES, FLOOD_BYTES, SEEN_BYTES = 200, 1400, 1000
# The target is 3 ms, and tests/bench/run measures it. A test that shares its machine can only tell whether anything starves: that
# delays most datagrams, while a processor that others use delays the slowest few.
STARVED_MS, STALLED_MS = 20, 60
SOCKETS = 8


def tunnel_of(test, name, server_port=None, target=None):
    tunnel = harness.Tunnel(test, f"{name}: ", target=target)
    for host in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):
        tunnel.add_path(server_port or tunnel.server_port, f"name={host}", host)
    tunnel.server_listen = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
    return tunnel


def echo_for_pings(test):
    return test.echo("--ignore-above", SEEN_BYTES)


def ping(test, port, name, *options):
    return test.send(port, "--for", 3 if test.is_sanitized else 5, "--rate", 200 if test.is_sanitized else PINGS,
                     "--size", PING_BYTES, *options, name=name)


def flood(test, port, name, *options):
    """As fast as it goes, until it is stopped."""
    return test.start(["udp_probe", "send", f"127.0.0.1:{port}", "--one-way", "--rate", 0, "--for", 60, "--size", FLOOD_BYTES,
                       *options], name)


def judge(test, result, calm, what):
    lost, p99 = result["lost"], result["latency_ms"]["p99"]
    harness.say(f"{what}: {lost} of {result['sent']} lost, RTT p50 {result['latency_ms']['p50']:.2f} ms, p99 {p99:.2f} ms "
                f"(without the flood {calm['latency_ms']['p99']:.2f} ms)")
    check(result["sent"] > 0 and lost <= result["kernel_drops"], f"{what}: {lost} lost, {result['kernel_drops']} by its own socket")
    if not test.is_sanitized:
        p90 = result["latency_ms"]["p90"]
        check(p90 <= STARVED_MS, f"{what}: the 90th percentile is {p90:.2f} ms")
        check(p99 <= STALLED_MS, f"{what}: the 99th percentile is {p99:.2f} ms")


def beside(test, tunnel, what, start_flood, *options):
    """Pings without and with a flood."""
    calm = ping(test, tunnel.port, "calm ping", *options).json()
    flooding = start_flood()
    pinging = ping(test, tunnel.port, "ping", *options)
    harness.favour(pinging)
    result = pinging.json()
    flooding.signal(harness.signal.SIGINT)
    flooded = flooding.json()
    harness.say(f"the flood: {flooded['sent'] / flooded['duration_s']:.0f} datagrams a second")
    judge(test, result, calm, what)
    check(tunnel.client.count("is down") == 0, f"{what}: a path went down")


def one_client_floods(test):
    """One client floods at full rate; another one's 1,000 pings a second lose nothing and stay quick"""
    echo = echo_for_pings(test)
    quiet = tunnel_of(test, "quiet", target=echo.port)
    loud = tunnel_of(test, "loud", quiet.server_port)
    quiet.start()
    loud.start_client()
    for tunnel in (quiet, loud):
        tunnel.client.wait_for("session with mpserver started")
    harness.favour(echo, quiet.server, quiet.client)
    beside(test, quiet, "beside a client that floods", lambda: flood(test, loud.port, "flood"))


def one_flow_floods(test):
    """One application floods at full rate; another one of the same mpclient loses nothing and stays quick"""
    echo = echo_for_pings(test)
    tunnel = tunnel_of(test, "flows", target=echo.port)
    tunnel.start().wait_up()
    harness.favour(echo, tunnel.server, tunnel.client)
    # mpclient has eight receive buffers, chosen by the application's port.
    ports = [PORTS.take() for _ in range(2)]
    while ports[0] % SOCKETS == ports[1] % SOCKETS:
        ports[1] = PORTS.take()
    beside(test, tunnel, "beside a flow that floods",
           lambda: flood(test, tunnel.port, "flood", "--bind", f"127.0.0.1:{ports[1]}"), "--bind", f"127.0.0.1:{ports[0]}")


def one_path_is_flooded(test):
    """Garbage floods the address of one path at mpserver; the tunnel loses nothing and stays quick"""
    echo = echo_for_pings(test)
    tunnel = tunnel_of(test, "path", target=echo.port)
    tunnel.start().wait_up()
    harness.favour(echo, tunnel.server, tunnel.client)
    beside(test, tunnel, "with a path that is flooded", lambda: test.start(
        ["udp_probe", "garbage", f"127.0.0.2:{tunnel.server_port}", "--rate", 200000, "--for", 60, "--mode", "random", "--size",
         "8-1400"], "garbage"))


if __name__ == "__main__":
    harness.run(one_client_floods, one_flow_floods, one_path_is_flooded)
