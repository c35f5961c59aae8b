"""Paths of MTU 1500, 1400 and 1280 behind routers that forward no IP fragments and tell nobody what was too big.

    a --1500-- r --1500, 1400, 1280-- s --1500-- b      for each path; all of them run through the same r and s
"""

import random
import shutil
import time
from pathlib import Path

import harness
import namespaces
import openvpn
import paths
from harness import check, say

MTUS = (1500, 1400, 1280)
HEADERS = {4: 28, 6: 48}  # IP and UDP
FORWARDING = {4: "/proc/sys/net/ipv4/ip_forward", 6: "/proc/sys/net/ipv6/conf/all/forwarding"}
SIZES = {1: 200, 1200: 300, 1472: 300, 1500: 200, 9000: 50, 65507: 10}  # bytes: datagrams a second
SECONDS = 5
WARM_UP = 3.0
FOUND_WITHIN = 10
LOWERED_MTU = 1300
MOST_OVERHEAD = 26  # of a datagram in its packet
REPAIR_OVERHEAD = 10  # of what repairs it, more
MEBIBYTE = 1 << 20


class Routed:
    """Namespaces a and b, and between them routers r and s with links of small MTU, in IPv4 or IPv6."""

    def __init__(self, test, family=4):
        namespaces.need("ip", "nft")
        if family == 6 and not harness.has_ipv6():
            raise harness.Skip("this system has no IPv6")
        self.test, self.family = test, family
        self.a, self.r, self.s, self.b = (test.namespace(name) for name in "arsb")
        for link, mtu in enumerate(MTUS):
            near, mid, far = (self.place(hop, link) for hop in (90, 91, 92))
            namespaces.join(test, f"near{link}", (self.a, near(1)), (self.r, near(2)))
            namespaces.join(test, f"mid{link}", (self.r, mid(1)), (self.s, mid(2)), mtu)
            namespaces.join(test, f"far{link}", (self.s, far(2)), (self.b, far(1)))
            self.route(self.a, far, near(2))
            self.route(self.r, far, mid(2))
            self.route(self.s, near, mid(1))
            self.route(self.b, near, far(2))
        for router in (self.r, self.s):
            namespaces.inside(router, lambda: Path(FORWARDING[family]).write_text("1", encoding="ascii"))
        for namespace in (self.a, self.r, self.s, self.b):
            self.be_strict(namespace)

    def place(self, hop, link):
        """The addresses of one link, by their last number, with their prefix."""
        return lambda host: f"10.{hop}.{link}.{host}/24" if self.family == 4 else f"fd00:{hop}:{link}::{host}/64"

    def route(self, namespace, network, gateway):
        destination = network(0) if self.family == 4 else network("")
        self.test.ip("-n", namespace, "route", "add", destination, "via", gateway.split("/")[0])

    @staticmethod
    def be_strict(namespace):
        """Drops and counts fragments (before they could be joined) and the news that something was too big."""
        namespaces.nft(namespace, "table inet strict {", "counter fragments { }", "counter too_big { }",
                       "chain in {", "type filter hook prerouting priority -450; policy accept;",
                       "ip frag-off & 0x3fff != 0 counter name fragments drop", "exthdr frag exists counter name fragments drop", "}",
                       "chain out {", "type filter hook output priority 0; policy accept;",
                       "icmp type destination-unreachable icmp code frag-needed counter name too_big drop",
                       "icmpv6 type packet-too-big counter name too_big drop", "}", "}")

    def fragments(self):
        return sum(namespaces.counters(namespace)["fragments"] for namespace in (self.a, self.r, self.s, self.b))

    def set_mtu(self, link, mtu):
        for router in (self.r, self.s):
            self.test.ip("-n", router, "link", "set", f"mid{link}", "mtu", mtu)

    def address(self, namespace, link):
        """The address of a's or b's end of a path."""
        return self.place(90 if namespace == self.a else 92, link)(1).split("/")[0]


def tunnel_over(test, net, echo_port):
    tunnel = paths.PathTunnel(test, target=echo_port, client_netns=net.a, server_netns=net.b)
    for link in range(len(MTUS)):
        tunnel.add_path(tunnel.server_port, f"name=b{link}", net.address(net.b, link))
    tunnel.start().wait_up()
    return tunnel


