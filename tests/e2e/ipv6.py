"""IPv6 everywhere, both families mixed, and answers that come from the address that was asked."""

import harness
from harness import PORTS

RATE = harness.eased(1000)


def exchange(test, tunnel, target, what, netns=None, paths=None):
    tunnel.wait_up(paths)
    result = test.send(target, "--for", 2, "--rate", RATE, "--size", "0-1400", netns=netns).json()
    tunnel.echo.stop()
    harness.check_clean(result, what)
    harness.check_clean(tunnel.echo.json(), what)


def need_ipv6():
    if not harness.has_ipv6():
        raise harness.Skip("this host has no IPv6")


def ipv6_alone(test):
    """Application, bridges, mpserver and target on ::1"""
    need_ipv6()
    echo = test.echo(listen="[::1]:0")
    tunnel = harness.Tunnel(test, target=("::1", echo.port), listen="::1")
    tunnel.echo = echo
    tunnel.server_listen = ("::1",)
    for i in range(2):
        bridge = test.bridge(f"[::1]:{tunnel.server_port}", listen="[::1]:0")
        tunnel.add_path(bridge.port, f"name=b{i}", host="::1" if i == 0 else "[::1]")
    exchange(test, tunnel.start(), f"[::1]:{tunnel.port}", "IPv6")


def families_mixed(test):
    """An IPv4 application, a path of each family, one that changes family at the bridge, and an IPv6 target"""
    need_ipv6()
    echo = test.echo(listen="[::1]:0")
    tunnel = harness.Tunnel(test, target=("::1", echo.port))
    tunnel.echo = echo
    tunnel.server_listen = ()
    ways = (("127.0.0.1", "127.0.0.1"), ("[::1]", "[::1]"), ("127.0.0.1", "[::1]"), ("[::1]", "127.0.0.1"))
    for i, (here, there) in enumerate(ways):
        bridge = test.bridge(f"{there}:{tunnel.server_port}", listen=f"{here}:0", name=f"bridge{i}")
        tunnel.add_path(bridge.port, f"name=b{i}", host=here)
    exchange(test, tunnel.start(), f"127.0.0.1:{tunnel.port}", "mixed")


def answers_from_the_address_that_was_asked(test):
    """mpserver listens on all addresses and is asked at 127.0.0.2 and 127.0.0.3, by bridges that take answers from there alone"""
    echo = test.echo()
    tunnel = harness.Tunnel(test, target=echo.port)
    tunnel.echo = echo
    tunnel.server_listen = ()
    for i in (2, 3):
        bridge = test.bridge(f"127.0.0.{i}:{tunnel.server_port}", name=f"bridge{i}")
        tunnel.add_path(bridge.port, f"name=b{i}")
    exchange(test, tunnel.start(), f"127.0.0.1:{tunnel.port}", "127.0.0.2")


def application_gets_answers_from_where_it_sent_to(test):
    """mpclient listens on all addresses; an application asks at 127.0.0.2 and takes answers from there alone"""
    echo = test.echo()
    tunnel = harness.Tunnel(test, target=echo.port, listen="*")
    tunnel.echo = echo
    tunnel.add_bridges(1)
    tunnel.start().wait_up()
    with harness.socket.socket(harness.socket.AF_INET, harness.socket.SOCK_DGRAM) as application:
        application.settimeout(5)
        application.connect(("127.0.0.2", tunnel.port))
        application.send(b"who answers?")
        harness.check(application.recv(100) == b"who answers?", "another answer")


def no_ipv6(test):
    """IPv6 is switched off: both listen on IPv4 alone, and a bridge with an IPv6 address delays no other path"""
    netns = test.namespace("4")
    off = test.start(["sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6"], netns=netns)
    harness.check(off.wait() == 0, "IPv6 can't be switched off")
    echo = test.echo(netns=netns)
    tunnel = harness.Tunnel(test, target=echo.port, listen="localhost")
    tunnel.echo = echo
    tunnel.netns = netns
    tunnel.server_listen = ()
    bridge = test.bridge(tunnel.server_port, netns=netns)
    tunnel.add_path(bridge.port, "name=b0").add_path(PORTS.take(), "name=b1", host="::1")
    exchange(test, tunnel.start(), f"127.0.0.1:{tunnel.port}", "IPv4 alone", netns, 1)


if __name__ == "__main__":
    harness.run(ipv6_alone, families_mixed, answers_from_the_address_that_was_asked,
                application_gets_answers_from_where_it_sent_to, no_ipv6, together=True)
