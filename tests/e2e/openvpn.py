"""OpenVPN through the tunnel: client and server in two network namespaces, three links that each lose 10 % each way.

An OpenVPN session over a single one of these links runs beside it, to compare with.
"""

import concurrent.futures
import hashlib
import math
import random
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import harness
import namespaces
from harness import check, check_range, say

LINKS = 3
LOSS_PERCENT = 10  # of each link, each way
SINGLE_LINK = 0
PINGS, PING_INTERVAL = 250, 0.02
TRANSFER_LIMIT = 4.0  # seconds for the single link, which need not get everything through
TRANSFER_DEADLINE = 30.0
MEBIBYTE = 1 << 20
MSSFIX = 1400  # bytes of a packet of OpenVPN, which leaves room for the tunnel's header
DOWN_SECONDS = (0.1, 5)
# From the "listening" line to the first reply to a ping. The tunnel's own bound is checked where no link loses (restart.py); here
# handshakes get lost, too, and a ping leaves only each 50 ms.
RESUMED_WITHIN = 2.0
SIGMAS = 5
# What OpenVPN 2.6 logs when it negotiates (INITIATED: at both ends, always), negotiates again, or starts over.
CONNECTED = "Initialization Sequence Completed"
INITIATED = "Peer Connection Initiated"
NEGOTIATION = (rf"TLS: Initial packet|VERIFY OK|Control Channel: |{INITIATED}|{CONNECTED}|soft reset|SIGUSR1|process restarting|"
               "Inactivity timeout")
# TCP's congestion controls differ in what loss does to them: Cubic, Linux's default, slows down; BBR hardly minds, and on links with
# next to no delay even 10 % leave it fast. So the figures name theirs, and the machine's default does not matter.
CONGESTION_CONTROLS = ("cubic", "bbr")
PING_REPLY = re.compile(r"^\[(\d+)\.(\d{6})\d*\] .*icmp_seq=(\d+) ")


class Certificates:
    """Throw-away certificates of both ends, which know each other by fingerprint."""

    def __init__(self, test):
        self.folder = test.folder
        self.fingerprints = {end: self._make(end) for end in ("client", "server")}

    def options(self, end):
        other = "server" if end == "client" else "client"
        return ["--cert", self.folder / f"{end}.crt", "--key", self.folder / f"{end}.pem",
                "--peer-fingerprint", self.fingerprints[other]]

    def _make(self, end):
        certificate = self.folder / f"{end}.crt"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", f"/CN={end}", "-keyout", self.folder / f"{end}.pem", "-out", certificate)
        return openssl("x509", "-noout", "-fingerprint", "-sha256", "-in", certificate).strip().split("=")[1]


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], check=False, capture_output=True, text=True)
    check(done.returncode == 0, f"openssl {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


class Vpn:
    """One OpenVPN session from namespace a to b. `number` tells its addresses and ports from those of the others."""

    tuning = ("--mssfix", MSSFIX)

    def __init__(self, test, pair, certificates, name, number):
        self.test, self.pair, self.certificates, self.name = test, pair, certificates, name
        self.device = f"tun{number}"
        self.server_port = 1194 + number
        self.network = f"10.91.{number}"
        self.client = self.server = None

    def start_openvpn(self, remote, remote_port):
        common = ["openvpn", "--dev", self.device, "--proto", "udp4", "--disable-dco", "--verb", "3", *self.tuning]
        self.server = self.test.start(
            [*common, "--server", f"{self.network}.0", "255.255.255.0", "--topology", "subnet", "--dh", "none",
             "--port", self.server_port, "--keepalive", "5", "60", *self.certificates.options("server")],
            f"{self.name}: OpenVPN server", netns=self.pair.b)
        self.server.wait_for(CONNECTED, 20)
        self.client = self.test.start(
            [*common, "--client", "--nobind", "--remote", remote, remote_port,
             *self.certificates.options("client")], f"{self.name}: OpenVPN client", netns=self.pair.a)

    def wait_connected(self):
        self.client.wait_for(CONNECTED, 40)

    def negotiations(self):
        """The lines about it in the client's log and in the server's."""
        return [[line for line in end.log() if re.search(NEGOTIATION, line)] for end in (self.client, self.server)]

    def ping(self, *options):
        return self.test.start(["ping", "-n", *options, f"{self.network}.1"], f"{self.name}: ping", netns=self.pair.a)

    def ping_loss(self):
        """The share of the pings through the session that got no reply."""
        ping = self.ping("-q", "-c", PINGS, "-i", PING_INTERVAL, "-W", 2)
        ping.wait(60)
        sent, received = ping_counts(ping)
        check(sent == PINGS, f"{self.name}: {sent} pings were sent, not {PINGS}")
        return (sent - received) / sent

    def transfer(self, payload, control, limit):
        """Sends the payload over TCP; returns what arrived within the limit (seconds), and the time that took."""
        with namespaces.tcp_socket(self.pair.b) as listener, namespaces.tcp_socket(self.pair.a) as sender:
            listener.bind((f"{self.network}.1", 0))
            listener.listen(1)
            sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, control.encode())
            sender.settimeout(TRANSFER_DEADLINE)
            sender.connect(listener.getsockname())
            receiver, _ = listener.accept()
            with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool, receiver:
                sending = pool.submit(send_all, sender, payload)
                started = time.monotonic()
                arrived = receive(receiver, len(payload), started + limit)
                took = time.monotonic() - started
                # A sender that is not through by now is not to wait for its timeout.
                for end in (sender, receiver):
                    shut(end)
                sending.result()
        return arrived, took


