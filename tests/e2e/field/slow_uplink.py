"""An uplink of 2 Mbit/s gets five times as much: what leaves it is young, its path stays up, log and status say once what it takes,
and the fast one beside it loses nothing."""

import pathlib
import re
import shutil
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import harness  # noqa: E402
import namespaces  # noqa: E402
import status  # noqa: E402
from harness import check, check_range  # noqa: E402

SECONDS, RATE, SIZE = 8, 1000, 1200


def tunnel(test, links):
    """mpclient and mpserver with these links between them; `slow` takes 2 Mbit/s and would keep 10 MB."""
    namespaces.need("ip", "tc")
    here, there = test.namespace("c"), test.namespace("s")
    lines = []
    for i, link in enumerate(links):
        namespaces.join(test, link, (here, f"10.90.{i}.1/24"), (there, f"10.90.{i}.2/24"))
        lines.append(f"10.90.{i}.2 2000 name={link}")
    slow = test.start(["ip", "netns", "exec", here, shutil.which("tc"), "qdisc", "add", "dev", "slow", "root", "tbf", "rate", "2mbit",
                       "burst", "10k", "limit", "10mb"])
    if slow.wait() != 0:
        raise harness.Skip("this kernel has no tbf")
    echo = test.echo(netns=there)
    test.start(["mpserver", 2000, "127.0.0.1", echo.port], netns=there).wait_for("listening on", 20)
    control = test.folder / "control"
    config = test.file("client.conf", "\n".join(["listen 127.0.0.1:3000", f"control {control}", *lines]))
    client = test.start(["mpclient", "--control", control, config], netns=here)
    for link in links:
        client.wait_for(f"bridge {link} is up", 20)
    return client, control, here


def overloaded(test, links):
    client, control, here = tunnel(test, links)
    start = len(client.log())
    send = test.send("127.0.0.1:3000", "--for", SECONDS, "--rate", RATE, "--size", SIZE, "--drain", 3, netns=here)
    line = client.wait_for("bridge slow is given more than its line takes, about", SECONDS)
    deadline = time.monotonic() + 1
    while True:
        answer = status.ask_json(test, "mpclient", "--control", control)
        slow = next(path for path in answer["paths"] if path["name"] == "slow")
        # A pause of the machine makes it suspect for a moment, and that is its problem then.
        if slow["state"] == "up" or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    result = send.json()
    print(f"    slow path: {slow['state']}, RTT {slow['rtt_ms']['smoothed']} ms, unsent {slow.get('unsent')}, "
          f"out {slow['out']['packets']}; drops {answer['drops']}")
    print(f"    traffic: {result['received']} of {result['sent']} back, latency {result['latency_ms']}")
    print("\n".join(f"    {said}" for said in client.log()[start:][:6]))
    check_range(float(re.search(r"about ([0-9.]+) Mbit/s", line).group(1)), 1.5, 2.1, "what the line takes, as it is said, Mbit/s")
    check(slow["problem"].startswith("is given more than its line takes"), f"problem of the slow path: {slow['problem']}")
    lines = [said for said in client.log()[start:] if "than its line takes" in said]
    check(len(lines) == 1, f"said more than once: {lines}")
    check(slow["state"] == "up", f"the slow path is {slow['state']}")
    check_range(slow["rtt_ms"]["smoothed"], 1, 300, "RTT of the slow path, ms")
    changes = [line for line in client.log()[start:] if "slow is suspect" in line or "slow is down" in line]
    check(not changes, f"the slow path did not stay up: {changes}")
    check_range(slow["unsent"], RATE, RATE * SECONDS, "copies that the slow path had no room for")
    return result


def alone(test):
    """The slow path alone"""
    result = overloaded(test, ["slow"])
    # 2 Mbit/s carry some 190 a second.
    check_range(result["received"], 0.8 * 190 * SECONDS, 230 * (SECONDS + 1), "datagrams that came back")
    check_range(result["latency_ms"]["p99"], 0, 400, "round trip, 99 of 100, ms")


def beside(test):
    """A fast path beside it"""
    result = overloaded(test, ["slow", "fast"])
    harness.check_clean(result, "traffic")
    check_range(result["latency_ms"]["p99"], 0, 50, "round trip, 99 of 100, ms")


if __name__ == "__main__":
    harness.run(alone, beside)
