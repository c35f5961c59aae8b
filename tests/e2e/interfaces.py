"""Network interfaces, addresses and NATs that change under traffic: the path follows at once, and nothing is lost.

Namespaces a (mpclient) and b (mpserver) are joined by veth links; one more path leads through a router that masquerades.
"""

import socket
import struct
import time
from pathlib import Path

import harness
import namespaces
import paths
from harness import check, say

RATE = harness.eased(1000)
LINKS = 3
DOWN_WITHIN, UP_WITHIN = 0.5, 2.0
# Of a lost carrier the kernel tells up to a second late (net/core/link_watch.c).
CARRIER_LOST_WITHIN = 1.5
SERVER = "10.95.0.2"  # an address of b that every link leads to
# Linux's ctnetlink: <linux/netfilter/nfnetlink.h> and nfnetlink_conntrack.h
NETLINK_NETFILTER, CONNTRACK_DELETE, REQUEST_AND_ACK = 12, 1 << 8 | 2, 1 | 4


class Links:
    """Link i is p<i> at both ends, with 10.90.<i>.1 in a and .2 in b; over it a reaches SERVER."""

    def __init__(self, test, count):
        namespaces.need("ip", "nft")
        self.test = test
        self.a, self.b = test.namespace("a"), test.namespace("b")
        test.ip("-n", self.b, "address", "add", f"{SERVER}/32", "dev", "lo")
        for link in range(count):
            self.add(link)

    def add(self, link):
        namespaces.join(self.test, f"p{link}", (self.a, f"10.90.{link}.1/24"), (self.b, f"10.90.{link}.2/24"))
        self.add_route(link)

    def add_route(self, link):
        self.test.ip("-n", self.a, "route", "add", f"{SERVER}/32", "via", f"10.90.{link}.2", "dev", f"p{link}", "metric", 10 + link)

    def remove(self, link):
        self.test.ip("-n", self.a, "link", "delete", f"p{link}")

    def set(self, namespace, link, state):
        self.test.ip("-n", namespace, "link", "set", f"p{link}", state)
        if namespace == self.a and state == "up":
            self.add_route(link)  # the kernel took it away

    def replace_address(self, link, old, new):
        """An address goes, and with it the routes over it; another comes."""
        self.test.ip("-n", self.a, "address", "delete", f"{old}/24", "dev", f"p{link}")
        self.test.ip("-n", self.a, "address", "add", f"{new}/24", "dev", f"p{link}")

    def came(self, namespace, link):
        """Packets that came in over the link."""
        return packets_in(namespace, f"p{link}")


def packets_in(namespace, device):
    """Packets that came in at the interface."""
    # Not from /sys, which shows the namespace that it was mounted in.
    table = namespaces.inside(namespace, lambda: Path("/proc/thread-self/net/dev").read_text(encoding="ascii"))
    for line in table.splitlines():
        name, _, fields = line.partition(":")
        if name.strip() == device:
            return int(fields.split()[1])
    raise harness.Failure(f"{namespace} has no {device}")


