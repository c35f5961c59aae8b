"""The network that tests/bench/goodput measures in, and one OpenVPN session over it.

       namespace a                  namespace m                    namespace b
    OpenVPN, mpclient  --- p0 ---  lossy_bridge 0  ---
       iperf3, ping    --- p1 ---  lossy_bridge 1  --- q ---  mpserver, OpenVPN, iperf3
                       --- p2 ---  lossy_bridge 2  ---
"""

import json
import time

from goodput_cases import IP_UDP_BYTES
from systems import harness
import namespaces  # (systems has made the folder of the end-to-end tests known)
import openvpn

SERVER_PORT, LISTEN_PORT = 2000, 3000
FAR_MIDDLE, FAR_END = "10.92.0.1", "10.92.0.2"
DIRECTIONS = ("up", "down")
REVIVAL_S = 20  # so long after its death a path may take to be up


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

    def __init__(self, test, title, paths, setup, seed, keep_order=False):
        super().__init__(test, Network(test, len(paths), setup.mtu), openvpn.Certificates(test), title, 0)
        self.paths, self.setup = paths, setup
        self.tuning = setup.tuning
        order = ["--keep-order"] if keep_order else []
        self.bridges = [
            test.bridge(f"{FAR_END}:{SERVER_PORT}", "--seed", seed + number, "--rate", path.rate_kbit_s, "--delay", path.delay_ms,
                        "--jitter", path.jitter_ms, "--queue", path.queue_bytes, "--mtu", setup.mtu - IP_UDP_BYTES, *order,
                        listen=f"{self.pair.addresses(number)[1]}:0", name=f"bridge{number}", netns=self.pair.middle)
            for number, path in enumerate(paths)]
        self._all_live_at = time.monotonic()

    def start(self, statements):
        """Starts all of it; returns once pings pass. The statements are for both ends of the tunnel. The paths lose from before OpenVPN
        connects on: as in the field, nothing is new to them when a stream begins."""
        self.mpserver = self._start_end("mpserver", f"listen {FAR_END}:{SERVER_PORT}", f"target 127.0.0.1:{self.server_port}",
                                        *statements)
        bridges = [f"{self.pair.addresses(path)[1]} {bridge.port} name=b{path}" for path, bridge in enumerate(self.bridges)]
        self.mpclient = self._start_end("mpclient", f"listen 127.0.0.1:{LISTEN_PORT}", *bridges, *statements)
        self.mpclient.wait_for("session with mpserver started", 20)
        harness.check(self.mpclient.wait_for_count(r"bridge \S+ is up", len(self.paths)) == len(self.paths), "not all paths are up")
        for bridge, path in zip(self.bridges, self.paths):
            for command in path.loss.commands:
                self.test.tell(bridge, command)
        self.start_openvpn("127.0.0.1", LISTEN_PORT)
        self.wait_connected()
        harness.check(self.ping("-q", "-c", 10, "-i", 0.1, "-w", 10).wait(20) == 0, "no ping passes")

    def _start_end(self, program, *lines):
        netns = self.pair.a if program == "mpclient" else self.pair.b
        process = self.test.start([program, self.test.file(f"{program}.conf", "\n".join(lines))], netns=netns)
        process.wait_for("listening on", 20)
        return process

    def let_die(self, seconds):
        """From now on, for so long, those paths that die live and die in turn."""
        for bridge, path in zip(self.bridges, self.paths):
            begin = path.lives_s
            while path.lives_s and begin < seconds:
                self.test.tell(bridge, f"blackout {begin:g}:{path.lives_s:g}")
                begin += 2 * path.lives_s
                self._all_live_at = max(self._all_live_at, time.monotonic() + begin - path.lives_s)

    def wait_alive(self):
        """Until the last death is over and mpclient knows. Returns at once if no path dies."""
        if not any(path.lives_s for path in self.paths):
            return
        time.sleep(max(0.0, self._all_live_at - time.monotonic()))
        deadline = time.monotonic() + REVIVAL_S
        while any(path["state"] != "up" for path in (self.status() or {}).get("paths", [])):
            harness.check(time.monotonic() < deadline, "a path stays dead")
            time.sleep(0.1)

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
