"""IP packets by a device: what is sent and what comes, both families, through cuts and restarts; who has which address."""

import hashlib
import os
import re
import signal
import socket
import threading
import time

import harness
import namespaces
from harness import check, check_range, say
from rings import make_key
from sites import CLIENT4, CLIENT6, LINKS, MEBIBYTE, SERVER4, SERVER6, Receiver, Site, connect, device_mtu, leads_in, transfer, udp_echo, wait_until

BULK = 32 * MEBIBYTE
CUTS = 10
STALL, SANITIZED_STALL = 0.2, 1.0  # seconds
PAUSE_AFTER_CUT = 0.35


def two_lines(test):
    """The two command lines of multi_tun's users are all it takes: ping, TCP and UDP, both ways, both families."""
    site = Site(test)
    s, c = site.server_ns, site.client_ns[0]
    site.start_server("--tun", f"{SERVER4}/24", "--tun", f"{SERVER6}/64")
    site.start_client("--tun", f"{CLIENT4}/24", "--tun", f"{CLIENT6}/64")
    for address in (SERVER4, SERVER6):
        site.ping(c, address)
        site.ping(c, address, "-s", "4000", count=5)
    for address in (CLIENT4, CLIENT6):
        site.ping(s, address)
    for family, at_server, at_client in ((socket.AF_INET, SERVER4, CLIENT4), (socket.AF_INET6, SERVER6, CLIENT6)):
        for sender, receiver, address in ((c, s, at_server), (s, c, at_client)):
            rate = transfer(sender, receiver, address, family, BULK // 8 if test.is_sanitized else BULK)
            udp_echo(sender, receiver, address, family)
            say(f"TCP to {address}: {rate:.0f} Mbit/s")


def follows_mtu(test):
    """The device's MTU is what all paths carry whole; a smaller link lowers it."""
    site = Site(test)
    s, c = site.server_ns, site.client_ns[0]
    site.start_server("--tun", f"{SERVER4}/24")
    site.start_client("--tun", f"{CLIENT4}/24")
    deadline = time.monotonic() + 20
    while min(device_mtu(site, c), device_mtu(site, s)) < 1420 and time.monotonic() < deadline:
        time.sleep(0.2)
    whole = device_mtu(site, c)
    check_range(whole, 1420, 1460, "MTU over links of 1,500")
    check_range(device_mtu(site, s), 1420, 1460, "MTU at the server")
    site.ping(c, SERVER4, "-M", "do", "-s", str(whole - 28), count=5)
    for namespace in (c, s):
        site.ip(namespace, "link", "set", "p01", "mtu", 1300)
    deadline = time.monotonic() + 30
    # What is too large goes on in pieces meanwhile.
    while device_mtu(site, c) > 1260 and time.monotonic() < deadline:
        site.ping(c, SERVER4, "-M", "dont", "-s", str(whole - 28), count=5)
    check_range(device_mtu(site, c), 1150, 1260, "MTU with a link of 1,300")
    transfer(c, s, SERVER4, socket.AF_INET)


def cuts(test):
    """One of three paths is cut and healed ten times under a stream: it never stands still for long."""
    namespaces.need("nft")
    site = Site(test)
    s, c = site.server_ns, site.client_ns[0]
    site.start_server("--tun", f"{SERVER4}/24")
    site.start_client("--tun", f"{CLIENT4}/24")
    at_end = Receiver(s, SERVER4, socket.AF_INET)
    connection = connect(c, SERVER4, at_end.port, socket.AF_INET)
    ends = threading.Event()

    def stream():
        data = bytes(1 << 16)
        while not ends.is_set():
            connection.sendall(data)
            time.sleep(0.002)
        connection.close()

    sender = threading.Thread(target=stream, daemon=True)
    sender.start()
    time.sleep(0.5)
    for number in range(CUTS):
        link = f"p0{number % LINKS}"
        for namespace in (c, s):
            namespaces.nft(namespace, "add table inet cut", "add chain inet cut pre { type filter hook prerouting priority raw; }",
                           f"add rule inet cut pre iifname {link} counter drop")
        time.sleep(PAUSE_AFTER_CUT)
        for namespace in (c, s):
            namespaces.nft(namespace, "delete table inet cut")
        time.sleep(PAUSE_AFTER_CUT)
    ends.set()
    sender.join(20)
    at_end.join(20)
    check_range(round(at_end.longest_stall, 3), 0, SANITIZED_STALL if test.is_sanitized else STALL,
                "seconds in which nothing came, at most")
    say(f"{at_end.bytes / 1e6:.0f} MB came")


def restarts(test):
    """A TCP connection lives through a restart of either end; addresses stay."""
    site = Site(test)
    s, c = site.server_ns, site.client_ns[0]
    for namespace, device in ((s, "srv0"), (c, "cli0")):
        site.ip(namespace, "tuntap", "add", "dev", device, "mode", "tun")
    server = site.start_server(statements=[f"tun {SERVER4}/24", "tun-name srv0"])
    client = site.start_client(statements=["tun auto", "tun-name cli0"])
    client.wait_for("10\\.42\\.42\\.", 10)
    wait_until(lambda: "inet 10.42.42." in site.ip(c, "address", "show", "cli0"), "the client's address")
    address = re.search(r"inet (10\.42\.42\.\d+)/24", site.ip(c, "address", "show", "cli0")).group(1)
    say(f"the client has {address}")
    at_end = Receiver(s, SERVER4, socket.AF_INET)
    connection = connect(c, SERVER4, at_end.port, socket.AF_INET)
    sent = hashlib.sha256()
    data = os.urandom(1 << 14)

    def send_for(seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            connection.sendall(data)
            sent.update(data)
            time.sleep(0.01)

    send_for(0.5)
    server.stop()
    server = site.start_server(statements=[f"tun {SERVER4}/24", "tun-name srv0"])
    send_for(3)
    client.stop()
    client = site.start_client(statements=["tun auto", "tun-name cli0"])
    send_for(3)
    connection.close()
    at_end.join(30)
    check(at_end.digest.digest() == sent.digest(), "what came is not what was sent")
    check(f"{address}/24" in site.ip(c, "address", "show", "cli0"), "the client has another address")


def owners(test):
    """Who asks second is told; a client sends from its own address alone; clients meet if they may."""
    site = Site(test, clients=2)
    s, (c0, c1) = site.server_ns, site.client_ns
    server = site.start_server(statements=[f"tun {SERVER4}/24", "allow 192.168.70.0/24"])
    site.start_client(statements=[f"tun {CLIENT4}/24", "allow 192.168.70.0/24"], number=0)
    other = site.start_client(statements=[f"tun {CLIENT4}/24"], number=1)
    say(other.wait_for("taken by another client", 10))
    other.stop()
    site.start_client(statements=["tun 10.42.42.3/24"], number=1)
    site.ping(c0, SERVER4)
    site.ping(c1, SERVER4)
    # The network behind the first.
    site.ip(c0, "address", "add", "192.168.70.1/24", "dev", "lo")
    site.ip(c0, "link", "set", "lo", "up")
    site.ping(s, "192.168.70.1")
    # Not from an address that it does not have.
    site.ip(c1, "address", "add", "10.42.42.77/24", "dev", "tun0")
    site.ping(c1, SERVER4, "-I", "10.42.42.77", count=3, lost=3)
    # Nor to the other client, unless that is wanted.
    site.ping(c1, CLIENT4, count=3, lost=3)
    server.stop()
    say(server.wait_for("inner_source [0-9]+", 5))
    server = site.start_server(statements=[f"tun {SERVER4}/24", "allow 192.168.70.0/24", "client-to-client yes"])
    time.sleep(1)
    site.ping(c1, CLIENT4, lost=1)


def kept_by_key(test):
    """What the keyring keeps for a client no other gets, and `tun auto` has it; it moves with the line, while all runs"""
    site = Site(test, clients=2)
    keys = {name: make_key() for name in ("alice", "bob")}
    keyring = test.file("clients.keys")

    def keep(name):
        keyring.write_text("".join(f"{other} {key}{' allow=10.42.42.7' if other == name else ''}\n" for other, key in keys.items()),
                           encoding="ascii")

    keep("alice")
    server = site.start_server(statements=[f"tun {SERVER4}/24", f"keys {keyring}"])
    files = [test.file(f"{name}.key", key + "\n") for name, key in keys.items()]
    alice = site.start_client(statements=["tun auto", f"key-file {files[0]}"], number=0)
    bob = site.start_client(statements=["tun 10.42.42.7/24", f"key-file {files[1]}"], number=1)
    say(bob.wait_for("10.42.42.7.*not allowed", 10))
    site.ping(site.client_ns[0], SERVER4)
    check("10.42.42.7/24" in site.ip(site.client_ns[0], "address", "show", "dev", "tun0"), "alice has another address")
    keep("bob")
    ended = len(alice.log())
    server.signal(signal.SIGHUP)
    say(alice.wait_for("is not for its key any more", 10))
    say(server.wait_for("alice.*10.42.42.*", 10))
    say(bob.wait_for(r"inner addresses: this client has 10\.42\.42\.7/24", 40))
    # The log says so before the device has it.
    wait_until(lambda: "10.42.42.7/24" in site.ip(site.client_ns[1], "address", "show", "dev", "tun0"), "bob's address")
    site.ping(site.client_ns[1], SERVER4)
    say(alice.wait_for(r"inner addresses: this client has 10\.42\.42\.", 20, ended))
    wait_until(lambda: "10.42.42.7/24" not in site.ip(site.client_ns[0], "address", "show", "dev", "tun0"), "alice gives up what is bob's")
    site.ping(site.client_ns[0], SERVER4)


NOT_ECT, ECT1, ECT0, CE = range(4)


class EcnPair:
    """A datagram from one end's device to the other's: with which ECN it comes."""

    def __init__(self, sender, receiver, address):
        self.receiver, self.sender = namespaces.udp_socket(receiver), namespaces.udp_socket(sender)
        self.receiver.bind((address, 0))
        self.receiver.settimeout(1)
        self.receiver.setsockopt(socket.IPPROTO_IP, 13, 1)  # IP_RECVTOS
        self.sender.connect((address, self.receiver.getsockname()[1]))

    def send(self, ecn, size=100):
        """None: it does not come."""
        self.sender.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, ecn)
        self.sender.send(bytes(size))
        try:
            _, notes, _, _ = self.receiver.recvmsg(1 << 16, 64)
        except TimeoutError:
            return None
        return next(note[0] & 3 for level, kind, note in notes if (level, kind) == (socket.IPPROTO_IP, socket.IP_TOS))

    def expect(self, expected, size=100):
        for ecn, wanted in expected.items():
            came = self.send(ecn, size)
            check(came == wanted, f"ECN {ecn} in {size} bytes came as {came}, not {wanted}")

    def close(self):
        self.receiver.close()
        self.sender.close()


def mark_congestion(namespace, match):
    """All packets that come by a link and match have CE from now on."""
    namespaces.nft(namespace, "add table ip marking", "delete table ip marking", "table ip marking {", "chain input {",
                   "type filter hook prerouting priority -150; policy accept;", f'iifname "p*" udp length > 8 {match} ip ecn set ce',
                   "}", "}")


def congestion(test):
    """What networks mark as congested comes out so, whole or in fragments, both ways; or not at all, if its sender knows no ECN."""
    namespaces.need("nft")
    site = Site(test)
    s, c = site.server_ns, site.client_ns[0]
    server = site.start_server(statements=[f"tun {SERVER4}/24", "tun-mtu 6000"])
    site.start_client(statements=[f"tun {CLIENT4}/24", "tun-mtu 6000"])
    site.ping(c, SERVER4)
    pairs = [EcnPair(c, s, SERVER4), EcnPair(s, c, CLIENT4)]
    for pair in pairs:
        for size in (100, 5000):
            pair.expect({ecn: ecn for ecn in (NOT_ECT, ECT1, ECT0, CE)}, size)
    for namespace in (s, c):
        mark_congestion(namespace, "ip ecn != not-ect")
    for pair in pairs:
        for size in (100, 5000):
            pair.expect({NOT_ECT: NOT_ECT, ECT1: CE, ECT0: CE, CE: CE}, size)
    # A network that marks what says that it knows no ECN breaks the rules.
    for namespace in (s, c):
        mark_congestion(namespace, "")
    for pair in pairs:
        pair.expect({NOT_ECT: None, ECT0: CE})
        pair.close()
    server.stop()
    say(server.wait_for("inner_congestion [0-9]+", 5))


def default_route(test):
    """`route default`: all goes through the tunnel but what the tunnel sends; nothing of it is left, SIGKILL or not."""
    site = Site(test)
    s, c = site.server_ns, site.client_ns[0]
    site.ip(c, "route", "add", "default", "via", "10.90.0.2")
    site.ip(s, "address", "add", "203.0.113.7/32", "dev", "lo")
    site.ip(s, "link", "set", "lo", "up")
    before = [site.ip(c, *words) for words in (("rule",), ("route",), ("-6", "rule"))]
    site.start_server("--tun", f"{SERVER4}/24")
    statements = ["route default", f"tun {CLIENT4}/24"]
    client = site.start_client(statements=statements)
    leads_in(site, c)
    site.ping(c, "203.0.113.7")
    check("tun0" in site.ip(c, "route", "get", "203.0.113.7"), "what is sent does not go through the device")
    check("10.90.0.2" in site.ip(c, "route", "get", "203.0.113.8", "mark", "0x6d70"), "what is marked does")
    # With the address Linux takes the routes away, and all comes back.
    site.ip(c, "address", "delete", f"{CLIENT4}/24", "dev", "tun0")
    leads_in(site, c)
    site.ping(c, "203.0.113.7", lost=2)
    client.kill()
    client = site.start_client(statements=statements)
    leads_in(site, c)
    site.ping(c, "203.0.113.7")
    client.signal(signal.SIGTERM)
    client.wait()
    check([site.ip(c, *words) for words in (("rule",), ("route",), ("-6", "rule"))] == before, "something is left")


harness.run(two_lines, follows_mtu, cuts, restarts, owners, kept_by_key, congestion, default_route)
