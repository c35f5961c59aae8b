"""A bridge that answers from another of its addresses, or from another port, is used, and the log says from where it answers."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness  # noqa: E402
import namespaces  # noqa: E402
from harness import check, say  # noqa: E402

# The bridge has both; what it sends by itself leaves from the first.
FIRST, SECOND = "10.95.0.2", "10.95.0.9"
SERVER = "10.95.1.3"
SECONDS, RATE = 4, 100  # what socat leaves unread for half a second fits its small buffer


class Network:
    """Namespace a has mpclient, r the bridge, which is socat, b mpserver and its target."""

    def __init__(self, test, *bridge_lines):
        namespaces.need("ip", "nft", "socat")
        self.test = test
        self.a, self.r, self.b = (test.namespace(name) for name in "arb")
        namespaces.join(test, "ar", (self.a, "10.95.0.1/24"), (self.r, f"{FIRST}/24", f"{SECOND}/24"))
        namespaces.join(test, "rb", (self.r, "10.95.1.2/24"), (self.b, f"{SERVER}/24"))
        echo = test.echo(netns=self.b)
        test.start(["mpserver", 2000, "127.0.0.1", echo.port], netns=self.b).wait_for("listening on", 20)
        test.start(["socat", "-T60", "udp-listen:4000,fork,reuseaddr", f"udp4:{SERVER}:2000"], "socat", netns=self.r)
        config = test.file("mpclient.conf", "\n".join(["listen 127.0.0.1:3000", *bridge_lines]))
        self.client = test.start(["mpclient", *test.common_options, config], netns=self.a)

    def check_passes(self, what):
        result = self.test.send("127.0.0.1:3000", "--for", SECONDS, "--rate", RATE, "--size", "0-4000", netns=self.a).json()
        say(f"{what}: {result['sent']} sent, {result['lost']} lost")
        harness.check_clean(result, what)


def another_address(test):
    """The bridge is asked at its second address, and answers from its first; 0 lost"""
    network = Network(test, f"{SECOND} 4000 name=other")
    line = network.client.wait_for(rf"bridge other: what is sent to {SECOND}:4000 is answered from {FIRST}:4000", 20)
    say(line)
    network.client.wait_for("bridge other is up", 5)
    network.check_passes("from another address")
    check(network.client.count("bridge other is down") == 0, "the path went down")


def another_port(test):
    """Answers begin to come from another port, which does not answer what is sent to itself"""
    network = Network(test, f"{FIRST} 4000 name=port")
    network.client.wait_for("bridge port is up", 20)
    namespaces.nft(network.a, "table ip moves {", "chain i {", "type filter hook prerouting priority raw;",
                   "udp sport 4000 udp sport set 4999", "}", "}")
    network.client.wait_for(f"is answered from {FIRST}:4999, which does not answer itself", 30)
    network.check_passes("from another port")
    namespaces.nft(network.a, "delete table ip moves")
    network.check_passes("from the first port again")


def strangers(test):
    """What comes from elsewhere and is not mpserver's is dropped and counted, and the path comes up beside it"""
    network = Network(test, f"{SECOND} 4000 name=other")
    # By the address of its line first, then by the one that answers.
    check(network.client.wait_for_count("bridge other is up", 2, 20) >= 2, "packets do not go where answers come from")
    namespaces.nft(network.b, "table ip silence {", "chain i {", "type filter hook input priority 0;", "udp dport 2000 drop",
                   "}", "}")
    line = network.client.wait_for(r"bridge other is 10.95.0.9:4000, sending from", 5)
    network.client.wait_for("bridge other is down", 30)
    port = int(line.rsplit(":", 1)[1])
    with namespaces.udp_socket(network.r) as stranger:
        stranger.bind((FIRST, 0))
        for number in range(2000):
            stranger.sendto(bytes([number % 7]) * 120, ("10.95.0.1", port))
    namespaces.nft(network.b, "delete table ip silence")
    # Until then each datagram makes a child of socat, which refuses others meanwhile.
    check(network.client.wait_for_count("bridge other is up", 4, 30) >= 4, "the path does not come back")
    network.check_passes("after strangers")
    network.client.stop()
    say(network.client.wait_for("dropped from the network: .*unknown_", 5))


if __name__ == "__main__":
    harness.run(another_address, another_port, strangers, together=True)
