"""The network that tests/bench/goodput measures in, and one OpenVPN session over it.

       namespace a                  namespace m                    namespace b
    OpenVPN, mpclient  --- p0 ---  lossy_bridge 0  ---
       iperf3, ping    --- p1 ---  lossy_bridge 1  --- q ---  mpserver, OpenVPN, iperf3
                       --- p2 ---  lossy_bridge 2  ---
"""

import json

from goodput_cases import DELAY_MS, IP_UDP_BYTES, JITTER_MS, QUEUE_BYTES, RATE_KBIT_S
from systems import harness
import namespaces  # (systems has made the folder of the end-to-end tests known)
import openvpn

SERVER_PORT, LISTEN_PORT = 2000, 3000
FAR_MIDDLE, FAR_END = "10.92.0.1", "10.92.0.2"
DIRECTIONS = ("up", "down")


class Network:
    """The namespaces, with a link for each path between a and m."""

    def __init__(self, test, paths, mtu):
        namespaces.need("ip", "openvpn", "openssl", "iperf3", "ping")
        self.mtu, self.paths = mtu, paths
        self.a, self.middle, self.b = (test.namespace(name) for name in ("a", "m", "b"))
        for path in range(paths):
            near, middle = self.addresses(path)
            namespaces.join(test, f"p{path}", (self.a, f"{near}/24"), (self.middle, f"{middle}/24"), mtu)
        namespaces.join(test, "q", (self.middle, f"{FAR_MIDDLE}/24"), (self.b, f"{FAR_END}/24"), mtu)
        for namespace in (self.a, self.b):
            # The kernel would remember of one connection how large a window the next one can have.
            test.run("ip", "netns", "exec", namespace, "sysctl", "-qw", "net.ipv4.tcp_no_metrics_save=1")

    @staticmethod
    def addresses(path):
        """Of both ends of a path's link: in a and in m."""
        return f"10.90.{path}.1", f"10.90.{path}.2"


class Session(openvpn.Vpn):
    """OpenVPN through mpclient and mpserver, over paths that lose."""

    def __init__(self, test, case, setup, seed, keep_order):
        super().__init__(test, Network(test, case.paths, setup.mtu), openvpn.Certificates(test), case.title, 0)
        self.case, self.setup = case, setup
        self.tuning = setup.tuning
        order = ["--keep-order"] if keep_order else []
        self.bridges = [
            test.bridge(f"{FAR_END}:{SERVER_PORT}", "--seed", seed + path, "--rate", RATE_KBIT_S, "--delay", DELAY_MS, "--jitter",
                        JITTER_MS, "--queue", QUEUE_BYTES, "--mtu", setup.mtu - IP_UDP_BYTES, *order,
                        listen=f"{self.pair.addresses(path)[1]}:0", name=f"bridge{path}", netns=self.pair.middle)
            for path in range(case.paths)]

    def start(self, statements, loss):
        """Starts all of it; returns once pings pass. The statements are for both ends of the tunnel. The paths lose from before OpenVPN
        connects on: as in the field, nothing is new to them when a stream begins."""
        self.mpserver = self._start_end("mpserver", f"listen {FAR_END}:{SERVER_PORT}", f"target 127.0.0.1:{self.server_port}",
                                        *statements)
        bridges = [f"{self.pair.addresses(path)[1]} {bridge.port} name=b{path}" for path, bridge in enumerate(self.bridges)]
        self.mpclient = self._start_end("mpclient", f"listen 127.0.0.1:{LISTEN_PORT}", *bridges, *statements)
        self.mpclient.wait_for("session with mpserver started", 20)
        harness.check(self.mpclient.wait_for_count(r"bridge \S+ is up", self.case.paths) == self.case.paths, "not all paths are up")
        for bridge in self.bridges:
            for command in loss.commands:
                self.test.tell(bridge, command)
        self.start_openvpn("127.0.0.1", LISTEN_PORT)
        self.wait_connected()
        harness.check(self.ping("-q", "-c", 10, "-i", 0.1, "-w", 10).wait(20) == 0, "no ping passes")

    def _start_end(self, program, *lines):
        netns = self.pair.a if program == "mpclient" else self.pair.b
        process = self.test.start([program, self.test.file(f"{program}.conf", "\n".join(lines))], netns=netns)
        process.wait_for("listening on", 20)
        return process

    @property
    def far_address(self):
        return f"{self.network}.1"

    def counts(self):
        """Of each direction: bytes that OpenVPN took from its device, and what the bridges got and what they dropped."""
        stats = [self.test.tell(bridge, "stats") for bridge in self.bridges]
        found = {}
        for direction, namespace in zip(DIRECTIONS, (self.pair.a, self.pair.b)):
            ways = [one[direction] for one in stats]
            found[direction] = {
                "offered": self._device_bytes(namespace),
                "wire": sum(way["received_bytes"] for way in ways),
                "queue_drops": sum(way["lost_by"]["queue"] for way in ways),
                "kernel_drops": sum(way["kernel_drops"] for way in ways)}
        return found

    def _device_bytes(self, namespace):
        link = json.loads(self.test.ip("-n", namespace, "-s", "-j", "link", "show", "dev", self.device))[0]
        return link["stats64"]["tx"]["bytes"]

    def status(self):
        """What mpclient says of its session and paths."""
        arguments = self.mpclient.arguments
        control = arguments[arguments.index("--control") + 1]
        # The listener answers whoever reaches its socket; a network namespace has no part in that.
        code, text = self.test.run("mpclient", "--status", "--json", "--control", control)
        return json.loads(text) if code == 0 else None