class Traffic:
    """A tunnel from a to b under traffic for as long as the case runs."""

    def __init__(self, test, links, lines, statements=(), up=None):
        self.test, self.links = test, links
        self.echo = test.echo(netns=links.b)
        self.tunnel = paths.PathTunnel(test, target=self.echo.port, client_netns=links.a, server_netns=links.b)
        self.tunnel.statements += statements
        for host, options in lines:
            self.tunnel.add_path(self.tunnel.server_port, options, host)
        self.tunnel.start().wait_up(up)
        self.send = test.send(self.tunnel.port, "--for", 100, "--rate", RATE, "--size", "0-1000", netns=links.a)
        time.sleep(0.5)

    def check_carries(self, link, what):
        """The link carries its share, each way."""
        ends = (self.links.b, self.links.a)
        before = [self.links.came(end, link) for end in ends]
        # In half a second, unless the machine is busy; probes alone are fewer in all that time.
        paths.until(lambda: all(self.links.came(end, link) - had >= 0.3 * RATE for end, had in zip(ends, before)),
                    f"{what}: the link carries its share, each way", 3)

    def wait_down(self, name, what, within=DOWN_WITHIN):
        """The path is not in use any more, and the status has words for it."""
        started = time.monotonic()

        def look():
            path = self.tunnel.path(name)
            return path if path is not None and path["state"] == "down" else None

        path = paths.until(look, f"{what}: {name} is down", within, 0.02)
        say(f"{what}: down after {1000 * (time.monotonic() - started):.0f} ms: {path['problem']}")
        check(path["problem"], f"{what}: the status has no words for it")

    def wait_up(self, name, link, what, local=None):
        started = time.monotonic()

        def look():
            path = self.tunnel.path(name)
            return path is not None and path["state"] == "up" and (local is None or path["local"].startswith(f"{local}:"))

        paths.until(look, f"{what}: {name} is up" + (f" from {local}" if local else ""), UP_WITHIN, 0.02)
        say(f"{what}: up after {1000 * (time.monotonic() - started):.0f} ms")
        self.check_carries(link, what)

    def finish(self):
        self.send.signal(harness.signal.SIGINT)
        harness.check_clean(self.send.json(), "traffic")
        self.echo.stop()
        harness.check_clean(self.echo.json(), "echo")


def come_and_go(test):
    """Down and up, another address, deleted and made again, down at the far end: each at 1,000 datagrams a second, 0 lost"""
    links = Links(test, LINKS)
    traffic = Traffic(test, links, [(f"10.90.{link}.2", f"dev=p{link} name=b{link}") for link in range(LINKS)])

    links.set(links.a, 0, "down")
    traffic.wait_down("b0", "link down")
    time.sleep(1)
    links.set(links.a, 0, "up")
    traffic.wait_up("b0", 0, "link up")

    links.replace_address(1, "10.90.1.1", "10.90.1.77")
    traffic.wait_up("b1", 1, "another address", "10.90.1.77")

    links.remove(2)
    traffic.wait_down("b2", "interface deleted")
    time.sleep(1)
    links.add(2)
    traffic.wait_up("b2", 2, "interface made again")

    links.set(links.b, 0, "down")
    traffic.wait_down("b0", "link down at the far end", CARRIER_LOST_WITHIN)
    time.sleep(1)
    links.set(links.b, 0, "up")
    traffic.wait_up("b0", 0, "link up at the far end")
    traffic.finish()


