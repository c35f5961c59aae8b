"""Addresses that come after the programs: to listen on at both ends, and to send from."""

import json
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness  # noqa: E402
import namespaces  # noqa: E402
from harness import check, say  # noqa: E402

LATE = {"a": ("10.91.0.1", "2001:db8:91::1"), "b": ("10.91.0.2", "2001:db8:91::2")}
LISTEN_LATE = "10.91.1.1"
WITHIN = 3


def add(test, namespace, address, *options):
    test.ip("-n", namespace, "address", "add", f"{address}/{64 if ':' in address else 24}", "dev", "p", *options)


def addresses_that_come_later(test):
    """`listen`, --listen and bind= wait for their addresses, go on with the others, and work within seconds of these."""
    namespaces.need("ip")
    a, b = test.namespace("a"), test.namespace("b")
    namespaces.join(test, "p", (a,), (b,))
    port, server_port = harness.PORTS.take(), harness.PORTS.take()
    echo = test.echo(netns=b)
    server = test.start(["mpserver", "--listen", LATE["b"][0], "--listen", LATE["b"][1], "--listen", "127.0.0.1", server_port,
                         "127.0.0.1", echo.port], netns=b)
    for address in LATE["b"]:
        say(server.wait_for(f"{address} is not an address of this host yet"))
    server.wait_for(f"listening on 127.0.0.1:{server_port}")
    config = test.file("mpclient.conf", "\n".join([
        f"listen 127.0.0.1:{port}", f"listen {LISTEN_LATE}:{port}",
        f"{LATE['b'][0]} {server_port} bind={LATE['a'][0]} name=four",
        f"{LATE['b'][1]} {server_port} bind={LATE['a'][1]} name=six"]))
    client = test.start(["mpclient", config], netns=a)
    say(client.wait_for(f"{LISTEN_LATE} is not an address of this host yet"))
    client.wait_for(f"listening on 127.0.0.1:{port}")
    for address in LATE["a"]:
        say(client.wait_for(f"bridge .*{address} is not an address of this host"))
    # A port in use stays an error, with the address there or not.
    second = test.start(["mpserver", "--listen", LATE["b"][0], server_port, "127.0.0.1", echo.port], netns=b)
    second.expected_codes = (1,)
    check(second.wait(10) == 1, "a second mpserver on the same address and port runs")
    say(second.wait_for("is in use by another program"))
    check(client.is_running and server.is_running, "a program ended")

    started = time.monotonic()
    for namespace, end in ((a, "a"), (b, "b")):
        add(test, namespace, LATE[end][0])
        add(test, namespace, LATE[end][1])  # with the detection of duplicates
    for address in LATE["b"]:
        say(server.wait_for(f"listening on .*{address}.*:{server_port}"))
    for name in ("four", "six"):
        say(client.wait_for(f"bridge {name} is up", WITHIN + 10))
    say(f"both paths up after {time.monotonic() - started:.1f} s")
    harness.check_clean(test.send(port, "--count", 50, "--rate", 100, netns=a).json(), "by the address that was there")
    add(test, a, LISTEN_LATE)
    say(client.wait_for(f"listening on {LISTEN_LATE}:{port}", WITHIN))
    harness.check_clean(test.send(f"{LISTEN_LATE}:{port}", "--count", 50, "--rate", 100, netns=a).json(), "by the late address")
    check(server.count("is not an address of this host yet") == len(LATE["b"]), "said more than once")

    # It goes and comes again, as that of a router that shares it (VRRP).
    test.ip("-n", a, "address", "del", f"{LISTEN_LATE}/24", "dev", "p")
    add(test, a, LISTEN_LATE)
    harness.check_clean(test.send(f"{LISTEN_LATE}:{port}", "--count", 50, "--rate", 100, netns=a).json(), "when it is back")


def status(test, process, *options, code=0):
    control = process.arguments[process.arguments.index("--control") + 1]
    asked = subprocess.run([test.build / process.program, "--control", control, "--status", *options], check=False,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20, text=True)
    check(asked.returncode == code, f"--status {options}: exit code {asked.returncode}: {asked.stdout}")
    return asked.stdout


def make_link(namespace, name, other, *options):
    subprocess.run(["ip", "-n", namespace, "link", "add", name, *options, "type", "veth", "peer", "name", other], check=True)
    for end in (name, other):
        subprocess.run(["ip", "-n", namespace, "link", "set", end, "up"], check=True)