def wait_mtus(tunnel, mtus, what, family=4):
    """Waits until both ends' status has these MTUs, and says how long that took."""
    largest = [mtu - HEADERS[family] for mtu in mtus]
    expected = [{"out": size, "in": size} for size in largest]
    started = time.monotonic()

    def seen():
        client = [tunnel.path(f"b{link}") for link in range(len(mtus))]
        server = [tunnel.other_end(path) for path in client]
        return [path and path["mtu"] for path in client], [path and path["mtu"] for path in server]

    try:
        paths.until(lambda: all(view == expected for view in seen()), what, FOUND_WITHIN, 0.2)
    except harness.Failure:
        say(f"{what}: mpclient, mpserver: {seen()}, true: {expected}")
        raise
    say(f"{what}: after {time.monotonic() - started:.1f} s the status has {largest}")


def all_sizes(test):
    """Datagrams of 1 to 65507 bytes: 0 lost after 3 seconds, the status has the true MTUs, and no IP fragment was relied on"""
    carry_all_sizes(test, 4)


def ipv6(test):
    """The same over IPv6"""
    carry_all_sizes(test, 6)


def carry_all_sizes(test, family):
    net = Routed(test, family)
    echo = test.echo(netns=net.b)
    tunnel = tunnel_over(test, net, echo.port)
    # The search starts with traffic.
    test.send(tunnel.port, "--for", WARM_UP, "--rate", 100, "--size", "1-2000", name="warm-up", netns=net.a).json()
    sends = [test.send(tunnel.port, "--for", SECONDS, "--rate", harness.eased(rate), "--size", size, name=f"{size} bytes", netns=net.a)
             for size, rate in SIZES.items()]
    wait_mtus(tunnel, MTUS, f"search, IPv{family}", family)
    for size, send in zip(SIZES, sends):
        result = send.json()
        say(f"IPv{family}, {size} bytes: {result['sent']} sent, {result['lost']} lost, p99 {result['latency_ms']['p99']} ms")
        harness.check_clean(result, f"{size} bytes")
    check_fragments_told(tunnel, min(MTUS) - HEADERS[family])
    before = net.fragments()
    harness.check_clean(test.send(tunnel.port, "--for", 2, "--rate", 300, "--size", "1-9000", netns=net.a).json(), "once measured")
    check(net.fragments() == before, f"once measured: {net.fragments() - before} IP fragments were sent")


def check_fragments_told(tunnel, most):
    """What costs packets is said: in the status, and in one line of the log. `most` is the least MTU of a path."""
    session = tunnel.status()["session"]
    say(f"fragmented {session['fragmented']}, largest_whole {session['largest_whole']}")
    check(session["fragmented"] > 0, "the status tells of no fragmented datagrams")
    check(most - MOST_OVERHEAD - REPAIR_OVERHEAD - 2 <= session["largest_whole"] <= most - 8, f"largest_whole is {session['largest_whole']}")
    lines = [line for line in tunnel.client.log() if "mssfix" in line]
    check(len(lines) == 1, f"mpclient's log has {len(lines)} lines about mssfix: {lines}")


def lowered(test):
    """A path's MTU falls while traffic flows: noticed within 10 s, 0 lost"""
    net = Routed(test)
    echo = test.echo(netns=net.b)
    tunnel = tunnel_over(test, net, echo.port)
    send = test.send(tunnel.port, "--for", 60, "--rate", harness.eased(500), "--size", "100-1440", netns=net.a)
    wait_mtus(tunnel, MTUS, "search")
    net.set_mtu(0, LOWERED_MTU)
    wait_mtus(tunnel, (LOWERED_MTU, *MTUS[1:]), "lowered")
    # The path carries what it can take, in whatever pieces: the others may fail now.
    start = len(tunnel.client.log())
    for link in (1, 2):
        net.set_mtu(link, 68)
    time.sleep(2)
    send.signal(harness.signal.SIGINT)
    result = send.json()
    check(tunnel.client.find(r"bridge b0 is down", start) is None, "the path with the lower MTU went down")
    harness.check_clean(result, "traffic")


class DefaultVpn(openvpn.TunneledVpn):
    """OpenVPN as it is out of the box."""

    tuning = ()


def vpn(test):
    """OpenVPN with its default MTU settings passes a TCP transfer over the three paths"""
    for program in ("openvpn", "openssl"):
        if shutil.which(program) is None:
            raise harness.Skip(f"{program} is not installed")
    if not Path("/dev/net/tun").exists():
        raise harness.Skip("there is no /dev/net/tun")
    net = Routed(test)
    session = DefaultVpn(test, net, openvpn.Certificates(test), "OpenVPN's defaults", 3, encrypt=True)
    session.start()
    session.wait_connected()
    payload = random.Random(4).randbytes((1 if test.is_sanitized else 4) * MEBIBYTE)
    say(openvpn.measure_transfer(session, payload, "cubic", False))
    session.stop()


if __name__ == "__main__":
    harness.run(all_sizes, ipv6, lowered, vpn, together=True)