class Router:
    """A namespace r between a and b that gives what a sends an address and port of its own."""

    def __init__(self, test, links):
        self.test = test
        self.namespace = test.namespace("r")
        namespaces.join(test, "near", (links.a, "10.91.0.1/24"), (self.namespace, "10.91.0.254/24"))
        namespaces.join(test, "far", (self.namespace, "10.92.0.254/24", "10.92.0.253/24"), (links.b, "10.92.0.2/24"))
        test.ip("-n", links.a, "route", "add", "10.92.0.0/24", "via", "10.91.0.254")
        namespaces.inside(self.namespace, lambda: Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii"))

    def translate(self, address, port):
        """What goes out from now on, also of those who are known already, leaves from this address and a port from this one on."""
        namespaces.nft(self.namespace, "add table ip nat", "delete table ip nat", "table ip nat {", "chain out {",
                       "type nat hook postrouting priority 100; policy accept;",
                       f'oifname "far" meta l4proto udp snat to {address}:{port}-{port + 99}', "}", "}")
        namespaces.inside(self.namespace, forget_connections)


def forget_connections():
    """What conntrack --flush does, for the namespace of this thread."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as channel:
        channel.bind((0, 0))
        channel.settimeout(5)
        channel.send(struct.pack("=IHHII", 20, CONNTRACK_DELETE, REQUEST_AND_ACK, 1, 0) + struct.pack("=BBH", 0, 0, 0))
        answer = channel.recv(4096)
        error = struct.unpack_from("=i", answer, 16)[0]
        check(error == 0, f"conntrack could not be flushed: error {-error}")


def nat_rebind(test):
    """A router changes the port, and then the address, that it translates to: followed at once, 0 lost"""
    links = Links(test, 2)
    router = Router(test, links)
    places = [("10.92.0.254", 20000), ("10.92.0.254", 30000), ("10.92.0.253", 30000), ("10.92.0.254", 20000)]
    router.translate(*places[0])
    lines = [(f"10.90.{link}.2", f"dev=p{link} name=b{link}") for link in range(2)] + [("10.92.0.2", "name=nat")]
    traffic = Traffic(test, links, lines)
    for address, port in places:
        router.translate(address, port)
        started = time.monotonic()

        def followed():
            path = traffic.tunnel.path("nat")
            here = traffic.tunnel.other_end(path)
            if here is None:
                return False
            host, _, shown = here["remote"].rpartition(":")
            return host == address and port <= int(shown) < port + 100 and path["state"] == here["state"] == "up"

        paths.until(followed, f"mpserver's path leads to {address}:{port}", UP_WITHIN, 0.02)
        say(f"{address}:{port}: followed after {1000 * (time.monotonic() - started):.0f} ms")
        check_nat_carries(router, f"{address}:{port}")
    traffic.finish()


def check_nat_carries(router, what):
    """Both ends' traffic passes the router."""
    ends = ("near", "far")
    before = [packets_in(router.namespace, end) for end in ends]
    paths.until(lambda: all(packets_in(router.namespace, end) - had >= 0.3 * RATE for end, had in zip(ends, before)),
                f"{what}: packets come in at both ends", 3)


def every_interface(test):
    """dev=*: a path for each interface, made and removed as they come and go, without tunnel devices and dev-exclude; 0 lost"""
    links = Links(test, LINKS)
    links.add(7)
    traffic = Traffic(test, links, [(SERVER, "dev=*")], ["dev-exclude p7"], up=LINKS)

    def devices():
        return sorted(path["device"] for path in traffic.tunnel.paths() if path["state"] == "up")

    def wait_devices(expected, what):
        started = time.monotonic()
        try:
            paths.until(lambda: devices() == expected, f"{what}: the paths are over {expected}", UP_WITHIN, 0.02)
        except harness.Failure:
            say(f"{what}: {[(path['device'], path['state'], path['problem']) for path in traffic.tunnel.paths()]}")
            raise
        say(f"{what}: {expected} after {1000 * (time.monotonic() - started):.0f} ms")

    wait_devices(["p0", "p1", "p2"], "start")
    links.add(3)
    wait_devices(["p0", "p1", "p2", "p3"], "interface added")
    traffic.check_carries(3, "interface added")
    links.remove(1)
    wait_devices(["p0", "p2", "p3"], "interface removed")
    check(all(path["device"] != "p1" for path in traffic.tunnel.paths()), "the path over the removed interface is still there")
    links.add(1)
    wait_devices(["p0", "p1", "p2", "p3"], "interface made again")
    traffic.check_carries(1, "interface made again")

    test.ip("-n", links.a, "tuntap", "add", "dev", "vpn0", "mode", "tun")
    test.ip("-n", links.a, "address", "add", "10.99.0.1/24", "dev", "vpn0")
    test.ip("-n", links.a, "link", "set", "vpn0", "up")
    test.ip("-n", links.a, "route", "add", f"{SERVER}/32", "dev", "vpn0", "metric", 99)
    time.sleep(UP_WITHIN)
    left_out = {"vpn0", "p7", "lo"} & {path["device"] for path in traffic.tunnel.paths()}
    check(not left_out, f"there are paths over {left_out}")
    wait_devices(["p0", "p1", "p2", "p3"], "a tunnel device came")
    traffic.finish()


if __name__ == "__main__":
    harness.run(come_and_go, nat_rebind, every_interface, together=True)
