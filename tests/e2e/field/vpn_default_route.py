"""A VPN takes the default route while mpclient runs: the one inside the tunnel must not feed itself, a foreign one keeps working.

c has the links l1 and l2 to the router r, behind which s has the bridge address. A VPN is two tun devices and two sockets of this
script; what it carries is as it was ("plain": mpclient can recognise its own packets) or altered ("encrypted").
"""

import contextlib
import fcntl
import json
import os
import pathlib
import select
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness  # noqa: E402
import namespaces  # noqa: E402
from harness import check, check_range, say  # noqa: E402

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
SERVER = "10.97.9.2"
HEADER = b"\xa5" * 24  # what the VPN puts in front
FLIP = bytes(b ^ 0x5A for b in range(256))
HALVES = ("0.0.0.0/1", "128.0.0.0/1")


def tun(namespace, name):
    def make():
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
        return fd
    return namespaces.inside(namespace, make)


class Vpn:
    """`near` is a namespace and what its end sends to, `far` a namespace and what its end listens on. 10.98.0.2 and 10.98.0.1."""

    def __init__(self, test, near, far, encrypted=True):
        self.test, self.near, self.encrypted = test, near[0], encrypted
        self.sent = 0
        self._ends, self._threads = [], []
        self._stop = os.pipe()
        for namespace, name, address in ((near[0], "vpn0", "10.98.0.2/24"), (far[0], "vpn1", "10.98.0.1/24")):
            device = tun(namespace, name)
            test.ip("-n", namespace, "address", "add", address, "dev", name)
            test.ip("-n", namespace, "link", "set", name, "up", "mtu", 1300)
            self._ends.append((device, namespaces.udp_socket(namespace)))
        self._ends[0][1].connect(near[1])
        self._ends[1][1].bind(far[1])
        for is_near in (True, False):
            self._threads.append(threading.Thread(target=self._run, args=(is_near,), daemon=True))
            self._threads[-1].start()

    def _run(self, is_near):
        device, channel = self._ends[0 if is_near else 1]
        peer = None
        while True:
            ready, _, _ = select.select([device, channel, self._stop[0]], [], [])
            if self._stop[0] in ready:
                return
            with contextlib.suppress(OSError):
                if device in ready:
                    packet = os.read(device, 65536)
                    outer = HEADER + packet.translate(FLIP) if self.encrypted else packet
                    if is_near:
                        self.sent += 1
                        channel.send(outer)
                    elif peer:
                        channel.sendto(outer, peer)
                if channel in ready:
                    outer, peer = channel.recvfrom(65536)
                    os.write(device, outer[len(HEADER):].translate(FLIP) if self.encrypted else outer)

    def take_default(self):
        # mpclient hears of the routes before a busy machine lets this script go on.
        since = time.monotonic()
        for half in HALVES:
            self.test.ip("-n", self.near, "route", "add", half, "dev", "vpn0")
        return since

    def leave_default(self):
        for half in HALVES:
            self.test.ip("-n", self.near, "route", "del", half, "dev", "vpn0")

    def close(self):
        os.write(self._stop[1], b"x")
        for thread in self._threads:
            thread.join()
        for device, channel in self._ends:
            os.close(device)
            channel.close()


