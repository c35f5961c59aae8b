"""IP packets of networks: many clients, name servers, OpenVPN beside, and who is told that a packet is too large."""

import re
import socket
import struct
import threading
import time

import harness
import namespaces
import openvpn
from harness import check, check_range, say
from sites import (CLIENT4, CLIENT6, MEBIBYTE, SERVER4, SERVER6, Site, Stream, Uncut, connect, device_mtu, forward, transfer, udp_echo,
                   wait_until)

CLIENTS = 8
LAN_ROUTER4, LAN_HOST4 = "192.168.50.1", "192.168.50.2"
LAN_ROUTER6, LAN_HOST6 = "fd00:50::1", "fd00:50::2"
FAMILIES = ((socket.AF_INET, SERVER4, LAN_HOST4), (socket.AF_INET6, SERVER6, LAN_HOST6))


# --- Many clients -----------------------------------------------------------------------------------------------


def own_addresses(site, number):
    """Those of a client's device, IPv4 and IPv6; none if one is missing."""
    shown = site.ip(site.client_ns[number], "address", "show", "dev", "tun0", "scope", "global")
    found = [re.search(rf"{word} (\S+)/\d+", shown) for word in ("inet", "inet6")]
    return [match.group(1) for match in found] if all(found) else []


def ping_all(site, pairs, lost=0):
    harness.in_parallel(*(lambda n=namespace, a=address: site.ping(n, a, count=10, lost=lost) for namespace, address in pairs))


def listed_addresses(site):
    """What mpserver's status says of who has which address."""
    clients = site.status(site.server)["clients"]
    return [[re.sub("/.*", "", own["address"]) for own in client["session"]["ip"]["addresses"] if own["kind"] == "address"]
            for client in clients]


def many_clients(test):
    """Eight clients have addresses of their own; they reach the server, and each other if that is wanted."""
    site = Site(test, clients=CLIENTS, links=1)
    statements = [f"tun {SERVER4}/24 {SERVER6}/64"]
    site.start_server(statements=statements)
    clients = harness.in_parallel(*(lambda n=number: site.start_client(number=n, statements=["tun auto"]) for number in range(CLIENTS)))
    for client in clients:
        client.wait_for("inner addresses: this client has", 20)
    wait_until(lambda: all(own_addresses(site, number) for number in range(CLIENTS)), "addresses of all")
    addresses = [own_addresses(site, number) for number in range(CLIENTS)]
    given = [address for own in addresses for address in own]
    check(len(set(given + [SERVER4, SERVER6])) == 2 * CLIENTS + 2, f"somebody has another's address: {addresses}")
    check(all(re.match(r"10\.42\.42\.|fd00:42::?", address) for address in given), f"addresses of another network: {addresses}")
    ping_all(site, [(namespace, address) for namespace in site.client_ns for address in (SERVER4, SERVER6)])
    ping_all(site, [(site.server_ns, address) for address in given])
    check(sorted(map(sorted, listed_addresses(site))) == sorted(map(sorted, addresses)), f"mpserver says {listed_addresses(site)}")
    table = site.status(site.server, "--wide")
    check(all(address in table for address in given), f"the table has not all addresses:\n{table}")

    ring = [(site.client_ns[number], addresses[(number + 1) % CLIENTS][number % 2]) for number in range(CLIENTS)]
    check(site.status(site.server)["drops"].get("client_to_client", 0) == 0, "a client has reached for another already")
    ping_all(site, ring[:2], lost=10)
    check(not any(site.answers(*pair) for pair in ring[:2]), "clients reach each other, and may not")
    check(site.status(site.server)["drops"]["client_to_client"] >= 20, f"drops {site.status(site.server)['drops']}")

    site.server.stop()
    site.start_server(statements=[*statements, "client-to-client yes"])
    for pair in ring:
        wait_until(lambda p=pair: site.answers(*p), f"{pair[1]} from {pair[0]}", 20)
    ping_all(site, ring)
    check([own_addresses(site, number) for number in range(CLIENTS)] == addresses, "somebody has another address than before")
    check(site.status(site.server)["drops"].get("client_to_client", 0) == 0, "some of it was dropped all the same")


# --- Names ------------------------------------------------------------------------------------------------------


