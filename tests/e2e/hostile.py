"""Random bytes, truncated, altered and replayed packets at full speed: both ends live on, and the tunnel's traffic with them."""

import socket
import time

import harness
from harness import check, check_range

MEGABYTE = 2**20
RATE = 1000


class Attack:
    """A tunnel over three bridges: by one everything is captured, one injects towards mpclient, one towards mpserver."""

    def __init__(self, test, name, encrypt, key=None):
        self.test, self.name, self.encrypt = test, name, encrypt
        # A captured handshake that is sent again, as it is or with another cookie, gets an answer of no use to the sender. With a key,
        # nothing else gets one.
        self.outside_modes = "random,truncate" if key else "all"
        self.garbage_rate, self.seconds = (5000, 5) if test.is_sanitized else (50000, 10)
        # AddressSanitizer keeps freed memory for a while.
        self.growth_bytes = (64 if test.is_sanitized else 4) * MEGABYTE
        self.samples = test.folder / f"samples-{name}"
        self.tunnel = harness.Tunnel(test, f"{name}: ", encrypt)
        if key:
            self.tunnel.env["MPTUNNEL_KEY"] = key
        self.tunnel.echo = test.echo(name=f"{name}: echo")
        self.tunnel.target = self.tunnel.echo.port
        inject = ["--inject-rate", 0, "--inject-mode", "all"]
        for options in (["--capture", self.samples], ["--inject-down", "live", *inject], ["--inject-up", "live", *inject]):
            self.tunnel.add_bridges(1, *options)
        self.tunnel.start().wait_up()
        harness.favour(self.tunnel.server, self.tunnel.client)
        # What is replayed and altered later: handshake, sealed and clear packets of both directions.
        warm_up = test.send(self.tunnel.port, "--for", 1, "--rate", RATE, "--size", "0-1200", name=f"{name}: warm up")
        harness.check_clean(warm_up.json(), f"{name}, before the attack")
        deadline = time.monotonic() + 10
        while self.samples.stat().st_size < 100000:
            check(time.monotonic() < deadline, "nothing is captured")
            time.sleep(0.1)

    def under(self, what, begin, end):
        """Traffic while begin() to end() attack; both ends must not grow, and may lose 0.1 %."""
        tunnel, what = self.tunnel, f"{self.name}, {what}"
        begin()
        time.sleep(1)
        before = [p.rss_bytes() for p in (tunnel.server, tunnel.client)]
        send = self.test.send(tunnel.port, "--for", self.seconds, "--rate", RATE, "--size", "28-1200", name=f"{what}: send")
        result = send.json(self.seconds + 30)
        growth = [p.rss_bytes() - b for p, b in zip((tunnel.server, tunnel.client), before)]
        attacked = end()
        check_range(attacked, self.garbage_rate * self.seconds // 2, 10**9, f"{what}: hostile packets")
        harness.say(f"{what}: {result['lost']} of {result['sent']} lost, grew by {growth} bytes")
        if not self.encrypt:
            # A clear payload that was altered on the way may arrive so, in place of the right one.
            check(result["corrupted"] <= result["sent"] // 1000, f"{what}: {result['corrupted']} altered")
            result = {**result, "corrupted": 0}
        harness.check_clean(result, what, result["sent"] // 1000)
        for process, grown in zip((tunnel.server, tunnel.client), growth):
            check(process.is_running, f"{process.name} is gone")
            check(grown < self.growth_bytes, f"{what}: {process.name} grew by {grown} bytes")

    def at_server(self):
        """Half of it from an address of its own, half from the address of a path."""
        rate, tunnel = self.garbage_rate // 2, self.tunnel
        garbage = self.test.start(
            ["udp_probe", "garbage", f"127.0.0.1:{tunnel.server_port}", "--rate", rate, "--for", self.seconds + 1,
             "--mode", self.outside_modes, "--samples", self.samples, "--seed", 5], f"{self.name}: garbage")

        def end():
            self.test.tell(tunnel.bridges[2], "inject-rate 0")
            self.answers = garbage.json()["answers"]
            return garbage.json()["sent"] + self.test.tell(tunnel.bridges[2], "stats")["up"]["injected"]

        self.under("at mpserver", lambda: self.test.tell(tunnel.bridges[2], f"inject-rate {rate}"), end)

    def at_client(self):
        bridge = self.tunnel.bridges[1]

        def end():
            self.test.tell(bridge, "inject-rate 0")
            return self.test.tell(bridge, "stats")["down"]["injected"]

        self.under("at mpclient", lambda: self.test.tell(bridge, f"inject-rate {self.garbage_rate}"), end)

    def finish(self):
        tunnel = self.tunnel
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(b"", ("127.0.0.1", tunnel.server_port))
            stranger.sendto(b"", ("127.0.0.1", tunnel.port))
        time.sleep(0.1)
        after = self.test.send(tunnel.port, "--for", 1, "--rate", RATE, name=f"{self.name}: after")
        harness.check_clean(after.json(), f"{self.name}, after the attack")
        check(tunnel.server.count(r"path \S+ moved") == 0, f"{self.name}: a path moved")
        check(tunnel.client.count("session with mpserver started") == 1, f"{self.name}: the session was lost")
        check(len(tunnel.server.log()) < 100 and len(tunnel.client.log()) < 100, f"{self.name}: a line per packet in a log")
        tunnel.client.stop()
        tunnel.server.stop()
        echo = tunnel.echo.stop() == 0 and tunnel.echo.json()
        check(echo["duplicates"] == 0, f"{self.name}: {echo['duplicates']} delivered twice")
        check(echo["corrupted"] == 0 or not self.encrypt, f"{self.name}: {echo['corrupted']} altered")


def attack(test, name, encrypt, key=None):
    attacked = Attack(test, name, encrypt, key)
    attacked.at_server()
    if key:
        check(attacked.answers == 0, f"{name}: mpserver answered {attacked.answers} times")
    else:
        attacked.at_client()
    attacked.finish()


def without_key(test):
    """50,000 hostile packets a second for 10 s at mpserver, then at mpclient"""
    attack(test, "sealed", True)


def in_the_clear(test):
    """The same with MPTUNNEL_ENCRYPT=0 at both ends"""
    attack(test, "clear", False)


def with_key(test):
    """The same at mpserver, with a key: it answers nothing of it"""
    attack(test, "key", True, test.run("mpserver", "--genkey")[1])


if __name__ == "__main__":
    harness.run(without_key, in_the_clear, with_key)