class Network:
    def __init__(self, test, *lines):
        namespaces.need("ip", "nft")
        if not os.path.exists("/dev/net/tun"):
            raise harness.Skip("no /dev/net/tun")
        self.test = test
        self.c, self.r, self.s = (test.namespace(name) for name in "crs")
        for link in (1, 2):
            namespaces.join(test, f"l{link}", (self.c, f"10.97.{link}.2/24"), (self.r, f"10.97.{link}.1/24"))
            test.ip("-n", self.c, "route", "add", "default", "via", f"10.97.{link}.1", "dev", f"l{link}", "metric", 100 + link)
        namespaces.join(test, "rs", (self.r, "10.97.9.1/24"), (self.s, f"{SERVER}/24"))
        test.ip("-n", self.s, "route", "add", "default", "via", "10.97.9.1")
        test.ip("netns", "exec", self.r, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0")
        self.lines = lines

    def start(self, target_port):
        self.test.start(["mpserver", 2000, "127.0.0.1", target_port], netns=self.s).wait_for("listening on", 20)
        config = self.test.file("client.conf", "\n".join(["listen 127.0.0.1:3000", *self.lines]))
        self.client = self.test.start(["mpclient", "--control", self.test.folder / "control", config], netns=self.c)
        for line in self.lines:
            if "name=" in line:
                self.client.wait_for(f"bridge {line.split('name=')[1]} is up", 10)
        return self.client

    def path(self, name):
        asked = subprocess.run([self.test.build / "mpclient", "--control", self.test.folder / "control", "--status", "--json"],
                               check=True, stdout=subprocess.PIPE)
        return next(path for path in json.loads(asked.stdout)["paths"] if path["name"] == name)

    def check_said(self, since, pattern):
        line = self.client.wait_for(pattern, 5)
        check_range(round((harness.log_time_ns(line) / 1e9 - since) * 1000), -100, 2000, "ms until it was said")
        for cure in ("dev=", "ip route add", "fwmark"):
            check(cure in line, f"'{cure}' is not among the cures: {line}")


def inside(test, encrypted):
    net = Network(test, f"{SERVER} 2000 name=routed", f"{SERVER} 2000 dev=l2 name=bound")
    vpn_port = harness.PORTS.take()
    vpn = Vpn(test, (net.c, ("127.0.0.1", 3000)), (net.s, ("127.0.0.1", vpn_port)), encrypted)
    try:
        client = net.start(vpn_port)
        echo = test.echo(listen="10.98.0.1:0", netns=net.s)
        traffic = test.send(f"10.98.0.1:{echo.port}", "--for", 6, "--rate", 100, "--size", "100-900", netns=net.c)
        time.sleep(1)
        before = vpn.sent
        since = vpn.take_default()
        net.check_said(since, "bridge routed is reached over vpn0, a tunnel")
        time.sleep(3)
        # 100 a second are the traffic; the rest are PINGs.
        check_range(round((vpn.sent - before) / (time.monotonic() - since)), 0, 300, "datagrams a second through the VPN")
        routed = net.path("routed")
        problem = routed["problem"]
        say(f"status: held {routed['held']}, {problem}")
        check(routed["held"] or not encrypted, "the status does not say that it is held")
        check("VPN" in problem or "comes back in" in problem, "the status does not say so")
        harness.check_clean(traffic.json(), "by the path that stayed outside", lost=20)
        if encrypted:
            client.wait_for("bridge routed is held: what is sent on it comes back in", 10)
        check(client.find("routed: vpn0 is not the VPN") is None, "our own VPN was taken for a foreign one")
        seen = client.count("bridge routed is up")
        vpn.leave_default()
        since = time.monotonic()
        check(client.wait_for_count("bridge routed is up", seen + 1, 10) > seen, "the path is not up again")
        check_range(round((time.monotonic() - since) * 1000), 0, 1000, "ms until the path was up again")
    finally:
        vpn.close()


def inside_encrypted(test):
    """The VPN inside takes the route of one of two bridges; mpclient can't read what it sends"""
    inside(test, True)


def inside_plain(test):
    """The same with a VPN that does not encrypt"""
    inside(test, False)


def inside_takes_all(test):
    """The same, and no bridge stays outside: nothing works, which the cure changes, but nothing turns in circles either"""
    net = Network(test, f"{SERVER} 2000 name=one", "10.97.9.2 2000 bind=10.97.2.2 name=two")
    vpn_port = harness.PORTS.take()
    vpn = Vpn(test, (net.c, ("127.0.0.1", 3000)), (net.s, ("127.0.0.1", vpn_port)))
    try:
        net.start(vpn_port)
        since = vpn.take_default()
        net.check_said(since, "bridge one is reached over vpn0, a tunnel")
        net.check_said(since, "bridge two is reached over vpn0, a tunnel")
        test.send("10.98.0.1:9", "--for", 3, "--rate", 50, "--size", 300, netns=net.c).json()
        check_range(round(vpn.sent / (time.monotonic() - since)), 0, 300, "datagrams a second through the VPN")
    finally:
        vpn.close()


def foreign(test):
    """A VPN that does not run through the tunnel takes the default route: the only path goes over it after its proof"""
    net = Network(test, f"{SERVER} 2000 name=routed")
    namespaces.nft(net.r, "table ip n {", "chain p {", "type nat hook postrouting priority srcnat;", 'oifname "rs" masquerade', "}", "}")
    vpn_port = harness.PORTS.take()
    vpn = Vpn(test, (net.c, ("10.97.1.1", vpn_port)), (net.r, ("10.97.1.1", vpn_port)))
    try:
        client = net.start(test.echo(netns=net.s).port)
        traffic = test.send("127.0.0.1:3000", "--for", 6, "--rate", 200, "--size", "100-900", netns=net.c)
        time.sleep(1)
        since = vpn.take_default()
        net.check_said(since, "bridge routed is reached over vpn0, a tunnel")
        line = client.wait_for("routed: vpn0 is not the VPN that runs through this program", 5)
        check_range(round((harness.log_time_ns(line) / 1e9 - since) * 1000), -100, 2000, "ms until it was proved")
        result = traffic.json()
        say(f"sent {result['sent']}, lost {result['lost']}, longest gap {result['longest_gap_ms']} ms")
        harness.check_clean(result, "over the foreign VPN", lost=300)
        check(vpn.sent > 300, "the traffic did not go over the VPN")
    finally:
        vpn.close()


def marked(test):
    """With fwmark and a rule for it the bridge stays outside, and nothing is lost; without the right to mark it is said"""
    net = Network(test, f"{SERVER} 2000 name=routed", "fwmark 0x64")
    test.ip("-n", net.c, "rule", "add", "fwmark", "0x64", "lookup", 7)
    test.ip("-n", net.c, "route", "add", "default", "via", "10.97.1.1", "table", 7)
    vpn_port = harness.PORTS.take()
    vpn = Vpn(test, (net.c, ("127.0.0.1", 3000)), (net.s, ("127.0.0.1", vpn_port)))
    try:
        client = net.start(vpn_port)
        echo = test.echo(listen="10.98.0.1:0", netns=net.s)
        vpn.take_default()
        harness.check_clean(test.send(f"10.98.0.1:{echo.port}", "--for", 3, "--rate", 100, "--size", 300, netns=net.c).json(), "marked")
        check(client.find("a tunnel") is None, "the bridge was taken to lead over the tunnel")
    finally:
        vpn.close()
    config = test.folder / "client.conf"
    drop = ["setpriv", "--bounding-set", "-net_admin,-net_raw", "--inh-caps", "-net_admin,-net_raw", test.build / "mpclient"]
    code, text = test.run(*drop, "--check", config)
    check("fwmark" in text and "0x64" in text and "CAP_NET_ADMIN" in text, f"--check: {text}")
    code, text = test.run(*drop, "--control", "none", config, codes=(1,))
    check(code == 1 and "CAP_NET_ADMIN" in text, f"start: {code}, {text}")


if __name__ == "__main__":
    harness.run(inside_encrypted, inside_plain, inside_takes_all, foreign, marked, together=True)
