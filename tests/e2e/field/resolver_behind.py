"""mpclient is killed and started while the only name server is behind its own tunnel: its bridges are where they answered before."""

import pathlib
import shutil
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness  # noqa: E402
import namespaces  # noqa: E402
from harness import check, say  # noqa: E402

NAME = "bridge.example"
FIRST, SECOND = "10.92.0.2", "10.92.0.3"
UP_WITHIN = 5


class Names:
    """The namespace's names: a hosts file, then a name server whose answers nobody gets (see ip-netns(8))."""

    def __init__(self, namespace):
        self.folder = pathlib.Path("/etc/netns") / namespace
        self.folder.mkdir(parents=True)
        (self.folder / "nsswitch.conf").write_text("hosts: files dns\n", encoding="ascii")
        (self.folder / "resolv.conf").write_text(f"nameserver {FIRST}\noptions timeout:2 attempts:2\n", encoding="ascii")
        self.say("")

    def say(self, address):
        # One write to the same file: the mount is of this file.
        with open(self.folder / "hosts", "r+" if (self.folder / "hosts").exists() else "w", encoding="ascii") as file:
            file.write(f"127.0.0.1 localhost\n{address} {NAME}\n" if address else "127.0.0.1 localhost\n")
            file.truncate()


def name_server_behind_the_tunnel(test):
    """The session is back within seconds of the start, a line says why; the name is followed once it resolves."""
    namespaces.need("ip", "nft")
    a, b = test.namespace("a"), test.namespace("b")
    namespaces.join(test, "p", (a, "10.92.0.1/24"), (b, f"{FIRST}/24", f"{SECOND}/24"))
    # What is asked vanishes, as in a tunnel that does not stand.
    namespaces.nft(b, "add table ip t", "add chain ip t in { type filter hook input priority 0; }", "add rule ip t in udp dport 53 drop")
    names = Names(a)
    try:
        echo = test.echo(netns=b)
        server_port, port = harness.PORTS.take(), harness.PORTS.take()
        test.start(["mpserver", server_port, "127.0.0.1", echo.port], netns=b).wait_for("listening on")
        config = test.file("mpclient.conf", f"listen 127.0.0.1:{port}\n{NAME} {server_port}\n")

        def start():
            client = test.start(["mpclient", config], netns=a)
            client.wait_for("listening on", 20)
            return client, time.monotonic()

        names.say(FIRST)
        client, _ = start()
        client.wait_for("session with mpserver started", 20)
        kept = test.folder / "state" / "bridge-addresses"
        deadline = time.monotonic() + 5
        while not kept.exists():
            check(time.monotonic() < deadline, f"{kept} was not written within 5 s")
            time.sleep(0.05)
        check(f"{NAME} {FIRST}" in kept.read_text(encoding="ascii"), f"{kept} lacks the address")
        client.kill()

        names.say("")
        client, started = start()
        client.wait_for("session with mpserver started", UP_WITHIN)
        say(f"a session {time.monotonic() - started:.1f} s after the start without a name server")
        say(client.wait_for(f"until its name resolves, {FIRST}:{server_port} is used"))
        harness.check_clean(test.send(port, "--count", 50, "--rate", 100, netns=a).json(), "without a name server")
        names.say(SECOND)
        say(client.wait_for(f"moved from {FIRST}:{server_port} to {SECOND}:{server_port}", 20))
        client.wait_for_count("is up: it answers", 2)
        client.stop()
        check(f"{NAME} {SECOND} {FIRST}" in kept.read_text(encoding="ascii"), "the address that answers now is not kept first")

        # Whatever is in the file, the program starts.
        names.say("")
        kept.write_bytes(b"\xff\0" * 1000 + f"\n{NAME} {'9' * 5000} ::: {SECOND}\n".encode())
        client, started = start()
        client.wait_for("session with mpserver started", UP_WITHIN)
        say("a damaged file did no harm")
    finally:
        shutil.rmtree(names.folder, ignore_errors=True)


harness.run(name_server_behind_the_tunnel)