def ping_counts(ping):
    """Echo requests that a ping which has ended sent, and replies that it received."""
    summary = ping.wait_for(r"packets transmitted")
    sent, received = (int(number) for number in re.findall(r"(\d+) (?:packets transmitted|received)", summary))
    return sent, received


def send_all(sender, payload):
    try:
        sender.sendall(payload)
    except OSError:
        pass  # the receiver had enough: what arrived tells


def shut(end):
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the other end was faster


def receive(receiver, size, deadline):
    arrived = bytearray()
    while len(arrived) < size and (left := deadline - time.monotonic()) > 0:
        receiver.settimeout(left)
        try:
            part = receiver.recv(65536)
        except TimeoutError:
            break
        if not part:
            break
        arrived += part
    return bytes(arrived)


class TunneledVpn(Vpn):
    """A session through mpclient in a and mpserver in b, over all links."""

    def __init__(self, test, pair, certificates, name, number, encrypt):
        super().__init__(test, pair, certificates, name, number)
        self.env = {} if encrypt else {"MPTUNNEL_ENCRYPT": "0"}
        self.listen_port, self.tunnel_port = 3000 + number, 2000 + number
        if encrypt:
            self.key = test.file(f"{number}.key", test.run("mpserver", "--genkey")[1] + "\n")
            self.key_options = ["--key-file", self.key]
        else:
            self.key_options = []
        bridges = "".join(f"{pair.address(pair.b, link)} {self.tunnel_port}\n" for link in range(LINKS))
        self.config = test.file(f"mpclient-{number}.conf", f"listen {self.listen_port}\n{bridges}")
        self.ends = {}

    def start(self):
        self.start_end("mpserver")
        self.start_end("mpclient")
        self.start_openvpn("127.0.0.1", self.listen_port)

    def start_end(self, end):
        """Starts mpserver or mpclient, and returns when it listened (ns)."""
        if end == "mpserver":
            arguments, netns = [self.tunnel_port, "127.0.0.1", self.server_port], self.pair.b
        else:
            arguments, netns = [self.config], self.pair.a
        self.ends[end] = self.test.start([end, *self.test.common_options, *self.key_options, *arguments], f"{self.name}: {end}", self.env, netns)
        return harness.log_time_ns(self.ends[end].wait_for("listening on", 20))

    def survive_restarts(self):
        """Each end is killed and started again alone while pings run."""
        before = self.negotiations()
        for lines in before:
            check(any(INITIATED in line for line in lines), f"{self.name}: OpenVPN logs no negotiation: {lines}")
        ping = self.ping("-D", "-i", 0.05, "-W", 1)
        for down in DOWN_SECONDS:
            for end in ("mpserver", "mpclient"):
                time.sleep(0.7)
                self.ends[end].kill()
                time.sleep(down)
                self._check_resumed(ping, self.start_end(end), f"{self.name}: {end} down for {down} s")
        ping.signal(signal.SIGINT)
        ping.wait()
        after = self.negotiations()
        check(after == before, f"{self.name}: OpenVPN negotiated anew: {after}, before: {before}")

    @staticmethod
    def _check_resumed(ping, listening, what):
        deadline = time.monotonic() + RESUMED_WITHIN + 1
        replies = []
        # One reply may be luck; ten show that pings go on.
        while len(replies) < 10 and time.monotonic() < deadline:
            time.sleep(0.05)
            replies = [at for at in map(reply_time_ns, ping.log()) if at is not None and at >= listening]
        check(len(replies) >= 10, f"{what}: {len(replies)} pings were answered afterwards")
        resumed = (replies[0] - listening) / 1e9
        say(f"{what}: the next ping was answered {1000 * resumed:.0f} ms after 'listening'")
        check(resumed <= RESUMED_WITHIN, f"{what}: pings went on after {resumed:.1f} s only")

    def stop(self):
        for end in ("mpclient", "mpserver"):
            process = self.ends[end]
            check(process.stop() == 0, f"{process.name} did not end cleanly")
            check(process.find(harness.CRASHED) is None, f"{process.name}: {process.find(harness.CRASHED)}")


