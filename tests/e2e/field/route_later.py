"""A route that comes back long after its interface and address is used within a second; and one that changes is followed."""

import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness  # noqa: E402
import namespaces  # noqa: E402
from harness import check, say  # noqa: E402

SERVER = "10.97.9.2"
# Long enough for probes and handshakes to have become rare.
OUTAGE = 7
WITHIN_MS = 1000


def ms_after(since, line):
    """How long after `since`, on time.monotonic(), a line was logged."""
    return round((harness.log_time_ns(line) / 1e9 - since) * 1000)


class Network:
    """c with the links l1 and l2 to the router r, behind which s has SERVER."""

    def __init__(self, test, *bridge_lines):
        namespaces.need("ip", "nft")
        self.test = test
        self.c, self.r, self.s = (test.namespace(name) for name in "crs")
        for link in (1, 2):
            namespaces.join(test, f"l{link}", (self.c, f"10.97.{link}.2/24"), (self.r, f"10.97.{link}.1/24"))
        namespaces.join(test, "rs", (self.r, "10.97.9.1/24"), (self.s, f"{SERVER}/24"))
        test.ip("-n", self.s, "route", "add", "default", "via", "10.97.9.1")
        test.ip("netns", "exec", self.r, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0")
        echo = test.echo(netns=self.s)
        test.start(["mpserver", 2000, "127.0.0.1", echo.port], netns=self.s).wait_for("listening on", 20)
        self.config = test.file("client.conf", "\n".join(["listen 127.0.0.1:3000", *bridge_lines]))

    def start_client(self):
        self.client = self.test.start(["mpclient", self.config], netns=self.c)
        return self.client

    def route(self, change, *words):
        self.test.ip("-n", self.c, "route", change, *words)
        # By now it is there; mpclient may have heard of it before, while a busy machine did not let this script go on.
        return time.monotonic()

    def check_used(self, pattern, since, seen, what):
        count = self.client.wait_for_count(pattern, seen + 1, 10)
        check(count > seen, f"{what}: no line matches '{pattern}'")
        line = [line for line in self.client.log() if re.search(pattern, line)][seen]
        harness.check_range(ms_after(since, line), -WITHIN_MS, WITHIN_MS, f"{what}: ms until the path was up")


def comes_later(test):
    """The default route is missing at the start, then goes and comes back, while interface and address stay"""
    net = Network(test, f"{SERVER} 2000 name=routed")
    client = net.start_client()
    client.wait_for("there is no route to", 10)
    time.sleep(OUTAGE)
    net.check_used("bridge routed is up", net.route("add", "default", "via", "10.97.1.1"), 0, "at the start")
    net.route("del", "default")
    client.wait_for_count("there is no route to", 2)
    time.sleep(OUTAGE)
    net.check_used("bridge routed is up", net.route("add", "default", "via", "10.97.1.1"), 1, "after an outage")


def comes_later_to_a_device(test):
    """The same of a path with dev=, whose socket stays open meanwhile, since the kernel takes everything to be on the link"""
    net = Network(test, f"{SERVER} 2000 dev=l1 name=bound")
    client = net.start_client()
    client.wait_for("no route over l1 leads to", 10)
    time.sleep(OUTAGE)
    net.check_used("bridge bound is up", net.route("add", "default", "via", "10.97.1.1", "dev", "l1"), 0, "dev=l1")


def changes(test):
    """A better route by another link is followed; what is lost meanwhile is less than a second"""
    net = Network(test, f"{SERVER} 2000 name=routed")
    net.route("add", "default", "via", "10.97.1.1", "metric", 100)
    client = net.start_client()
    client.wait_for("bridge routed is up", 10)
    send = test.send("127.0.0.1:3000", "--for", 5, "--rate", 200, "--size", 300, netns=net.c)
    time.sleep(1)
    since = net.route("add", "default", "via", "10.97.2.1", "metric", 50)
    line = client.wait_for("bridge routed now sends from 10.97.2.2", 5)
    harness.check_range(ms_after(since, line), -WITHIN_MS, WITHIN_MS, "ms until it was followed")
    # Nobody is there any more.
    test.ip("-n", net.r, "link", "set", "l1", "down")
    result = send.json()
    say(f"sent {result['sent']}, lost {result['lost']}, longest gap {result['longest_gap_ms']} ms")
    harness.check_clean(result, "while the route changed", lost=200)


def flaps(test):
    """Ten thousand foreign routes that come and go cost next to no processor time"""
    net = Network(test, f"{SERVER} 2000 name=routed")
    net.route("add", "default", "via", "10.97.1.1")
    client = net.start_client()
    client.wait_for("bridge routed is up", 10)
    batch = test.file("routes", "".join(f"route {change} 172.{16 + i // 256 % 16}.{i % 256}.0/24 via 10.97.2.1\n"
                                        for change in ("add", "del") for i in range(4000)))

    def cpu_ms():
        return sum(int(word) for word in pathlib.Path(f"/proc/{client.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]) * 10

    before = cpu_ms()
    started = time.monotonic()
    while time.monotonic() - started < 3:
        test.ip("-n", net.c, "-batch", batch)
    used = (cpu_ms() - before) / (time.monotonic() - started) / 10
    harness.check_range(round(used, 1), 0, 5, "% of a processor")
    check(client.count("bridge routed is down") == 0, "the path went down")


if __name__ == "__main__":
    harness.run(comes_later, comes_later_to_a_device, changes, flaps, together=True)
