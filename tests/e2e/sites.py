"""What the tests of IP packets share: two ends with links between them, and TCP, UDP and pings through the tunnel."""

import hashlib
import json
import os
import re
import socket
import struct
import subprocess
import threading
import time

import harness
import namespaces
from harness import check

LINKS = 3
SERVER4, CLIENT4 = "10.42.42.1", "10.42.42.2"
SERVER6, CLIENT6 = "fd00:42::1", "fd00:42::2"
MEBIBYTE = 1 << 20


class Site:
    """Two ends in namespaces of their own, with three links between them."""

    def __init__(self, test, clients=1, mtu=1500, links=LINKS):
        namespaces.need("ip", "ping")
        if not os.path.exists("/dev/net/tun"):
            raise harness.Skip("there is no /dev/net/tun")
        self.test = test
        self.links = links
        self.server_ns = test.namespace("s")
        self.client_ns = [test.namespace(f"c{number}") for number in range(clients)]
        self.port = harness.PORTS.take()
        self.server = None
        for number, namespace in enumerate(self.client_ns):
            for link in range(links):
                namespaces.join(test, f"p{number}{link}", (namespace, f"10.9{number}.{link}.1/24"),
                                (self.server_ns, f"10.9{number}.{link}.2/24"), mtu=mtu)

    def start_server(self, *options, statements=None):
        if statements is None:
            arguments = ["mpserver", *options, self.port]
        else:
            arguments = ["mpserver", *options, self.test.file("server.conf", "\n".join([f"listen {self.port}", *statements, ""]))]
        self.server = self.test.start(arguments, netns=self.server_ns)
        self.server.wait_for("listening on", 20)
        return self.server

    def client_config(self, number=0, statements=(), name="client", mode=0o600):
        bridges = [f"10.9{number}.{link}.2 {self.port}" for link in range(self.links)]
        return self.test.file(f"{name}{number}.conf", "\n".join([f"listen 127.0.0.1:{harness.PORTS.take()}", f"client-id {name}{number}",
                                                               *statements, *bridges, ""]), mode)

    def start_client(self, *options, number=0, statements=(), name="client"):
        conf = self.client_config(number, statements, name)
        client = self.test.start(["mpclient", *options, conf], name, netns=self.client_ns[number])
        client.wait_for_count(r"bridge .* is up", self.links, 20)
        return client

    def status(self, process, *options):
        """What mpclient or mpserver says of itself: parsed, or as it is with options."""
        control = process.arguments[process.arguments.index("--control") + 1]
        program = "mpserver" if process is self.server else "mpclient"
        command = [str(self.test.build / program), "--status", *(options or ["--json"]), "--control", control]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
        check(done.returncode == 0, f"{program} --status: {done.stdout}{done.stderr}")
        return done.stdout if options else json.loads(done.stdout)

    def ip(self, namespace, *arguments):
        return subprocess.run(["ip", "-n", namespace, *map(str, arguments)], check=True, capture_output=True, text=True).stdout

    def answers(self, namespace, address):
        """Whether one ping is answered."""
        done = subprocess.run(["ip", "netns", "exec", namespace, "ping", "-n", "-c", "1", "-W", "1", address], check=False,
                              capture_output=True, text=True, timeout=30)
        return done.returncode == 0

    def ping(self, namespace, address, *options, count=20, interval=0.05, lost=0):
        """Of so many, at most `lost` remain without an answer."""
        done = subprocess.run(["ip", "netns", "exec", namespace, "ping", "-n", "-c", str(count), "-i", str(interval), "-W", "2", *options,
                               address], check=False, capture_output=True, text=True, timeout=60)
        found = re.search(r"(\d+) received", done.stdout)
        check(found is not None, f"ping {address}: {done.stdout}{done.stderr}")
        received = int(found.group(1))
        check(received >= count - lost, f"ping {' '.join(options)} {address}: {received} of {count} answered")


class Receiver(threading.Thread):
    """Takes one TCP connection in a namespace, and notes what came, and the longest time in which nothing did."""

    def __init__(self, namespace, address, family):
        super().__init__(daemon=True)
        self.listener = namespaces.inside(namespace, lambda: socket.create_server((address, 0), family=family))
        self.port = self.listener.getsockname()[1]
        self.digest, self.bytes, self.longest_stall = hashlib.sha256(), 0, 0.0
        self.started = threading.Event()
        self.start()

    def run(self):
        connection, _ = self.listener.accept()
        self.started.set()
        last = time.monotonic()
        while True:
            data = connection.recv(1 << 18)
            now = time.monotonic()
            if self.bytes > 0:
                self.longest_stall = max(self.longest_stall, now - last)
            last = now
            if not data:
                break
            self.bytes += len(data)
            self.digest.update(data)
        connection.close()
        self.listener.close()


