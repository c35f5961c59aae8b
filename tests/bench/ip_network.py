"""The network that `run --only ip` measures in, and what is measured there, started.

       namespace a                               namespace b
    bench_load send, iperf3 -c                bench_load sink, iperf3 -s
       mpclient           ------ p0 ------       mpserver
       wireguard-go       ------ p1 ------       wireguard-go
                          ------ p2 ------
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

from ip_cases import IP_UDP_BYTES, LINK, LINK_MTU, LINKS, PORT, TUN, TUN_ONE, WIREGUARD
from systems import harness
import namespaces  # (systems has made the folder of the end-to-end tests known)

PACKAGES = {"ip": "iproute2", "iperf3": "iperf3", "wireguard-go": "wireguard-go", "wg": "wireguard-tools"}
# What WireGuard adds to a packet over IPv4. Each system has the largest MTU that the links carry whole.
WIREGUARD_BYTES = 60
WIREGUARD_SOCKETS = pathlib.Path("/var/run/wireguard")


def missing():
    """Why nothing can be measured here; empty: it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "there is no /dev/net/tun"
    packages = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    return f"missing: apt-get install --no-install-recommends {' '.join(packages)}" if packages else ""


class Network:
    """The namespaces and their links."""

    def __init__(self, test, case):
        self.test, self.case = test, case
        self.a, self.b = test.namespace("a"), test.namespace("b")
        for link in range(LINKS):
            near, far = self.addresses(link)
            namespaces.join(test, f"p{link}", (self.a, f"{near}/24"), (self.b, f"{far}/24"), LINK_MTU, case.keeps_batches)
        for namespace in (self.a, self.b):
            # The kernel would remember of one connection how large a window the next one can have.
            test.run("ip", "netns", "exec", namespace, "sysctl", "-qw", "net.ipv4.tcp_no_metrics_save=1")

    @staticmethod
    def addresses(link):
        """Of both ends of a link: in a and in b."""
        return f"10.90.{link}.1", f"10.90.{link}.2"

    def link(self, namespace, device):
        """What `ip` says of a device, or None if there is none."""
        done = subprocess.run(["ip", "-n", namespace, "-s", "-j", "link", "show", "dev", device], check=False, capture_output=True)
        return json.loads(done.stdout)[0] if done.returncode == 0 else None

    def sent_bytes(self, namespace, devices):
        """By these devices so far."""
        return sum(self.link(namespace, device)["stats64"]["tx"]["bytes"] for device in devices)


class Carrier:
    """What is measured, of a kind: `clients` run in a, `servers` in b; `targets` and `far` are where applications in a send to.
    measure.py takes it as it takes a systems.System."""

    number = 0  # tells its addresses inside from those of the others

    def __init__(self, network, kind, sink_port):
        self.network, self.kind = network, kind
        self.test, self.case, self.netns = network.test, network.case, network.a
        self.clients, self.servers = [], []
        self.generator = None
        self.devices = None  # in a and in b
        self.near, self.far = f"10.42.{kind.paths + self.number}.2", f"10.42.{kind.paths + self.number}.1"
        self.start(sink_port)
        if kind is not PORT:
            self.targets = [f"{self.far}:{sink_port}"]

    def start(self, sink_port):
        """Returns once packets pass."""
        raise NotImplementedError

    @property
    def pids(self):
        return [process.pid for process in self.clients + self.servers]

    def stop(self):
        for process in self.clients + self.servers:
            process.signal(signal.SIGTERM)
        for process in self.clients + self.servers:
            code = process.wait()
            harness.check(code == 0, f"{process.name} ended with {code}")


