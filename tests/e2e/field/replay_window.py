"""OpenVPN's replay window, when only the slow one of two paths brings a datagram: what its default throws away, README's does not.

Two paths of 5 and 300 ms; the fast one loses a tenth. The tunnel delivers what it lost 295 ms later, after hundreds of others:
without repair, which brings most of it at once.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness  # noqa: E402
import namespaces  # noqa: E402
import openvpn  # noqa: E402
from harness import check, check_range, say  # noqa: E402

RATE, SECONDS = 1000, 5
SIZE = 100  # what OpenVPN leaves unread for a quarter of a second fits its small buffer
PERCENT_LOST_ON_FAST = 10
README = pathlib.Path(__file__).resolve().parents[3] / "README.md"


class Pair:
    """What openvpn.Vpn needs of its two namespaces."""

    def __init__(self, test):
        self.a, self.b = test.namespace("a"), test.namespace("b")
        namespaces.join(test, "p", (self.a, "10.90.0.1/24"), (self.b, "10.90.0.2/24"))


def late_datagrams(test, pair, certificates, number, tuning):
    """The share of the datagrams through it without an echo, and OpenVPN's warnings at both ends."""
    vpn = openvpn.Vpn(test, pair, certificates, f"tun{number}", number)
    vpn.tuning = (*vpn.tuning, *tuning)
    server_port, port = harness.PORTS.take(), harness.PORTS.take()
    server = test.start(["mpserver", test.file(f"mpserver-{number}.conf", "\n".join(
        [f"listen {server_port}", f"target 127.0.0.1:{vpn.server_port}", "repair no"]))], netns=pair.b)
    server.wait_for("listening on")
    paths = (("fast", ["--delay", 5, "--loss", PERCENT_LOST_ON_FAST]), ("slow", ["--delay", 300]))
    bridges = [test.bridge(server_port, "--seed", i + 1, *options, listen="10.90.0.2:0", name=name, netns=pair.b)
               for i, (name, options) in enumerate(paths)]
    config = test.file(f"mpclient-{number}.conf", "\n".join(
        [f"listen 127.0.0.1:{port}", "repair no", *(f"10.90.0.2 {bridge.port} name={bridge.name}" for bridge in bridges)]))
    client = test.start(["mpclient", config], netns=pair.a)
    for bridge in bridges:
        client.wait_for(f"bridge {bridge.name} is up")
    server.wait_for_count(r"path \S+ from \S+ is up", len(bridges))
    vpn.start_openvpn("127.0.0.1", port)
    vpn.wait_connected()
    echo = test.echo(listen=f"{vpn.network}.1:0", netns=pair.b)
    sent = test.send(f"{vpn.network}.1:{echo.port}", "--for", SECONDS, "--rate", RATE, "--size", SIZE, netns=pair.a).json(60)
    lost = sent["lost"] / sent["sent"]
    warnings = sum(end.count("bad packet ID|replay-window backtrack occurred") for end in (vpn.client, vpn.server))
    say(f"{' '.join(map(str, tuning)) or 'default window'}: {100 * lost:.1f} % of the datagrams lost, {warnings} warnings")
    return lost, warnings


def window_of_readme():
    """The statement that README's configurations have, at both ends."""
    lines = [line.split() for line in README.read_text(encoding="utf-8").splitlines() if line.strip().startswith("replay-window")]
    check(len(lines) == 2 and lines[0] == lines[1], f"README has {len(lines)} lines with a replay-window")
    return ("--replay-window", *lines[0][1:])


def late_datagrams_pass_the_replay_window(test):
    """Datagrams through OpenVPN over paths of 5 ms (10 % lost) and 300 ms: README's replay window takes what comes late"""
    namespaces.need("openvpn", "openssl")
    pair, certificates = Pair(test), openvpn.Certificates(test)
    default, measured = harness.in_parallel(
        lambda: late_datagrams(test, pair, certificates, 1, ()),
        lambda: late_datagrams(test, pair, certificates, 2, window_of_readme()))
    # A datagram and its echo: each is lost on the fast path one time in ten.
    once = 1 - (1 - PERCENT_LOST_ON_FAST / 100) ** 2
    check_range(default[0], once / 2, 1, "share lost with the default window, which shows that they come too late for it")
    check(measured[0] == 0, f"{100 * measured[0]:.1f} % lost with README's window")
    check(measured[1] == 0, f"{measured[1]} warnings with README's window")


if __name__ == "__main__":
    harness.run(late_datagrams_pass_the_replay_window)