class Stream(threading.Thread):
    """Sends without end over TCP from one namespace to the other, slowly, through whatever happens."""

    def __init__(self, sender, receiver, address, family):
        super().__init__(daemon=True)
        self.at_end = Receiver(receiver, address, family)
        self.connection = connect(sender, address, self.at_end.port, family)
        self.sent, self.problem = hashlib.sha256(), None
        self.ends = threading.Event()
        self.start()

    def run(self):
        data = os.urandom(1 << 14)
        try:
            while not self.ends.wait(0.01):
                self.connection.sendall(data)
                self.sent.update(data)
            self.connection.close()
        except OSError as error:
            self.problem = error

    def finish(self):
        """All that was sent came, bit for bit."""
        self.ends.set()
        self.join(30)
        check(not self.is_alive() and self.problem is None, f"the stream does not go on: {self.problem}")
        self.at_end.join(30)
        check(self.at_end.digest.digest() == self.sent.digest(), "what came is not what was sent")


def connect(namespace, address, port, family):
    connection = namespaces.inside(namespace, lambda: socket.socket(family, socket.SOCK_STREAM))
    connection.settimeout(20)
    connection.connect((address, port))
    return connection


def transfer(sender, receiver, address, family, size=4 * MEBIBYTE):
    """Some MiB from one namespace to the other, bit for bit; returns how many Mbit/s."""
    at_end = Receiver(receiver, address, family)
    data = os.urandom(MEBIBYTE)
    expected = hashlib.sha256()
    connection = connect(sender, address, at_end.port, family)
    began = time.monotonic()
    for _ in range(size // MEBIBYTE):
        connection.sendall(data)
        expected.update(data)
    connection.close()
    at_end.join(60)
    check(at_end.bytes == size and at_end.digest.digest() == expected.digest(), f"{at_end.bytes} of {size} bytes came, or others")
    return size * 8 / (time.monotonic() - began) / 1e6


def udp_echo(sender, receiver, address, family, sizes=(0, 1, 100, 1400, 4000, 8000)):
    """Datagrams of these sizes come back as they were."""
    server = namespaces.udp_socket(receiver, family)
    server.bind((address, 0))
    client = namespaces.udp_socket(sender, family)
    client.settimeout(5)
    server.settimeout(5)
    for size in sizes:
        payload = os.urandom(size)
        client.sendto(payload, (address, server.getsockname()[1]))
        got, source = server.recvfrom(1 << 16)
        check(got == payload, f"a datagram of {size} bytes came as {len(got)}")
        server.sendto(got, source)
        check(client.recv(1 << 16) == payload, f"the answer of {size} bytes is another")
    server.close()
    client.close()


def wait_until(condition, what, seconds=10):
    """Asks until it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < deadline, f"{what}: not after {seconds} s")
        time.sleep(0.05)


def device_mtu(site, namespace, device="tun0"):
    return int(re.search(r"mtu (\d+)", site.ip(namespace, "link", "show", device)).group(1))


def leads_in(site, namespace, device="tun0"):
    """Waits until what has no better route goes through the device."""
    wait_until(lambda: device in site.ip(namespace, "route", "get", "203.0.113.7"), "nothing leads into the device")


def forward(namespace):
    """The namespace is a router, of both families."""

    def switch_on():
        for setting in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            with open(f"/proc/sys/net/{setting}", "w", encoding="ascii") as file:
                file.write("1")

    namespaces.inside(namespace, switch_on)


class Uncut:
    """A socket whose datagrams must not be cut on the way, and what it is told of them."""

    def __init__(self, namespace, family, address):
        is_ipv4 = family == socket.AF_INET
        # <linux/in.h> and <linux/in6.h>
        self.level, discover, self.error, self.mtu_option = (
            (socket.IPPROTO_IP, 10, 11, 14) if is_ipv4 else (socket.IPPROTO_IPV6, 23, 25, 24))
        self.headers = 28 if is_ipv4 else 48
        self.socket = namespaces.udp_socket(namespace, family)
        self.socket.setsockopt(self.level, discover, 2)
        self.socket.setsockopt(self.level, self.error, 1)
        self.socket.connect((address, 9))

    def send(self, size):
        """A packet of so many bytes; errno, or 0."""
        try:
            self.socket.send(bytes(size - self.headers))
        except OSError as error:
            return error.errno
        return 0

    def mtu(self):
        return self.socket.getsockopt(self.level, self.mtu_option)

    def errors(self):
        """(errno, origin, MTU) of struct sock_extended_err: origin 1 is this host, 2 ICMP, 3 ICMPv6."""
        found = []
        while True:
            try:
                _, ancillary, _, _ = self.socket.recvmsg(1, 512, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT)
            except OSError:
                return found
            for level, kind, data in ancillary:
                if (level, kind) == (self.level, self.error):
                    errno, origin, _, _, _, info, _ = struct.unpack("IBBBBII", data[:16])
                    found.append((errno, origin, info))
