"""What routers on the way say by ICMP: it is said who refuses and why, and what anybody may forge closes no path and costs no datagram."""

import json
import pathlib
import re
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness  # noqa: E402
import namespaces  # noqa: E402
from harness import check, check_clean, say  # noqa: E402

SERVER = "10.98.9.2"
ROUTER = "10.98.1.1"
ADMIN_PROHIBITED = (3, 13)
PORT_UNREACHABLE = (3, 3)
FRAGMENTATION_NEEDED = (3, 4)


class Network:
    """c, the router r and s with SERVER: c has a default route to r, and s one back."""

    def __init__(self, test):
        namespaces.need("ip", "nft")
        self.test = test
        self.c, self.r, self.s = (test.namespace(name) for name in "crs")
        namespaces.join(test, "cr", (self.c, "10.98.1.2/24", "fd98:1::2/64"), (self.r, f"{ROUTER}/24", "fd98:1::1/64"))
        namespaces.join(test, "rs", (self.r, "10.98.9.1/24", "fd98:9::1/64"), (self.s, f"{SERVER}/24", "fd98:9::2/64"))
        for namespace, four, six in ((self.c, ROUTER, "fd98:1::1"), (self.s, "10.98.9.1", "fd98:9::1")):
            test.ip("-n", namespace, "route", "add", "default", "via", four)
            test.ip("-n", namespace, "-6", "route", "add", "default", "via", six)
        for namespace in (self.r, self.s):
            # Answers by ICMP as often as there are packets.
            test.ip("netns", "exec", namespace, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
                    "net.ipv4.conf.all.rp_filter=0", "net.ipv4.icmp_ratelimit=0", "net.ipv4.conf.all.send_redirects=0")
        self.echo = test.echo(netns=self.s)
        server = test.start(["mpserver", "--control", test.folder / "server", 2000, "127.0.0.1", self.echo.port], netns=self.s)
        server.wait_for("listening on", 20)

    def start(self, line):
        config = self.test.file("client.conf", f"listen 127.0.0.1:3000\n{line} name=b\n")
        self.client = self.test.start(["mpclient", "--control", self.test.folder / "control", config], netns=self.c)
        return self.client

    def reject(self, what, how):
        namespaces.nft(self.r, "table inet f {", "chain o {", "type filter hook forward priority 0;", f"{what} reject with {how}", "}", "}")

    def path(self):
        asked = subprocess.run([self.test.build / "mpclient", "--control", self.test.folder / "control", "--status", "--json"],
                               check=True, stdout=subprocess.PIPE)
        return json.loads(asked.stdout)["paths"][0]

    def wait_for_problem(self, words, seconds=5):
        deadline = time.monotonic() + seconds
        while words not in self.path()["problem"]:
            check(time.monotonic() < deadline, f"the status does not say '{words}': {self.path()['problem']}")
            time.sleep(0.1)

    def check_said(self, words, seconds=6):
        say(self.client.wait_for(re.escape(words), seconds)[24:])
        self.wait_for_problem(words)


def prohibited(test):
    """A firewall on the way rejects what is sent, and later lets it pass"""
    net = Network(test)
    net.reject(f"ip daddr {SERVER}", "icmp type admin-prohibited")
    net.start(f"{SERVER} 2000")
    net.check_said(f"the router {ROUTER} on the way forbids sending to {SERVER}:2000")
    time.sleep(2)
    check(net.client.count("on the way forbids") == 1, "it is said more than once")
    namespaces.nft(net.r, "delete table inet f")
    net.client.wait_for("bridge b is up", 10)
    check(net.path()["problem"] == "", net.path()["problem"])


def prohibited_ipv6(test):
    """The same by IPv6"""
    net = Network(test)
    net.reject("ip6 daddr fd98:9::2", "icmpv6 type admin-prohibited")
    net.start("fd98:9::2 2000")
    net.check_said("the router fd98:1::1 on the way forbids sending to [fd98:9::2]:2000")


def no_route(test):
    """The router knows no way to the bridge: the kernel tells that only to sockets that ask for all of ICMP"""
    net = Network(test)
    net.start("10.99.9.9 2000")
    net.check_said(f"the router {ROUTER} on the way knows no route to 10.99.9.9")


def host_down(test):
    """The router knows the way, but the bridge's host is switched off"""
    net = Network(test)
    net.start("10.98.9.77 2000")
    net.check_said(f"the router {ROUTER} on the way can't reach 10.98.9.77", 10)


def circles(test):
    """Two routers send to each other what is for the bridge"""
    net = Network(test)
    test.ip("-n", net.r, "route", "add", "10.99.0.0/16", "via", SERVER)
    net.start("10.99.9.9 2000")
    net.check_said("what is sent to 10.99.9.9 goes in circles until the router")


def rejected_in_use(test):
    """A path that is up is rejected: what ICMP said of it explains the silence"""
    net = Network(test)
    net.start(f"{SERVER} 2000")
    net.client.wait_for("bridge b is up", 10)
    net.reject(f"ip daddr {SERVER}", "icmp type host-prohibited")
    net.check_said(f"the router {ROUTER} on the way forbids sending to {SERVER}:2000", 15)


def checksum(message):
    total = sum(struct.unpack(f"!{len(message) // 2}H", message))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def forged(kind, client, server):
    """An ICMP message about a datagram from `client` to `server`, (address, port) each."""
    quoted = struct.pack("!BBHHHBBH4s4sHHHH", 0x45, 0, 28, 0, 0, 60, socket.IPPROTO_UDP, 0, socket.inet_aton(client[0]),
                         socket.inet_aton(server[0]), client[1], server[1], 8, 0)
    plain = struct.pack("!BBHHH", *kind, 0, 0, 600) + quoted
    return struct.pack("!BBHHH", *kind, checksum(plain), 0, 600) + quoted


def forgery(test):
    """Somebody who sees the packets forges 20,000 messages: nothing is lost, and nothing is said"""
    net = Network(test)
    net.start(f"{SERVER} 2000")
    port = int(re.search(r"sending from 10\.98\.1\.2:(\d+)", net.client.wait_for("bridge b is .*sending from", 10))[1])
    net.client.wait_for("bridge b is up", 10)
    raw = namespaces.inside(net.r, lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
    sender = test.send("127.0.0.1:3000", "--count", 2500, "--rate", 500, "--size", 900, netns=net.c)
    messages = [forged(kind, ("10.98.1.2", port), (SERVER, 2000)) for kind in (ADMIN_PROHIBITED, PORT_UNREACHABLE, FRAGMENTATION_NEEDED)]
    sent = 0
    while sent < 20000 and sender.is_running:
        for _ in range(50):
            raw.sendto(messages[sent % 3], ("10.98.1.2", 0))
            sent += 1
        time.sleep(0.01)
    result = sender.json()
    say(f"{sent} forged messages, {result['lost']} datagrams lost")
    check(sent > 5000, f"only {sent} messages were sent")
    check_clean(result, "beside the forged messages")
    path = net.path()
    check(path["state"] == "up" and path["problem"] == "", f"the path: {path['state']}, '{path['problem']}'")
    check(net.client.count("forbids|nothing listens|bridge b is (suspect|down)") == 0, "the forged messages have an effect on the log")


if __name__ == "__main__":
    harness.run(prohibited, prohibited_ipv6, no_route, host_down, circles, rejected_in_use, forgery, together=True)
