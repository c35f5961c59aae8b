"""One path passes only out, the other only in: all goes on over both from the first moment, and log and status say which is which."""

import json
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness  # noqa: E402
import namespaces  # noqa: E402
from harness import check, check_range, say  # noqa: E402

LINKS = ("out", "in")
RATE = 100
BEFORE, CUT, AFTER = 2, 8, 2
SAID = {"out": "mpserver hears what is sent on it, but nothing comes back", "in": "what mpserver sends on it arrives, but mpserver hears nothing"}
SAID_AFTER = 5


def cut(namespace, link):
    """Drops what comes in by this link."""
    namespaces.nft(namespace, "add table inet cut", "add chain inet cut pre { type filter hook prerouting priority raw; }",
                   f"add rule inet cut pre iifname {link} counter drop")


def half_dead(test):
    """Two halves are as good as one path."""
    namespaces.need("ip", "nft")
    c, s = test.namespace("c"), test.namespace("s")
    for number, link in enumerate(LINKS):
        namespaces.join(test, link, (c, f"10.97.{number}.1/24"), (s, f"10.97.{number}.2/24"))
    port, server_port = harness.PORTS.take(), harness.PORTS.take()
    echo = test.echo(netns=s)
    server = test.start(["mpserver", server_port, "127.0.0.1", echo.port], netns=s)
    server.wait_for("listening on", 20)
    bridges = [f"10.97.{number}.2 {server_port} name={link}" for number, link in enumerate(LINKS)]
    control = test.folder / "client"
    client = test.start(["mpclient", "--control", control, test.file("client.conf", "\n".join([f"listen 127.0.0.1:{port}", *bridges]))], netns=c)
    server.wait_for_count("path .* is up", len(LINKS))
    send = test.send(port, "--for", BEFORE + CUT + AFTER, "--rate", RATE, netns=c)
    time.sleep(BEFORE)
    cut_at = time.monotonic()
    cut(c, "out")
    cut(s, "in")
    for link, words in SAID.items():
        say(client.wait_for(f"bridge {link} passes one way only: {words}", CUT - 1))
    said_after = time.monotonic() - cut_at
    check_range(round(said_after, 1), SAID_AFTER - 1, SAID_AFTER + 2, "seconds until it was said")
    status = json.loads(subprocess.run([test.build / "mpclient", "--control", control, "--status", "--json"], check=True,
                                       stdout=subprocess.PIPE, timeout=20).stdout)
    for path in status["paths"]:
        say(f"{path['name']}: {path['state']}, {path['problem']}")
    check([path["problem"].split()[1] for path in status["paths"]] == list(LINKS), "the status does not say which way they pass")
    time.sleep(max(0, cut_at + CUT - time.monotonic()))
    for namespace in (c, s):
        subprocess.run(["ip", "netns", "exec", namespace, "nft", "delete", "table", "inet", "cut"], check=True)
    result = send.json()
    say(f"{result['sent']} sent, {result['lost']} lost, p99 {result['latency_ms']['p99']} ms, longest {result['latency_ms']['max']} ms")
    # The two cuts are some milliseconds apart.
    check(result["lost"] <= 3, f"{result['lost']} datagrams or answers lost")
    check(client.count("no path answers") == 0, "it was called an outage")
    for link in LINKS:
        client.wait_for_count(f"bridge {link} is up", 2, 3)


harness.run(half_dead)
