"""A machine with several uplinks: paths that go as routing says, and names with addresses that an uplink can't reach."""

import time

import harness
import names
import namespaces
from harness import check, say

RATE = 200
UPLINKS = 3
# A path that is down looks for a better route when an interface changes; then it is probed.
BACK_WITHIN = 3


class Uplinks:
    """Namespace c with the links up1 to up3 to the router r, behind which the server's namespace s has 10.9.0.2."""

    def __init__(self, test, client=None):
        namespaces.need("ip", "nft")
        self.test = test
        self.client = client or test.namespace("c")
        self.router, self.server = test.namespace("r"), test.namespace("s")
        for link in range(1, UPLINKS + 1):
            self.join(self.client, f"up{link}", f"10.1.{link}.2/24", self.router, f"c{link}", f"10.1.{link}.1/24")
            self.route(link)
        self.join(self.server, "s0", "10.9.0.2/24", self.router, "sr", "10.9.0.1/24")
        test.ip("-n", self.server, "route", "add", "default", "via", "10.9.0.1")
        test.ip("netns", "exec", self.router, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0")

    def join(self, one, device, address, other, other_device, other_address):
        self.test.ip("link", "add", device, "netns", one, "type", "veth", "peer", "name", other_device, "netns", other)
        for namespace, name, own in ((one, device, address), (other, other_device, other_address)):
            self.test.ip("-n", namespace, "address", "add", own, "dev", name)
            self.test.ip("-n", namespace, "link", "set", name, "gso_max_segs", 1)
            self.test.ip("-n", namespace, "link", "set", name, "up")

    def route(self, link):
        self.test.ip("-n", self.client, "route", "add", "default", "via", f"10.1.{link}.1", "dev", f"up{link}", "metric", 100 + link)

    def tunnel(self, lines):
        echo = self.test.echo(netns=self.server)
        server = self.test.start(["mpserver", 2000, "127.0.0.1", echo.port], "mpserver", netns=self.server)
        server.wait_for("listening on", 20)
        config = self.test.file("client.conf", "\n".join(["listen 127.0.0.1:3000", *lines]))
        client = self.test.start(["mpclient", config], "mpclient", netns=self.client)
        client.wait_for("session with mpserver started", 20)
        return client


def returns(test):
    """The first uplink goes, the second leads nowhere, the first returns: the path that goes as routing says is up again"""
    net = Uplinks(test)
    namespaces.nft(net.router, "table inet f {", "chain fw {", "type filter hook forward priority 0; policy accept;",
                   'iifname "c2" drop', "}", "}")
    client = net.tunnel(["10.9.0.2 2000 name=byroute", "10.9.0.2 2000 dev=up3 name=other"])
    client.wait_for("bridge byroute is up", 10)
    client.wait_for("bridge other is up", 10)
    send = test.send("127.0.0.1:3000", "--for", 14, "--rate", RATE, "--size", 300, netns=net.client)
    time.sleep(1)
    test.ip("-n", net.client, "link", "set", "up1", "down")
    client.wait_for("bridge byroute is down", 10)
    time.sleep(2)
    start = len(client.log())
    began = time.monotonic()
    test.ip("-n", net.client, "link", "set", "up1", "up")
    net.route(1)
    client.wait_for("bridge byroute is up", 10, start)
    took = time.monotonic() - began
    say(f"up again after {took:.1f} s")
    check(took <= BACK_WITHIN, f"the path took {took:.1f} s")
    harness.check_clean(send.json(), "traffic")


@names.with_hosts
def other_family(test, hosts):
    """A name with an IPv6 and an IPv4 address over an uplink that has IPv4 alone: IPv4 is used"""
    net = Uplinks(test, hosts.namespace)
    hosts.say({"bridge.test": ["2001:db8::1", "10.9.0.2"]})
    for link in range(1, UPLINKS + 1):
        test.ip("netns", "exec", net.client, "sysctl", "-qw", f"net.ipv6.conf.up{link}.disable_ipv6=1")
    client = net.tunnel(["bridge.test 2000 dev=up1 name=dual"])
    client.wait_for("bridge dual is up", 5)
    harness.check_clean(test.send("127.0.0.1:3000", "--for", 1, "--rate", RATE, netns=net.client).json(), "traffic")


if __name__ == "__main__":
    harness.run(returns, other_family)
