"""An mpserver with a keyring and its clients, for the tests of keys and of quotas."""

import base64
import json
import os
import signal
import time

import harness
import status
from harness import PORTS, check


def make_key():
    return base64.b64encode(os.urandom(32)).decode()


def wait_for_file(path, seconds=10):
    """The control socket is made after the program listens."""
    deadline = time.monotonic() + seconds
    while not path.exists():
        check(time.monotonic() < deadline, f"{path} is not made")
        time.sleep(0.02)


class Ring:
    """An mpserver with a keyring, by a configuration; what is behind it; and its clients, all over one bridge."""

    def __init__(self, test, name, lines, statements=(), target=None):
        self.test = test
        self.name = name
        self.echo = None if target else test.echo(name=f"{name}: echo")
        self.port = PORTS.take()
        self.keys = {}
        self.file = test.file(f"{name}.keys")
        self.write(lines)
        self.control = test.folder / f"{name}.s"
        self.config = test.file(f"{name}.conf", "\n".join(
            [f"listen 127.0.0.1:{self.port}", f"target 127.0.0.1:{target or self.echo.port}", f"keys {self.file.name}",
             f"control {self.control.name}", *statements, ""]))
        self.server = None

    def key(self, name):
        return self.keys.setdefault(name, make_key())

    def write(self, lines):
        """Lines `NAME [option...]`; the keys are put in. They stay the same for as long as this object lives."""
        text = []
        for line in lines:
            name, *options = line.split()
            text.append(" ".join([name, self.key(name), *options]))
        self.file.write_text("\n".join(["# clients", *text, ""]), encoding="ascii")

    def start(self):
        self.server = self.test.start(["mpserver", "--control", self.control, *self.test.common_options, self.config],
                                      f"{self.name}: mpserver")
        self.server.wait_for("listening on", 20)
        wait_for_file(self.control)
        self.bridge = self.test.bridge(self.port, name=f"{self.name}: bridge")
        return self

    def client(self, who, *statements, name=None, key=None):
        """Starts the client that has this key, and waits until it is in, unless `name` says what else it is called."""
        tunnel = harness.Tunnel(self.test, f"{self.name}: {name or who} ")
        tunnel.server, tunnel.statements = self.server, list(statements)
        tunnel.add_path(self.bridge.port)
        tunnel.client_env = {"MPTUNNEL_KEY": key or self.key(who)}
        tunnel.start_client()
        return tunnel

    def ask(self, *arguments, code=0):
        got, text = self.test.run("mpserver", *arguments, "--control", self.control, codes=(code,))
        check(got == code, f"{self.name}: mpserver {arguments}: exit code {got} instead of {code}: {text}")
        return text

    def status(self):
        return json.loads(self.ask("--status", "--json"))

    def names(self):
        """As the status has them: None for a client without a key of its own."""
        return sorted((client["key_name"] for client in self.status()["clients"]), key=str)

    def reload(self, code=0):
        return self.ask("--reload", code=code)

    def reload_by_socket(self):
        """The same, without the start of a program, which takes as long as a busy machine likes."""
        return status.ask_socket(self.control, b"reload\n", 20)

    def hang_up(self):
        """SIGHUP, and what mpserver logs last because of it."""
        start = len(self.server.log())
        self.server.signal(signal.SIGHUP)
        return self.server.wait_for("read again|the keys stay as they were", 10, start)


def is_in(tunnel, start=0, seconds=20):
    """Waits for its session, and returns when it began, on CLOCK_MONOTONIC."""
    return harness.log_time_ns(tunnel.client.wait_for("session with mpserver started", seconds, start))


def passes(test, tunnel, seconds=1, rate=200):
    harness.check_clean(test.send(tunnel.port, "--for", seconds, "--rate", rate, name=f"{tunnel.name}send").json(), tunnel.name)


def stream(test, tunnel):
    """A stream of datagrams, which runs when this returns, until finish()."""
    send = test.send(tunnel.port, "--for", 120, "--rate", harness.eased(500), "--progress", name=f"{tunnel.name}stream")
    send.wait_for(r"received [1-9]", 20)
    return send


def finish(send):
    send.signal(signal.SIGINT)
    result = send.json()
    harness.check_clean(result, send.name)
    check(result["sent"] > 50, f"{send.name}: only {result['sent']} were sent")