class NameServer:
    """Has one address for every name; for 'large' as many texts as TCP alone takes. No server for others than this test."""

    TEXTS = 120

    def __init__(self, namespace, address, family):
        self.datagrams = namespaces.udp_socket(namespace, family)
        self.datagrams.bind((address, 53))
        self.listener = namespaces.inside(namespace, lambda: socket.create_server((address, 53), family=family))
        for serve in (self._serve_datagrams, self._serve_connections):
            threading.Thread(target=serve, daemon=True).start()

    def close(self):
        self.datagrams.close()
        self.listener.close()

    def _answer(self, query, is_tcp):
        question = query[12:]
        is_large = question.startswith(b"\x05large")
        # RFC 1035, 4.1: a name that points at that of the question; TXT of 250 letters, or A.
        text = b"\xc0\x0c" + struct.pack(">HHIH", 16, 1, 60, 251) + b"\xfa" + 250 * b"x"
        own = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton("192.0.2.53")
        records = [own] if not is_large else self.TEXTS * [text] if is_tcp else []
        flags = 0x8180 | (0x0200 if is_large and not is_tcp else 0)
        return query[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0) + question + b"".join(records)

    def _serve_datagrams(self):
        while True:
            try:
                query, source = self.datagrams.recvfrom(512)
                self.datagrams.sendto(self._answer(query, False), source)
            except OSError:
                return

    def _serve_connections(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                query = connection.recv(514)
                answer = self._answer(query[2:], True)
                connection.sendall(struct.pack(">H", len(answer)) + answer)


def query_for(name, number):
    words = b"".join(bytes([len(word)]) + word.encode() for word in name.split("."))
    kind = 16 if name.startswith("large") else 1  # TXT or A
    return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + words + b"\x00" + struct.pack(">HH", kind, 1)


def ask_datagram(namespace, address, family, query):
    with namespaces.udp_socket(namespace, family) as asker:
        asker.settimeout(5)
        asker.connect((address, 53))
        asker.send(query)
        return asker.recv(4096)


def ask_connection(namespace, address, family, query):
    with connect(namespace, address, 53, family) as asker:
        asker.sendall(struct.pack(">H", len(query)) + query)
        answer = b""
        while part := asker.recv(1 << 16):
            answer += part
    check(len(answer) >= 2 and struct.unpack(">H", answer[:2])[0] == len(answer) - 2, f"{len(answer)} bytes came by TCP")
    return answer[2:]


def names(test):
    """A name server at the other end answers by UDP, and what UDP has no room for by TCP."""
    site = Site(test)
    s, c = site.server_ns, site.client_ns[0]
    site.start_server("--tun", f"{SERVER4}/24", "--tun", f"{SERVER6}/64")
    site.start_client("--tun", f"{CLIENT4}/24", "--tun", f"{CLIENT6}/64")
    for family, address, _ in FAMILIES:
        server = NameServer(s, address, family)
        for number in range(1, 51):
            query = query_for(f"host{number}.example", number)
            answer = ask_datagram(c, address, family, query)
            check(answer[:2] == query[:2] and answer.endswith(socket.inet_aton("192.0.2.53")), f"question {number} has another's answer")
        query = query_for("large.example", 99)
        check(ask_datagram(c, address, family, query)[2] & 0x02, "the answer was not cut off")
        answer = ask_connection(c, address, family, query)
        check(answer[6:8] == struct.pack(">H", NameServer.TEXTS) and answer.count(250 * b"x") == NameServer.TEXTS,
              f"the large answer has {len(answer)} bytes")
        server.close()


# --- OpenVPN beside ---------------------------------------------------------------------------------------------


class Ends:
    """As openvpn.Vpn knows its two namespaces."""

    def __init__(self, a, b):
        self.a, self.b = a, b


def beside_openvpn(test):
    """One mpclient carries OpenVPN's datagrams and IP packets at the same time."""
    namespaces.need("openvpn", "openssl")
    site = Site(test)
    s, c = site.server_ns, site.client_ns[0]
    vpn = openvpn.Vpn(test, Ends(c, s), openvpn.Certificates(test), "beside", 1)
    site.start_server(statements=[f"target 127.0.0.1:{vpn.server_port}", f"tun {SERVER4}/24", "tun-name mpt0"])
    client = site.start_client(statements=[f"tun {CLIENT4}/24", "tun-name mpt0"])
    vpn.start_openvpn("127.0.0.1", re.search(r"listening on \S+:(\d+)", client.wait_for("listening on")).group(1))
    vpn.wait_connected()
    size = (4 if test.is_sanitized else 16) * MEBIBYTE
    before = site.status(client)["session"]
    rates = harness.in_parallel(
        lambda: transfer(c, s, f"{vpn.network}.1", socket.AF_INET, size), lambda: transfer(c, s, SERVER4, socket.AF_INET, size),
        lambda: site.ping(c, f"{vpn.network}.1", count=40, lost=2), lambda: site.ping(c, SERVER4, count=40, lost=2))
    say(f"TCP through OpenVPN {rates[0]:.0f} Mbit/s, beside it {rates[1]:.0f} Mbit/s")
    after = site.status(client)["session"]
    check(after["datagrams_in"] - before["datagrams_in"] >= size // 1500, f"datagrams: {before}, then {after}")
    # Super-packets are cut before they are counted.
    check(after["ip"]["packets_in"] - before["ip"]["packets_in"] >= size // 1500, f"IP packets: {before}, then {after}")
    udp_echo(c, s, f"{vpn.network}.1", socket.AF_INET)
    udp_echo(c, s, SERVER4, socket.AF_INET)


# --- Too large --------------------------------------------------------------------------------------------------


def site_with_lan(test, client_statements, server_statements, mtu=1500):
    """Behind mpclient, which forwards, is a host on a link of 1,500 bytes. Returns the site, that host and mpclient."""
    site = Site(test, mtu=mtu)
    s, c = site.server_ns, site.client_ns[0]
    host = test.namespace("h")
    namespaces.join(test, "lan", (c, f"{LAN_ROUTER4}/24", f"{LAN_ROUTER6}/64"), (host, f"{LAN_HOST4}/24", f"{LAN_HOST6}/64"))
    site.ip(host, "route", "add", "default", "via", LAN_ROUTER4)
    site.ip(host, "-6", "route", "add", "default", "via", LAN_ROUTER6)
    forward(c)
    behind = "allow 192.168.50.0/24 fd00:50::/64"
    site.start_server(statements=[f"tun {SERVER4}/24 {SERVER6}/64", behind, *server_statements])
    client = site.start_client(statements=[f"tun {CLIENT4}/24 {CLIENT6}/64", behind, *client_statements])
    for namespace, address in ((host, SERVER4), (host, SERVER6), (s, LAN_HOST4), (s, LAN_HOST6)):
        wait_until(lambda n=namespace, a=address: site.answers(n, a), f"{address} from {namespace}", 20)
    return site, host, client


def too_large(namespace, family, address, size, origin, mtu, what):
    """A packet of that size is too large by what `origin` says: `mtu` bytes fit."""
    EMSGSIZE, ECONNREFUSED = 90, 111
    uncut = Uncut(namespace, family, address)
    icmp = 2 if family == socket.AF_INET else 3

    def is_refused():
        uncut.send(mtu)
        return (ECONNREFUSED, icmp) in [error[:2] for error in uncut.errors()]

    # Nobody is at that port, which shows that a packet came.
    wait_until(is_refused, f"{what}: what fits comes through")
    if origin != 1:
        check(uncut.mtu() == 1500, f"{what}: {uncut.mtu()} bytes are thought to fit already")
    told = []

    def is_told():
        uncut.send(size)
        told.extend(uncut.errors())
        return any(error[0] == EMSGSIZE for error in told)

    wait_until(is_told, what)
    check((EMSGSIZE, origin, mtu) in told, f"{what}: {told} instead of {(EMSGSIZE, origin, mtu)}")
    check(uncut.mtu() == mtu, f"{what}: {uncut.mtu()} bytes are thought to fit instead of {mtu}")
    uncut.socket.close()


def told_by_icmp(test):
    """What is too large for the device is told its sender, here and behind; TCP, which nobody clamps, goes on with what fits."""
    site, host, _ = site_with_lan(test, ["tun-mtu 1280", "mss-clamp no"], ["tun-mtu 1400", "mss-clamp no"])
    s, c = site.server_ns, site.client_ns[0]
    for family, at_server, at_host in FAMILIES:
        icmp = 2 if family == socket.AF_INET else 3
        too_large(c, family, at_server, 1281, 1, 1280, "at mpclient")
        too_large(s, family, at_host, 1401, 1, 1400, "at mpserver")
        too_large(host, family, at_server, 1500, icmp, 1280, "behind mpclient")
    # The host forgets, and TCP has to learn it again.
    for family in ("-4", "-6"):
        site.ip(host, family, "route", "flush", "cache")
    for family, at_server, at_host in FAMILIES:
        transfer(host, s, at_server, family)
        check("mtu 1280" in site.ip(host, "route", "get", at_server), "the host does not know what fits")
        transfer(s, host, at_host, family)


def path_shrinks(test):
    """The links become smaller under streams from and to a host behind mpclient: devices follow, the host is told, streams go on."""
    site, host, client = site_with_lan(test, ["mss-clamp no"], ["mss-clamp no"])
    s, c = site.server_ns, site.client_ns[0]
    # Both ways: who sends little learns nothing.
    streams = [Stream(*ends, family) for family, at_server, at_host in FAMILIES for ends in ((host, s, at_server), (s, host, at_host))]
    time.sleep(0.5)
    for link in range(site.links):
        for namespace in (c, s):
            site.ip(namespace, "link", "set", f"p0{link}", "mtu", 1380)

    def known_to_host(family, address):
        # A socket looks for the route once.
        uncut = Uncut(host, family, address)
        mtu = uncut.mtu()
        uncut.socket.close()
        return mtu

    def is_known():
        mtu = device_mtu(site, c)
        known = [known_to_host(family, at_server) for family, at_server, _ in FAMILIES]
        return mtu < 1380 and device_mtu(site, s) < 1380 and known == [mtu, mtu]

    wait_until(is_known, "the devices follow, and the host knows what fits", 90 if test.is_sanitized else 30)
    mtu = device_mtu(site, c)
    check_range(mtu, 1290, 1345, "MTU over links of 1,380")
    for stream in streams:
        stream.finish()
    # What fits goes whole.
    cut_before = site.status(client)["session"]["fragmented"]
    site.ping(host, SERVER4, "-M", "do", "-s", str(mtu - 28))
    check(site.status(client)["session"]["fragmented"] == cut_before, "what fits goes in pieces")


def syn_mss(sender, receiver, address, family):
    """The largest segment that a SYN asks for, as it comes at the far end."""
    TCP_SAVE_SYN, TCP_SAVED_SYN = 27, 28
    listener = namespaces.inside(receiver, lambda: socket.create_server((address, 0), family=family))
    listener.setsockopt(socket.IPPROTO_TCP, TCP_SAVE_SYN, 1)
    with listener, connect(sender, address, listener.getsockname()[1], family):
        accepted, _ = listener.accept()
        with accepted:
            syn = accepted.getsockopt(socket.IPPROTO_TCP, TCP_SAVED_SYN, 256)
    options = syn[(20 if family == socket.AF_INET else 40) + 20:]
    # Linux begins with it: kind 2, length 4.
    check(options[:2] == b"\x02\x04", f"the SYN's options are {options.hex()}")
    return struct.unpack(">H", options[2:4])[0]


def clamped(test):
    """With `mss-clamp yes` a SYN says what fits at either end, with `no` what its sender said."""
    for clamp in ("yes", "no"):
        site, host, client = site_with_lan(test, ["tun-mtu 1280", f"mss-clamp {clamp}"], ["tun-mtu 1350", f"mss-clamp {clamp}"])
        s = site.server_ns
        # Behind mpserver nobody knows the device's MTU either.
        site.ip(s, "route", "add", f"{LAN_HOST4}/32", "dev", "tun0", "advmss", 1460)
        site.ip(s, "-6", "route", "add", f"{LAN_HOST6}/128", "dev", "tun0", "advmss", 1440)
        for family, at_server, at_host in FAMILIES:
            headers = 40 if family == socket.AF_INET else 60
            for sender, receiver, address, fits in ((host, s, at_server, 1280), (s, host, at_host, 1350)):
                wanted = (fits if clamp == "yes" else 1500) - headers
                mss = syn_mss(sender, receiver, address, family)
                check(mss == wanted, f"mss-clamp {clamp}: the SYN to {address} asks for {mss} instead of {wanted}")
        client.stop()
        site.server.stop()


harness.run(many_clients, names, beside_openvpn, told_by_icmp, path_shrinks, clamped)
