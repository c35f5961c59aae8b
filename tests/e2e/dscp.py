"""The DSCP of an application's datagrams, and of the target's replies, on the packets of every path, counted by nftables.

Three links, one of them IPv6, while the application and the target speak IPv4.
"""

import socket
import threading
import time

import harness
import namespaces
import paths
from harness import check, say

LINKS = 3
IPV6_LINK = 2
DATAGRAMS = 200
EXPEDITED, ASSURED = 46, 34  # EF and AF41: of the application, and of the target
ECN = 1  # ECT(1), which both set, and which may not reach the outside
TABLE = "inet outside"


class Target(threading.Thread):
    """Echoes what comes, marked with a DSCP of its own if there was one."""

    def __init__(self, namespace):
        super().__init__(daemon=True)
        self.socket = namespaces.udp_socket(namespace)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.2)
        self.port = self.socket.getsockname()[1]
        self._ended = threading.Event()

    def run(self):
        while not self._ended.is_set():
            try:
                datagram, sender = self.socket.recvfrom(2048)
            except TimeoutError:
                continue
            mark(self.socket, ASSURED if datagram.startswith(b"marked") else 0)
            self.socket.sendto(datagram, sender)

    def stop(self):
        self._ended.set()
        self.join()
        self.socket.close()


def mark(sock, dscp):
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2 | ECN)


def exchange(namespace, port):
    """Marked and plain datagrams in turn, each of which has to come back."""
    with namespaces.udp_socket(namespace) as application:
        application.connect(("127.0.0.1", port))
        application.settimeout(2)
        for number in range(DATAGRAMS):
            is_marked = number % 2 == 0
            mark(application, EXPEDITED if is_marked else 0)
            datagram = (b"marked " if is_marked else b"plain ") + str(number).encode()
            application.send(datagram)
            check(application.recv(2048) == datagram, f"datagram {number} came back changed")
    time.sleep(0.3)  # the copies that came last


class Links:
    """Namespaces a and b, joined by links whose ends count what comes in."""

    def __init__(self, test):
        namespaces.need("ip", "nft")
        if not harness.has_ipv6():
            raise harness.Skip("this system has no IPv6")
        self.a, self.b = test.namespace("a"), test.namespace("b")
        for link in range(LINKS):
            ends = [f"fd00:90:{link}::{end}/64" if link == IPV6_LINK else f"10.90.{link}.{end}/24" for end in (1, 2)]
            namespaces.join(test, f"p{link}", (self.a, ends[0]), (self.b, ends[1]))

    @staticmethod
    def server_address(link):
        return f"fd00:90:{link}::2" if link == IPV6_LINK else f"10.90.{link}.2"

    def count(self, namespace, port_of, port):
        """Counts the DATA packets of every link by DSCP and by ECN, from zero."""
        named, rules = [], []
        for link in range(LINKS):
            family = "ip6" if link == IPV6_LINK else "ip"
            data = f'iifname "p{link}" udp {port_of} {port} @th,64,8 {int(paths.DATA, 16)}'
            for name, match in (("all", ""), ("zero", f"{family} dscp 0"), ("ef", f"{family} dscp {EXPEDITED}"),
                                ("af41", f"{family} dscp {ASSURED}"), ("ecn", f"{family} ecn != 0")):
                named.append(f"counter {name}{link} {{ }}")
                rules.append(f"{data} {match} counter name {name}{link}")
        namespaces.nft(namespace, f"add table {TABLE}", f"delete table {TABLE}", f"table {TABLE} {{", *named, "chain input {",
                       "type filter hook input priority 0; policy accept;", *rules, "}", "}")

    @staticmethod
    def counted(namespace):
        counters = namespaces.counters(namespace)
        return [{name: counters[f"{name}{link}"] for name in ("all", "zero", "ef", "af41", "ecn")} for link in range(LINKS)]


def carry(test, client_statements, server_statements):
    """What the links carried: (towards mpserver, towards mpclient), for each link the packets by DSCP."""
    links = Links(test)
    target = Target(links.b)
    target.start()
    tunnel = paths.PathTunnel(test, target=target.port, client_netns=links.a, server_netns=links.b)
    tunnel.statements += client_statements
    tunnel.server_statements += server_statements
    for link in range(LINKS):
        tunnel.add_path(tunnel.server_port, f"name=b{link}", links.server_address(link))
    tunnel.start().wait_up()
    links.count(links.b, "dport", tunnel.server_port)
    links.count(links.a, "sport", tunnel.server_port)
    exchange(links.a, tunnel.port)
    target.stop()
    return links.counted(links.b), links.counted(links.a)


def check_counts(counted, what, marked):
    """`marked` is the name of the counter that has the marked half; None: nothing is marked."""
    for link, counts in enumerate(counted):
        say(f"{what}, link {link}: {counts}")
        expected = {"all": DATAGRAMS, "zero": DATAGRAMS, "ef": 0, "af41": 0, "ecn": 0}
        if marked:
            expected["zero"] = expected[marked] = DATAGRAMS // 2
        check(counts == expected, f"{what}, link {link}: {counts} instead of {expected}")


def copied(test):
    """Marked and plain datagrams in turn: each path's packets have their DSCP, both ways, and no ECN"""
    towards_server, towards_client = carry(test, [], [])
    check_counts(towards_server, "towards mpserver", "ef")
    check_counts(towards_client, "towards mpclient", "af41")


def none(test):
    """dscp none at both ends: nothing is marked"""
    towards_server, towards_client = carry(test, ["dscp none"], ["dscp none"])
    check_counts(towards_server, "towards mpserver", None)
    check_counts(towards_client, "towards mpclient", None)


def each_end_decides(test):
    """dscp none at one end: the other's packets are marked"""
    towards_server, towards_client = carry(test, ["dscp none"], ["dscp copy"])
    check_counts(towards_server, "towards mpserver", None)
    check_counts(towards_client, "towards mpclient", "af41")


if __name__ == "__main__":
    harness.run(copied, none, each_end_decides)
