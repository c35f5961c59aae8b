"""What mpserver calls clients and their paths, in its log and its status, and what a client learns of its paths' addresses."""

import json
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness  # noqa: E402
from harness import check, say  # noqa: E402

ADDRESS = r"127\.0\.0\.1:\d+"


def status(test, process):
    control = process.arguments[process.arguments.index("--control") + 1]
    asked = subprocess.run([test.build / process.arguments[0], "--control", control, "--status", "--json"], check=True,
                           stdout=subprocess.PIPE, timeout=20)
    return json.loads(asked.stdout)


def seen_from(test, tunnel):
    """The address of each path, as mpclient says that mpserver sees it, and as mpserver has it."""
    client = {path["name"]: path["public"] for path in status(test, tunnel.client)["paths"]}
    server = {path["name"]: path["remote"] for path in status(test, tunnel.server)["clients"][0]["paths"]}
    return client, server


def wait_seen(test, tunnel, changed=None):
    """Waits until both say the same of all paths, and other than `changed`."""
    deadline = time.monotonic() + 5
    while True:
        client, server = seen_from(test, tunnel)
        if client == server and "" not in client.values() and client != changed:
            say(f"public addresses: {client}")
            return client
        check(time.monotonic() < deadline, f"mpclient says {client}, mpserver {server}, before {changed}")
        time.sleep(0.1)


def with_a_word(test):
    """client-id and name= are what the log of mpserver says, from the first line to the last"""
    tunnel = harness.Tunnel(test, target=test.echo().port)
    tunnel.statements.append("client-id garage")
    tunnel.add_bridges(2)
    tunnel.start()
    tunnel.wait_up()
    say(tunnel.server.wait_for(rf"client garage from {ADDRESS}: session started")[24:])
    for name in ("b0", "b1"):
        say(tunnel.server.wait_for(rf"client garage: path {name} from {ADDRESS} is up")[24:])
    before = wait_seen(test, tunnel)
    check(status(test, tunnel.server)["clients"][0]["name"] == "garage", "the status has another name")
    # Its translation changes: mpserver sees another address, and mpclient hears of it.
    test.tell(tunnel.bridges[1], "rebind")
    harness.check_clean(test.send(tunnel.port, "--count", 100, "--rate", 100).json(), "during the rebind")
    after = wait_seen(test, tunnel, before)
    check(after["b0"] == before["b0"] and after["b1"] != before["b1"], "another path has moved")
    say(tunnel.server.wait_for(rf"client garage: path b1 moved from {before['b1']} to {after['b1']}")[24:])
    tunnel.client.stop()
    say(tunnel.server.wait_for(r"client garage: session ended: the program ended; 100 datagrams from it, 100 to it, in \d")[24:])


def without_one(test):
    """A client without client-id is called by its address"""
    tunnel = harness.standing_tunnel(test, paths=1)
    line = tunnel.server.wait_for(rf"client {ADDRESS}: session started")
    say(line[24:])
    name = line.split("client ")[1].split(": session")[0]
    check(status(test, tunnel.server)["clients"][0]["name"] == name, "the status has another name")
    tunnel.client.stop()
    tunnel.server.wait_for(f"client {name}: session ended: ")


if __name__ == "__main__":
    harness.run(with_a_word, without_one)