class Tunnel(Carrier):
    """mpclient and mpserver: a port, or a device."""

    number = 40

    def start(self, sink_port):
        links = range(self.kind.paths)
        far_ends = [self.network.addresses(link)[1] for link in links]
        server_port, port = harness.PORTS.take(), harness.PORTS.take()
        is_port = self.kind is PORT
        at_server = [f"target 127.0.0.1:{sink_port}"] if is_port else [f"tun {self.far}/24", f"tun-name {self.kind.name}"]
        at_client = [] if is_port else [f"tun {self.near}/24", f"tun-name {self.kind.name}"]
        server = self._start_end("mpserver", self.network.b, [f"listen {far}:{server_port}" for far in far_ends] + at_server)
        self.servers.append(server)
        bridges = [f"{far} {server_port} name=b{link}" for link, far in zip(links, far_ends)]
        client = self._start_end("mpclient", self.network.a, [f"listen 127.0.0.1:{port}", *bridges, *at_client])
        self.clients.append(client)
        client.wait_for("session with mpserver started, cipher AES-256-GCM", 30)
        harness.check(client.wait_for_count(r"bridge \S+ is up", len(links), 20) >= len(links), "not all paths are up")
        if is_port:
            self.targets = [f"127.0.0.1:{port}"]
        else:
            self.devices = (self.kind.name, self.kind.name)

    def _start_end(self, program, netns, lines):
        config = self.test.file(f"{program}-{self.kind.name}.conf", "\n".join([*lines, ""]))
        process = self.test.start([program, config], f"{program}, {self.kind.title}", netns=netns)
        process.wait_for("listening on", 20)
        return process


def wg(*arguments, text=None):
    done = subprocess.run(["wg", *map(str, arguments)], check=False, input=text, capture_output=True, text=True)
    harness.check(done.returncode == 0, f"wg {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


class WireGuard(Carrier):
    """wireguard-go at both ends of the first link."""

    number = 50
    port = 51820

    def start(self, sink_port):
        # Their sockets are in one folder, whatever the namespaces.
        self.devices = tuple(f"wg{os.getpid()}{end}" for end in "ab")
        secrets = [wg("genkey") for _ in self.devices]
        publics = [wg("pubkey", text=secret) for secret in secrets]
        outside, inside = self.network.addresses(0), (self.near, self.far)
        for end, (namespace, device) in enumerate(zip((self.network.a, self.network.b), self.devices)):
            process = self.test.start(["wireguard-go", "-f", device], f"wireguard-go {device}", netns=namespace,
                                      env={"WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD": "1"})
            (self.servers if end else self.clients).append(process)
            self._wait_for(process, namespace, device)
            wg("set", device, "listen-port", self.port, "private-key", self.test.file(f"{device}.key", secrets[end]),
               "peer", publics[1 - end], "allowed-ips", f"{inside[1 - end]}/32", "endpoint", f"{outside[1 - end]}:{self.port}")
            self.test.ip("-n", namespace, "address", "add", f"{inside[end]}/24", "dev", device)
            self.test.ip("-n", namespace, "link", "set", device, "mtu", LINK_MTU - WIREGUARD_BYTES, "up")

    def _wait_for(self, process, namespace, device):
        deadline = time.monotonic() + 10
        while not ((WIREGUARD_SOCKETS / f"{device}.sock").exists() and self.network.link(namespace, device)):
            harness.check(process.is_running and time.monotonic() < deadline, f"{process.name} does not start")
            time.sleep(0.05)


class Link(Carrier):
    """Nothing but the first link."""

    def start(self, sink_port):
        self.far = self.network.addresses(0)[1]


CARRIERS = {PORT: Tunnel, TUN: Tunnel, TUN_ONE: Tunnel, WIREGUARD: WireGuard, LINK: Link}


def wait_for_mtu(carriers):
    """Until no device has to send BYTES in pieces: what the paths carry is found by and by."""
    deadline = time.monotonic() + 20
    for carrier in carriers:
        for namespace, device in zip((carrier.network.a, carrier.network.b), carrier.devices or ()):
            while (mtu := carrier.network.link(namespace, device)["mtu"]) < carrier.case.size + IP_UDP_BYTES:
                harness.check(time.monotonic() < deadline, f"{carrier.kind.title}: the MTU is still {mtu}")
                time.sleep(0.1)
