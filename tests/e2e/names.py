"""Names of bridges that change, and that have addresses of both families, by a hosts file of the namespace's own."""

import pathlib
import shutil
import time

import harness
import namespaces
import paths
from harness import check, say

RATE = harness.eased(1000)
RESOLVE_INTERVAL = 5
MOVED_WITHIN = RESOLVE_INTERVAL + 2
# After a failure the name is resolved sooner, but the path has to be missed first.
HEALED_WITHIN = RESOLVE_INTERVAL + 2
UP_WITHIN = 5


class Hosts:
    """A namespace with a hosts file of its own, the only source of names there (see ip-netns(8))."""

    def __init__(self, test):
        namespaces.need("ip")
        self.namespace = test.namespace("n")
        self.folder = pathlib.Path("/etc/netns") / self.namespace
        self.folder.mkdir(parents=True)
        (self.folder / "nsswitch.conf").write_text("hosts: files\n", encoding="ascii")
        self.say({})

    def say(self, names):
        """Every name of {name: [address, ...]}, and no other."""
        lines = ["127.0.0.1 localhost"]
        lines += [f"{address} {name}" for name, addresses in names.items() for address in addresses]
        # One write to the same file: the mount is of this file, and a reader finds no half of it.
        with open(self.folder / "hosts", "r+" if (self.folder / "hosts").exists() else "w", encoding="ascii") as file:
            file.write("\n".join([*lines, ""]))
            file.truncate()

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def with_hosts(case):
    """Gives the case a Hosts, and takes it away at the end."""

    def run(test):
        hosts = Hosts(test)
        try:
            case(test, hosts)
        finally:
            hosts.remove()

    run.__name__, run.__doc__ = case.__name__, case.__doc__
    return run


def bridges_on_one_port(test, tunnel, namespace, addresses, options):
    """A lossy_bridge on each of the addresses, all on the same port."""
    port = harness.PORTS.take()
    result = []
    for address, option in zip(addresses, options):
        shown = f"[{address}]" if ":" in address else address
        result.append(test.bridge(f"127.0.0.1:{tunnel.server_port}", *option, listen=f"{shown}:{port}", name=f"bridge {address}",
                                  netns=namespace))
    return result


def carries(test, bridge, what):
    """The bridge passes what is sent, each way."""
    before = test.tell(bridge, "stats")

    def has_passed():
        now = test.tell(bridge, "stats")
        return all(now[way]["forwarded"] - before[way]["forwarded"] >= RATE // 2 for way in ("up", "down"))

    # In a second, unless the machine is busy; probes alone are fewer in all that time.
    paths.until(has_passed, f"{what}: {bridge.name} passes {RATE // 2} datagrams each way", 5)


def wait_moved(test, tunnel, bridge, within, what):
    started = time.monotonic()
    address = f"{bridge.name.split()[1]}:{bridge.port}"

    def moved():
        path = tunnel.path("named")
        return path is not None and path["remote"] == address and path["state"] == "up"

    paths.until(moved, f"{what}: the path leads to {address} and is up", within)
    say(f"{what}: moved after {time.monotonic() - started:.1f} s")
    carries(test, bridge, what)


@with_hosts
def changed(test, hosts):
    """A name changes while traffic flows, first while the old address still works, then when it is dead: 0 lost"""
    echo = test.echo(netns=hosts.namespace)
    tunnel = paths.PathTunnel(test, target=echo.port, client_netns=hosts.namespace, server_netns=hosts.namespace)
    tunnel.statements.append(f"resolve-interval {RESOLVE_INTERVAL}")
    addresses = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
    first, second, third = bridges_on_one_port(test, tunnel, hosts.namespace, addresses, ((), (), ()))
    hosts.say({"bridge.test": [addresses[0]]})
    tunnel.add_path(first.port, "name=named", "bridge.test")
    for number in (1, 2):
        bridge = test.bridge(f"127.0.0.1:{tunnel.server_port}", name=f"bridge{number}", netns=hosts.namespace)
        tunnel.add_path(bridge.port, f"name=b{number}")
    tunnel.start().wait_up()
    send = test.send(tunnel.port, "--for", 60, "--rate", RATE, "--size", "0-1000", netns=hosts.namespace)
    carries(test, first, "before")

    hosts.say({"bridge.test": [addresses[1]]})
    wait_moved(test, tunnel, second, MOVED_WITHIN, "another address")
    before = test.tell(first, "stats")["up"]["received"]
    time.sleep(0.5)
    late = test.tell(first, "stats")["up"]["received"] - before
    check(late == 0, f"the old address still got {late} datagrams")

    test.tell(second, "blackout on")
    hosts.say({"bridge.test": [addresses[2]]})
    wait_moved(test, tunnel, third, HEALED_WITHIN, "the old address dead")

    # A name that is gone for now takes no path away that works.
    hosts.say({})
    time.sleep(RESOLVE_INTERVAL + 1)
    carries(test, third, "the name gone")
    send.signal(harness.signal.SIGINT)
    harness.check_clean(send.json(), "traffic")


@with_hosts
def both_families(test, hosts):
    """Names with an IPv6 and an IPv4 address of which one answers come up within seconds, in both orders"""
    if not harness.has_ipv6():
        raise harness.Skip("this system has no IPv6")
    ipv4, ipv6 = "127.0.0.9", "fd00:90::9"
    test.ip("-n", hosts.namespace, "address", "add", f"{ipv6}/128", "dev", "lo", "nodad")
    echo = test.echo(netns=hosts.namespace)
    tunnel = paths.PathTunnel(test, target=echo.port, client_netns=hosts.namespace, server_netns=hosts.namespace)
    names = {}
    answering = {}
    for order in ("46", "64"):
        for answers in (ipv4, ipv6):
            for other in ("silent", "refusing"):
                label = f"order{order}-ipv{'4' if answers == ipv4 else '6'}-{other}"
                name = f"{label}.test"
                names[name] = [ipv4, ipv6] if order == "46" else [ipv6, ipv4]
                listening = [answers] if other == "refusing" else [answers, ipv6 if answers == ipv4 else ipv4]
                bridge = bridges_on_one_port(test, tunnel, hosts.namespace, listening, ((), ("--blackout", "on")))[0]
                answering[label] = bridge
                tunnel.add_path(bridge.port, f"name={label}", name)
    hosts.say(names)
    tunnel.start()
    started = harness.log_time_ns(tunnel.client_listening)
    for label in answering:
        line = tunnel.client.wait_for(rf"bridge {label} is up", 30)
        took = (harness.log_time_ns(line) - started) / 10**9
        say(f"{label}: up after {took:.1f} s")
        check(took <= UP_WITHIN, f"{label}: up after {took:.1f} s only")
    harness.check_clean(test.send(tunnel.port, "--count", 200, "--rate", 200, netns=hosts.namespace).json(), "traffic")
    for label, bridge in answering.items():
        passed = test.tell(bridge, "stats")
        check(min(passed[way]["forwarded"] for way in ("up", "down")) >= 200, f"{label}: its bridge did not carry the traffic")


if __name__ == "__main__":
    harness.run(changed, both_families, together=True)
