"""What remembers mpclient's source port and leads it to where mpserver was: the path is up again by another port, without a hand."""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness  # noqa: E402
import namespaces  # noqa: E402
from harness import check, say  # noqa: E402

ROUTER, OLD, NEW = "10.96.0.2", "10.96.1.3", "10.96.1.4"
PORT, SERVER_PORT = 4000, 2000
WITHIN_MS = 30000


class Network:
    """Namespace a has mpclient, r the bridge, b mpserver and its target, at the addresses OLD and NEW."""

    def __init__(self, test, *bridge_lines):
        namespaces.need("ip", "nft", "socat")
        self.test = test
        self.a, self.r, self.b = (test.namespace(name) for name in "arb")
        namespaces.join(test, "ar", (self.a, "10.96.0.1/24"), (self.r, f"{ROUTER}/24"))
        namespaces.join(test, "rb", (self.r, "10.96.1.2/24"), (self.b, "10.96.1.9/24", f"{OLD}/24", f"{NEW}/24"))
        self.echo = test.echo(netns=self.b)
        self.config = test.file("mpclient.conf", "\n".join(["listen 127.0.0.1:3000", *bridge_lines]))

    def start_server(self, address):
        server = self.test.start(["mpserver", "--listen", address, SERVER_PORT, "127.0.0.1", self.echo.port], netns=self.b)
        server.wait_for("listening on", 20)
        return server

    def start_client(self):
        return self.test.start(["mpclient", self.config], netns=self.a)

    def translate(self, to):
        """The rule leads what comes to the bridge to this address; what is translated already stays as it is."""
        namespaces.nft(self.r, "table ip forwards", "delete table ip forwards", "table ip forwards {",
                       "chain prerouting {", "type nat hook prerouting priority dstnat;",
                       f"udp dport {PORT} dnat to {to}:{SERVER_PORT}", "}",
                       "chain postrouting {", "type nat hook postrouting priority srcnat;",
                       f"udp dport {SERVER_PORT} masquerade", "}", "}")

    def drop(self, drops):
        """b drops all that comes, without a word."""
        namespaces.nft(self.b, "table inet silence", "delete table inet silence",
                       *(["table inet silence { chain i { type filter hook input priority 0; udp dport 2000 drop; }; }"] if drops else []))


def check_up(client, line, seen, since, what):
    client.wait_for_count(line, seen + 1, WITHIN_MS / 1000 + 5)
    check(client.count(line) > seen, f"{what}: the path did not come up")
    harness.check_range(round((time.monotonic() - since) * 1000), 0, WITHIN_MS, f"{what}: ms until the path was up")


def check_passes(network, what):
    result = network.test.send("127.0.0.1:3000", "--count", 200, "--rate", 200, "--size", 300, netns=network.a).json()
    say(f"{what}: {result['sent']} sent, {result['lost']} lost")
    harness.check_clean(result, what)


def moved_server(test):
    """A tunnel whose mpserver has moved, and with it the rule of the bridge, which is nftables; and when it did."""
    network = Network(test, f"{ROUTER} {PORT} name=nat")
    namespaces.inside(network.r, lambda: pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii"))
    network.translate(OLD)
    server = network.start_server(OLD)
    client = network.start_client()
    client.wait_for("bridge nat is up", 20)
    server.kill()
    # Nobody answers at the old address, not even with a refusal.
    test.ip("-n", network.b, "address", "del", f"{OLD}/24", "dev", "rb")
    network.start_server(NEW)
    network.translate(NEW)
    return network, client, time.monotonic()


def server_moves(test):
    """The bridge's rule leads to mpserver's new address, its translations to the old one"""
    network, client, since = moved_server(test)
    check_up(client, "bridge nat is up", 1, since, "mpserver moved")
    client.wait_for("bridge nat answers the source port", 5)
    check_passes(network, "mpserver moved")


def client_is_started_again(test):
    """The same, and mpclient is started again while its usual port leads to nobody"""
    network, client, _ = moved_server(test)
    client.kill()
    client = network.start_client()
    check_up(client, "bridge nat is up", 0, time.monotonic(), "mpclient started again")
    check_passes(network, "mpclient started again")


def bridge_of_one_port(test):
    """The bridge is socat without fork, which knows the first port alone: it works again once mpserver does"""
    network = Network(test, f"{ROUTER} {PORT} name=one")
    network.start_server(OLD)
    test.start(["socat", f"udp-listen:{PORT}", f"udp4:{OLD}:{SERVER_PORT}"], "socat", netns=network.r)
    client = network.start_client()
    client.wait_for("bridge one is up", 20)
    network.drop(True)
    client.wait_for("bridge one is down", 20)
    # By now another port has its turn.
    time.sleep(7)
    network.drop(False)
    check_up(client, "bridge one is up", 1, time.monotonic(), "mpserver is back")
    check_passes(network, "mpserver is back")


if __name__ == "__main__":
    harness.run(server_moves, client_is_started_again, bridge_of_one_port, together=True)
