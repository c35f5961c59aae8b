"""mpserver sends five times as much to a client as its line takes, 2 Mbit/s: another client loses nothing and waits for nothing."""

import pathlib
import shutil
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import harness  # noqa: E402
import namespaces  # noqa: E402
import status  # noqa: E402
from harness import check, check_range, say  # noqa: E402

SECONDS, RATE, SIZE = 8, 1000, 1200


def start_client(test, name, netns, bridge):
    config = test.file(f"{name}.conf", f"listen 127.0.0.1:3000\n{bridge} 2000 name=line")
    client = test.start(["mpclient", config], name, env={"STATE_DIRECTORY": str(test.folder / name)}, netns=netns)
    client.wait_for("bridge line is up", 20)


def isolated(test, slow_clients, slow_rate):
    """So many clients behind one slow line of the server, and one behind a fast line."""
    namespaces.need("ip", "tc")
    here = test.namespace("s")
    clients = [test.namespace(f"c{i}") for i in range(slow_clients + 1)]
    # The slow line is the server's interface `slow`; a router behind it has a link to each of its clients.
    router = test.namespace("r")
    namespaces.join(test, "slow", (here, "10.90.0.1/24"), (router, "10.90.0.2/24"))
    namespaces.join(test, "fast", (here, "10.91.0.1/24"), (clients[-1], "10.91.0.2/24"))
    test.ip("netns", "exec", router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
    test.ip("-n", here, "route", "add", "10.92.0.0/16", "via", "10.90.0.2")
    for i, client in enumerate(clients[:-1]):
        namespaces.join(test, f"l{i}", (router, f"10.92.{i}.1/24"), (client, f"10.92.{i}.2/24"))
        test.ip("-n", client, "route", "add", "default", "via", f"10.92.{i}.1")
    shape = test.start([shutil.which("tc"), "qdisc", "add", "dev", "slow", "root", "tbf", "rate", "2mbit", "burst", "10k", "limit",
                        "10mb"], netns=here)
    if shape.wait() != 0:
        raise harness.Skip("this kernel has no tbf")
    echo = test.echo(netns=here)
    control = test.folder / "control"
    server = test.start(["mpserver", "--control", control, 2000, "127.0.0.1", echo.port], netns=here)
    server.wait_for("listening on", 20)
    for i, client in enumerate(clients):
        start_client(test, f"client{i}", client, "10.90.0.1" if client != clients[-1] else "10.91.0.1")
    slow = [test.send("127.0.0.1:3000", "--for", SECONDS, "--rate", slow_rate, "--size", SIZE, name=f"slow{i}", netns=client)
            for i, client in enumerate(clients[:-1])]
    fast = test.send("127.0.0.1:3000", "--for", SECONDS, "--rate", 200, "--size", SIZE, name="fast", netns=clients[-1])
    time.sleep(SECONDS - 1)
    answer = status.ask_json(test, "mpserver", "--control", control)
    results = [each.json() for each in slow]
    quick = fast.json()
    for one in answer["clients"]:
        path = one["paths"][0]
        say(f"{path['remote']}: {path['state']}, unsent {path.get('unsent')}, sent {path['out']['packets']}")
    say(f"fast: {quick['lost']} of {quick['sent']} lost, {quick['latency_ms']}")
    came = sum(result["received"] for result in results)
    say(f"slow: {came} of {sum(result['sent'] for result in results)} back, {results[0]['latency_ms']}")
    harness.check_clean(quick, "the other client")
    check_range(quick["latency_ms"]["p99"], 0, 50, "its round trip, 99 of 100, ms")
    # 2 Mbit/s carry some 190 a second.
    check_range(came, 0.7 * 190 * SECONDS, 230 * (SECONDS + 1), "datagrams over the slow line")
    check(server.count(r"path \S+ from \S+ is down") == 0, "a path went down")
    return max(result["latency_ms"]["p99"] for result in results)


def one_slow(test):
    """One client behind the slow line"""
    check_range(isolated(test, 1, RATE), 0, 500, "its round trip, 99 of 100, ms")


def many_slow(test):
    """Eight clients behind the slow line: each is let in two or three packets at least"""
    check_range(isolated(test, 8, RATE / 8), 0, 1000, "their round trip, 99 of 100, ms")


if __name__ == "__main__":
    harness.run(one_slow, many_slow)
