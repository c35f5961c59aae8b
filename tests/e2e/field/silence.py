"""Why nothing comes back: each cause that the system knows has words of its own, in the log and in the status, with the cure."""

import json
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness  # noqa: E402
import namespaces  # noqa: E402
from harness import check, say  # noqa: E402

SERVER = "10.97.9.2"


class Network:
    """c with the links l1 and l2 to the router r, behind which s has SERVER. c has no routes beyond its links."""

    def __init__(self, test):
        namespaces.need("ip", "nft")
        self.test = test
        self.c, self.r, self.s = (test.namespace(name) for name in "crs")
        for link in (1, 2):
            namespaces.join(test, f"l{link}", (self.c, f"10.97.{link}.2/24", f"fd97:{link}::2/64"),
                            (self.r, f"10.97.{link}.1/24", f"fd97:{link}::1/64"))
        namespaces.join(test, "rs", (self.r, "10.97.9.1/24"), (self.s, f"{SERVER}/24"))
        test.ip("-n", self.s, "route", "add", "default", "via", "10.97.9.1")
        test.ip("netns", "exec", self.r, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0")
        test.ip("netns", "exec", self.c, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.l1.rp_filter=0",
                "net.ipv4.conf.l2.rp_filter=0")
        echo = test.echo(netns=self.s)
        self.server = test.start(["mpserver", "--control", test.folder / "server", 2000, "127.0.0.1", echo.port], netns=self.s)
        self.server.wait_for("listening on", 20)

    def in_client(self, *words):
        self.test.ip("-n", self.c, *words)

    def start(self, line):
        config = self.test.file("client.conf", f"listen 127.0.0.1:3000\n{line} name=b\n")
        self.client = self.test.start(["mpclient", "--control", self.test.folder / "control", config], netns=self.c)
        # A program's start may take a second or two where many start: what is waited for counts from here.
        self.client.wait_for("listening on", 20)
        return self.client

    def check_said(self, *words):
        """Within 5 s, in the log and the status."""
        line = self.client.wait_for(words[0], 5)
        say(line[24:])
        deadline = time.monotonic() + 5
        while True:
            asked = subprocess.run([self.test.build / "mpclient", "--control", self.test.folder / "control", "--status", "--json"],
                                   check=True, stdout=subprocess.PIPE)
            problem = json.loads(asked.stdout)["paths"][0]["problem"]
            if all(word in problem for word in words) or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        for word in words:
            check(word in line, f"'{word}' is not in the line: {line}")
            check(word in problem, f"'{word}' is not in the status: {problem}")
        # An explanation is a line, not a flood.
        time.sleep(2)
        check(self.client.count(words[0]) == 1, f"it was said {self.client.count(words[0])} times")

    def check_up(self):
        self.client.wait_for("bridge b is up", 3)


def device_without_route(test):
    """dev= on an interface whose routes do not lead to the bridge"""
    net = Network(test)
    net.start(f"{SERVER} 2000 dev=l1")
    net.check_said("no route over l1 leads to 10.97.9.2", "ip route add 10.97.9.2 via GATEWAY dev l1")
    net.in_client("route", "add", SERVER, "via", "10.97.1.1", "dev", "l1")
    net.check_up()


def device_without_route_of_ipv6(test):
    """The same with IPv6, where no socket can be had, and the route that the line asks for"""
    net = Network(test)
    remote = "fd97:9::2"
    net.test.ip("-n", net.s, "address", "add", f"{remote}/64", "dev", "rs", "nodad")
    net.test.ip("-n", net.r, "address", "add", "fd97:9::1/64", "dev", "rs", "nodad")
    net.test.ip("-n", net.s, "route", "add", "default", "via", "fd97:9::1")
    net.test.ip("netns", "exec", net.r, "sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
    net.start(f"{remote} 2000 dev=l1")
    net.check_said(f"no route over l1 leads to {remote}", f"ip route add {remote} via GATEWAY dev l1")
    net.in_client("route", "add", remote, "via", "fd97:1::1", "dev", "l1")
    net.check_up()


def gateway_without_arp(test):
    """The gateway is not there, or is another one than was configured"""
    net = Network(test)
    net.in_client("route", "add", "default", "via", "10.97.1.99")
    net.start(f"{SERVER} 2000")
    net.check_said("the gateway 10.97.1.99 on l1 does not answer ARP")
    net.in_client("route", "replace", "default", "via", "10.97.1.1")
    net.check_up()


def neighbour_of_ipv6(test):
    """The same by neighbour discovery: a bridge on the link itself"""
    net = Network(test)
    net.start("fd97:1::99 2000")
    net.check_said("the bridge fd97:1::99 on l1 does not answer neighbour discovery")


def strict_filter(test):
    """Strict reverse path filtering at mpclient, with a path that goes out by another interface than routing would choose"""
    net = Network(test)
    net.in_client("route", "add", "default", "via", "10.97.1.1", "metric", 10)
    net.in_client("route", "add", "default", "via", "10.97.2.1", "metric", 20)
    net.test.ip("netns", "exec", net.c, "sysctl", "-qw", "net.ipv4.conf.l2.rp_filter=1")
    net.start(f"{SERVER} 2000 dev=l2")
    net.check_said("answers that come by l2 are dropped by net.ipv4.conf.l2.rp_filter = 1", "set it to 2")
    net.test.ip("netns", "exec", net.c, "sysctl", "-qw", "net.ipv4.conf.l2.rp_filter=2")
    net.client.wait_for("bridge b is up", 8)


def strict_filter_at_server(test):
    """The same at mpserver, which never sees what is dropped: a counter of the kernel tells"""
    net = Network(test)
    namespaces.join(test, "rq", (net.r, "10.97.8.1/24"), (net.s, "10.97.8.2/24"))
    test.ip("netns", "exec", net.s, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.rq.rp_filter=1")
    net.in_client("route", "add", "default", "via", "10.97.1.1")
    net.start("10.97.8.2 2000")
    line = net.server.wait_for("the kernel has dropped", 8)
    say(line[24:])
    check("net.ipv4.conf.rq.rp_filter = 1" in line and "set it to 2" in line, line)
    asked = subprocess.run([test.build / "mpserver", "--control", test.folder / "server", "--status"], check=True, stdout=subprocess.PIPE,
                           text=True)
    check("net.ipv4.conf.rq.rp_filter = 1" in asked.stdout, asked.stdout)


def firewall_here(test):
    """A firewall of this host drops what is sent"""
    net = Network(test)
    net.in_client("route", "add", "default", "via", "10.97.1.1")
    namespaces.nft(net.c, "table inet f {", "chain o {", "type filter hook output priority 0;", f"ip daddr {SERVER} drop", "}", "}")
    net.start(f"{SERVER} 2000")
    net.check_said(f"a firewall of this host forbids sending to {SERVER}", "nftables")


def firewall_there(test):
    """A router on the way says that it is administratively prohibited"""
    net = Network(test)
    net.in_client("route", "add", "default", "via", "10.97.1.1")
    namespaces.nft(net.r, "table inet f {", "chain o {", "type filter hook forward priority 0;",
                   f"ip daddr {SERVER} reject with icmp type admin-prohibited", "}", "}")
    net.start(f"{SERVER} 2000")
    net.check_said("the router 10.97.1.1 on the way forbids sending to 10.97.9.2")


def prohibited(test):
    """A route of the type prohibit"""
    net = Network(test)
    net.in_client("route", "add", "prohibit", SERVER)
    net.start(f"{SERVER} 2000")
    net.check_said("'prohibit'")


def blackhole(test):
    """A route of the type blackhole"""
    net = Network(test)
    net.in_client("route", "add", "blackhole", SERVER)
    net.start(f"{SERVER} 2000")
    net.check_said("'blackhole'")


if __name__ == "__main__":
    harness.run(device_without_route, device_without_route_of_ipv6, gateway_without_arp, neighbour_of_ipv6, strict_filter, strict_filter_at_server,
                firewall_here, firewall_there, prohibited, blackhole, together=True)
