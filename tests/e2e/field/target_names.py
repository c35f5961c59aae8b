"""The target is a name: its addresses take turns until one answers, and a name that changes takes the open flows with it."""

import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness  # noqa: E402
import namespaces  # noqa: E402
import names  # noqa: E402
from harness import check, check_range, say  # noqa: E402

TARGET = "target.test"


class Target:
    """A tunnel in a namespace to the name, and an application of it that asks ten times a second by one socket."""

    def __init__(self, test, hosts, addresses):
        self.test, self.hosts = test, hosts
        self.port = harness.PORTS.take()
        hosts.say({TARGET: addresses})
        self.tunnel = harness.Tunnel(test, target=(TARGET, self.port))
        self.tunnel.netns = hosts.namespace
        self.tunnel.add_path(self.tunnel.server_port)
        self.tunnel.start().wait_up()
        self.application = namespaces.udp_socket(hosts.namespace)
        self.application.settimeout(0.1)
        self.number = 0

    def service(self, address):
        shown = f"[{address}]" if ":" in address else address
        return self.test.echo(listen=f"{shown}:{self.port}", name=f"service {address}", netns=self.hosts.namespace)

    def answered_within(self, seconds, what):
        """Asks until an answer comes to what was asked after now; says how long that took."""
        started, first = time.monotonic(), self.number
        while time.monotonic() - started < seconds + 10:
            self.application.sendto(b"%d" % self.number, ("127.0.0.1", self.tunnel.port))
            self.number += 1
            try:
                if int(self.application.recv(100)) >= first:
                    break
            except TimeoutError:
                continue
        check_range(round(time.monotonic() - started, 1), 0, seconds, f"{what}: answered after so many seconds")

    def silence(self, address):
        """What is sent there is lost from now on."""
        family = "ip6" if ":" in address else "ip"
        namespaces.nft(self.hosts.namespace, "add table inet silent",
                       "add chain inet silent in { type filter hook input priority 0; policy accept; }",
                       f"add rule inet silent in {family} daddr {address} udp dport {self.port} drop")


@names.with_hosts
def refused_first(test, hosts):
    """Nothing listens on the first address: the service on the second answers"""
    for addresses in (["::1", "127.0.0.1"], ["127.0.0.2", "127.0.0.3"]):
        if "::1" in addresses and not harness.has_ipv6():
            continue
        target = Target(test, hosts, addresses)
        target.service(addresses[1])
        target.answered_within(2, f"{addresses[0]} refuses")
        target.tunnel.server.wait_for(r"target target.test:\d+: \S+ refuses: nothing listens there; \S+ is tried")
        target.tunnel.server.wait_for(r"target target.test:\d+ answers from ")
        target.tunnel.client.stop()
        target.tunnel.server.stop()


@names.with_hosts
def silent_first(test, hosts):
    """What goes to the first address is lost: the second has its turn after 3 s, and is kept"""
    namespaces.need("nft")
    target = Target(test, hosts, ["127.0.0.2", "127.0.0.3"])
    target.silence("127.0.0.2")
    target.service("127.0.0.3")
    target.answered_within(5, "127.0.0.2 is silent")
    check(target.tunnel.server.count("is tried") == 1, "one line for one change")
    # A turn at a silent one takes 3 s.
    target.answered_within(2, "and stays")


@names.with_hosts
def changed(test, hosts):
    """The name leads elsewhere: while the old address is silent, looked up after 3 s; if it refuses, after 1 s; the flow goes on"""
    namespaces.need("nft")
    target = Target(test, hosts, ["127.0.0.2"])
    first, second = target.service("127.0.0.2"), target.service("127.0.0.3")
    target.answered_within(2, "before")
    hosts.say({TARGET: ["127.0.0.3"]})
    target.silence("127.0.0.2")
    target.answered_within(4.5, "the old one is silent")
    target.tunnel.server.wait_for(r"moved from 127.0.0.2:\d+ to 127.0.0.3:\d+")
    target.service("127.0.0.4")
    time.sleep(10)  # after a lookup because of silence, the next is 10 s later
    hosts.say({TARGET: ["127.0.0.4"]})
    second.stop()
    target.answered_within(2.5, "the old one refuses")
    check(first.is_running, "the first service")


@names.with_hosts
def never_answers(test, hosts):
    """One that never answers by nature: its addresses have their turns twice, then the first keeps all that comes"""
    target = Target(test, hosts, ["127.0.0.2", "127.0.0.3"])
    counts = {"127.0.0.2": 0, "127.0.0.3": 0}

    def sink_at(address):
        sink = namespaces.udp_socket(hosts.namespace)
        sink.bind((address, target.port))
        sink.settimeout(0.5)
        return sink

    def read(address, sink):
        while not done.is_set():
            try:
                sink.recv(100)
                counts[address] += 1
            except TimeoutError:
                pass

    done = threading.Event()
    sinks = [threading.Thread(target=read, args=(address, sink_at(address))) for address in counts]
    for sink in sinks:
        sink.start()
    try:
        for number in range(180):
            target.application.sendto(b"%d" % number, ("127.0.0.1", target.tunnel.port))
            time.sleep(0.1)
            if number == 139:
                say(f"after 14 s: {counts}")
                before = dict(counts)
    finally:
        done.set()
        for sink in sinks:
            sink.join()
    say(f"after 18 s: {counts}")
    check(target.tunnel.server.count("is tried") == 4, "four changes, and no more")
    check(counts["127.0.0.3"] == before["127.0.0.3"], "the second still gets something")
    check(sum(counts.values()) >= 178, f"{180 - sum(counts.values())} datagrams were lost")


if __name__ == "__main__":
    harness.run(refused_first, silent_first, changed, never_answers, together=True)
