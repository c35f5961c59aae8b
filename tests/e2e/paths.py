"""What the tests of paths share: tunnels that are asked for their status, the truth in the bridges' traces, and waiting for either."""

import collections
import json
import os
import pathlib
import subprocess
import tempfile
import time

import harness
from harness import check

DATA, CONTROL = "04", "05"  # the first byte of a packet, as a trace shows it


def until(condition, what, seconds=10, pause=0.05):
    """Asks until the answer is true, and returns it."""
    deadline = time.monotonic() + seconds
    while True:
        asked = time.monotonic()
        answer = condition()
        if answer:
            return answer
        check(asked < deadline, f"{what}: not within {seconds} s")
        time.sleep(pause)


class PathTunnel(harness.Tunnel):
    """A tunnel whose ends may live in namespaces of their own, and answer --status."""

    def __init__(self, test, name="", encrypt=True, target=None, client_netns=None, server_netns=None):
        super().__init__(test, name, encrypt, target)
        self.namespaces = {"mpclient": client_netns, "mpserver": server_netns}
        self.control = {end: test.folder / f"{end}-{self.port}.control" for end in self.namespaces}
        self.client_options += ["--control", self.control["mpclient"]]
        self.server_options += ["--control", self.control["mpserver"]]
        self.server_statements = []

    def start_server(self):
        """Of all addresses, by a configuration file."""
        config = self.test.file(f"server-{self.port}.conf", "\n".join(
            [f"listen *:{self.server_port}", f"target 127.0.0.1:{self.target}", *self.server_statements, ""]))
        self.server = self.test.start(["mpserver", *self.server_options, config], f"{self.name}mpserver",
                                      {**self.env, **self.server_env}, self.namespaces["mpserver"])
        self.server_listening = self.server.wait_for("listening on", 20)
        return self.server

    def start_client(self):
        self.netns = self.namespaces["mpclient"]
        return super().start_client()

    def status(self, end="mpclient"):
        """What --status --json says; of mpserver's clients there is one here, and its entry is returned."""
        asked = subprocess.run([self.test.build / end, "--status", "--json", "--control", self.control[end]], check=False,
                               capture_output=True, text=True, timeout=10)
        check(asked.returncode == 0, f"{end} --status: exit code {asked.returncode}: {asked.stderr.strip()}")
        answer = json.loads(asked.stdout)
        check(answer["program"] == end, f"{end} --status: it says that it is {answer['program']}")
        if end == "mpclient":
            return answer
        check(len(answer["clients"]) == 1, f"mpserver --status: {len(answer['clients'])} clients")
        return answer["clients"][0]

    def paths(self, end="mpclient"):
        return self.status(end)["paths"]

    def path(self, name):
        """mpclient's path of that name; None without one."""
        return next((path for path in self.paths() if path["name"] == name), None)

    def other_end(self, path):
        """The same path as mpserver has it; None without one."""
        return next((other for other in self.paths("mpserver") if other["id"] == path["id"]), None)

    def wait_state(self, name, state, seconds, what):
        """Waits until the path is in that state; returns how long that took, in seconds, and the path."""
        started = time.monotonic()

        def look():
            path = self.path(name)
            return path if path is not None and path["state"] == state else None

        path = until(look, f"{what}: {name} is {state}", seconds)
        return time.monotonic() - started, path


# --- Truth ------------------------------------------------------------------------------------------------------

Line = collections.namedtuple("Line", "time direction fate copy size kind head")


def read_trace(path):
    """The lines of lossy_bridge --trace, but for one that is not whole yet."""
    lines = []
    for text in pathlib.Path(path).read_text(encoding="ascii").splitlines(keepends=True):
        if not text.endswith("\n"):
            break
        when, direction, fate, copy, size, head = text.split()
        lines.append(Line(int(when), direction, fate, int(copy), int(size), head[:2], head))
    return lines


def traced_bridge(test, target, *options, **keywords):
    """A lossy_bridge with a trace: see trace_of()."""
    handle, file = tempfile.mkstemp(prefix="trace-", dir=test.folder)
    os.close(handle)
    bridge = test.bridge(target, "--trace", file, *options, **keywords)
    bridge.trace = file
    return bridge


def trace_of(test, bridge):
    """What the bridge has done so far."""
    stats = test.tell(bridge, "stats")  # writes the trace out
    check(stats["untraced"] == 0, f"{bridge.name}: its trace is full")
    return read_trace(bridge.trace)