def reply_time_ns(line):
    """When a reply that ping -D tells of came, on CLOCK_MONOTONIC; None for other lines."""
    match = PING_REPLY.match(line)
    if not match:
        return None
    wall = int(match.group(1)) * 10**9 + int(match.group(2)) * 1000
    return wall - (time.time_ns() - time.monotonic_ns())


def check_links(pair, bytes_to_b):
    """The links lost what they were told to, datagram by datagram, and each had a copy of all: else the rest shows nothing."""
    for namespace in (pair.a, pair.b):
        for link, (came, lost) in enumerate(pair.losses(namespace)):
            if namespace == pair.b:
                check(came >= bytes_to_b / MSSFIX, f"link {link} carried {came} packets for {bytes_to_b} bytes")
            share = LOSS_PERCENT / 100
            slack = SIGMAS * math.sqrt(came * share * (1 - share))
            where = f"link {link}, towards {'a' if namespace == pair.a else 'b'}, lost of {came}"
            check_range(lost, round(came * share - slack), round(came * share + slack), where)


def available_controls():
    known = Path("/proc/sys/net/ipv4/tcp_available_congestion_control").read_text(encoding="ascii").split()
    return [control for control in CONGESTION_CONTROLS if control in known] or known[:1]


def measure_transfer(vpn, payload, control, may_fall_short):
    """Sends the payload, checks what arrived, and says how fast that was."""
    arrived, seconds = vpn.transfer(payload, control, TRANSFER_LIMIT if may_fall_short else TRANSFER_DEADLINE)
    wanted = payload[:len(arrived)] if may_fall_short else payload
    check(hashlib.sha256(arrived).digest() == hashlib.sha256(wanted).digest(),
          f"{vpn.name}: the TCP transfer ({control}) did not arrive whole: {len(arrived)} of {len(payload)} bytes")
    return f"TCP {control} {8 * len(arrived) / seconds / 1e6:.1f} Mbit/s ({len(arrived) / MEBIBYTE:.1f} MiB in {seconds:.1f} s)"


def measure(vpns, single, payload):
    """Ping loss and TCP throughput of all sessions, to be read side by side; checks them."""
    losses = harness.in_parallel(*(vpn.ping_loss for vpn in vpns))
    for vpn, loss in zip(vpns, losses):
        # One after another: they would take the processor from each other.
        speeds = [measure_transfer(vpn, payload, control, vpn is single) for control in available_controls()]
        say(f"{vpn.name:<28} ping loss {100 * loss:5.1f} %   {'   '.join(speeds)}")
    once_lost = 1 - (1 - LOSS_PERCENT / 100) ** 2
    thrice_lost = 1 - (1 - (LOSS_PERCENT / 100) ** LINKS) ** 2
    for vpn, loss in zip(vpns, losses):
        expected = PINGS * (once_lost if vpn is single else thrice_lost)
        slack = SIGMAS * math.sqrt(expected) + 3
        check_range(round(loss * PINGS), max(0, round(expected - slack)), round(expected + slack), f"{vpn.name}: pings lost")


def vpn_over_lossy_links(test):
    """OpenVPN connects, carries TCP and pings, and lives on when either end of the tunnel is killed and restarted"""
    for program in ("openvpn", "openssl", "ping"):
        if shutil.which(program) is None:
            raise harness.Skip(f"{program} is not installed")
    if not Path("/dev/net/tun").exists():
        raise harness.Skip("there is no /dev/net/tun")
    pair = namespaces.LossyPair(test, LINKS, LOSS_PERCENT)
    certificates = Certificates(test)
    single = Vpn(test, pair, certificates, "one link, no tunnel", 0)
    sealed = TunneledVpn(test, pair, certificates, "tunnel over three links", 1, encrypt=True)
    clear = TunneledVpn(test, pair, certificates, "the same, MPTUNNEL_ENCRYPT=0", 2, encrypt=False)
    vpns = (single, sealed, clear)
    single.start_openvpn(pair.address(pair.b, SINGLE_LINK), single.server_port)
    harness.in_parallel(sealed.start, clear.start)
    harness.in_parallel(*(vpn.wait_connected for vpn in vpns))
    payload = random.Random(2).randbytes((2 if test.is_sanitized else 8) * MEBIBYTE)
    measure(vpns, single, payload)
    harness.in_parallel(sealed.survive_restarts, clear.survive_restarts)
    for vpn in (sealed, clear):
        vpn.stop()
    check_links(pair, len(payload) * len(available_controls()) * len((sealed, clear)))


if __name__ == "__main__":
    harness.run(vpn_over_lossy_links)