def link_local(test):
    """An address of an interface that is not there yet, by number and by name; the latter follows it when it comes again."""
    a = test.namespace("a")
    port = harness.PORTS.take()
    by_number = test.start(["mpserver", "--control", test.folder / "number", "--listen", "fe80::77%9", port, "127.0.0.1", 9], netns=a)
    say(by_number.wait_for("fe80::77%9 is not an address of this host yet"))
    by_name = test.start(["mpserver", "--control", test.folder / "name", "--listen", "fe80::78%late", port, "127.0.0.1", 9], netns=a)
    say(by_name.wait_for("fe80::78%late is not an address of this host yet"))
    by_name.wait_for("target 127.0.0.1:9 is")  # by then it answers
    awaited = f"[fe80::78%late]:{port}"
    check(json.loads(status(test, by_name, "--json"))["listen_awaited"] == [awaited], "the status does not say what is awaited")
    say(status(test, by_name).splitlines()[2])
    check(f"awaited   {awaited}: there is no interface late\n" in status(test, by_name), "nor does the table")
    say(status(test, by_name, "--healthy", code=1).strip())
    make_link(a, "late", "other", "index", "9")
    test.ip("-n", a, "address", "add", "fe80::77/64", "dev", "late")
    test.ip("-n", a, "address", "add", "fe80::78/64", "dev", "late")
    say(by_number.wait_for(rf"listening on \[fe80::77%9\]:{port}", WITHIN + 10))
    say(by_name.wait_for(rf"listening on \[fe80::78%late\]:{port}", WITHIN + 10))
    check(json.loads(status(test, by_name, "--json"))["listen_awaited"] == [], "it is awaited still")
    check(status(test, by_name, "--healthy") == "healthy\n", "it is not healthy")
    # It goes, and comes again with another number.
    test.ip("-n", a, "link", "del", "late")
    say(by_name.wait_for("fe80::78%late is no longer an address of this host", WITHIN))
    status(test, by_name, "--healthy", code=1)
    make_link(a, "late", "other", "index", "19")
    test.ip("-n", a, "address", "add", "fe80::78/64", "dev", "late", "nodad")
    by_name.wait_for_count(rf"listening on \[fe80::78%late\]:{port}", 2, WITHIN + 10)
    sockets = subprocess.run(["ip", "netns", "exec", a, "ss", "-Hlun", f"sport = :{port}"], check=True, stdout=subprocess.PIPE, text=True)
    check("fe80::78" in sockets.stdout, f"nothing listens there: {sockets.stdout}")


def by_link_local_addresses(test):
    """A tunnel of link-local addresses alone, whose interface is named once: listen, --listen, bind=, the bridge and the target"""
    namespaces.need("ip")
    a, b = test.namespace("a"), test.namespace("b")
    namespaces.join(test, "p", (a, "fe80::a/64"), (b, "fe80::b/64"))
    port, server_port = harness.PORTS.take(), harness.PORTS.take()
    here, there = (json.loads(subprocess.run(["ip", "-n", namespace, "-j", "link", "show", "p"], check=True, stdout=subprocess.PIPE).stdout)
                   [0]["ifindex"] for namespace in (a, b))
    echo = test.echo(listen=f"[fe80::b%{there}]:0", netns=b)
    server = test.start(["mpserver", "--listen", "fe80::b%p", server_port, "fe80::b%p", echo.port], netns=b)
    server.wait_for(rf"listening on \[fe80::b%p\]:{server_port}")
    config = test.file("local.conf", f"listen [fe80::a%p]:{port}\nfe80::b%p {server_port} bind=fe80::a%p name=one\n"
                       f"fe80::b {server_port} dev=p bind=fe80::a name=two\nlog-level INFO\n")
    client = test.start(["mpclient", config], netns=a)
    for name in ("one", "two"):
        say(client.wait_for(f"bridge {name} is up"))
    harness.check_clean(test.send(f"[fe80::a%{here}]:{port}", "--count", 50, "--rate", 100, netns=a).json(), "by link-local addresses")


def bridge_of_a_late_interface(test):
    """A bridge's link-local address names an interface that is not there yet, goes, and comes again with another number."""
    namespaces.need("ip")
    a, b = test.namespace("a"), test.namespace("b")
    port, server_port = harness.PORTS.take(), harness.PORTS.take()
    echo = test.echo(netns=b)
    server = test.start(["mpserver", "--listen", "fe80::b%p", server_port, "127.0.0.1", echo.port], netns=b)
    client = test.start(["mpclient", "--control", test.folder / "late", test.file(
        "late.conf", f"listen 127.0.0.1:{port}\nfe80::b%p {server_port} name=one\n")], netns=a)
    client.wait_for(rf"listening on 127.0.0.1:{port}", 20)
    missing = "bridge one: there is no interface p; trying again until it works"
    for times in (1, 2):
        check(client.wait_for_count(missing, times, WITHIN) >= times, "that it is missing is not said")
        check("there is no interface p" in status(test, client), "nor does the status say so")
        namespaces.join(test, "p", (a, "fe80::a/64"), (b, "fe80::b/64"))
        server.wait_for_count(rf"listening on \[fe80::b%p\]:{server_port}", times, WITHIN + 10)
        client.wait_for_count("bridge one is up", times, WITHIN + 10)
        say(f"{times}: {missing}, and up")
        harness.check_clean(test.send(port, "--count", 50, "--rate", 100, netns=a).json(), "by the late interface")
        test.ip("-n", a, "link", "del", "p")


harness.run(addresses_that_come_later, link_local, by_link_local_addresses, bridge_of_a_late_interface, together=True)
