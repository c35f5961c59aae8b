"""The relay and the tunnel as running processes, behind one interface: `ports` to send to, `clients` and `servers`."""

import os
import pathlib
import signal
import sys
import time

# Behind this folder, which has a module `measure`, too.
sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import harness  # pylint: disable=wrong-import-position
from cases import CHACHA, CIPHERS, NONE, RELAY

# Relay clients take their source ports from here on, so many each: beyond what harness.PORTS gives out.
RELAY_PORT, RELAY_PORTS_EACH = 12_000, 64


def address(path):
    """Each path leads to an address of its own."""
    return f"127.0.0.{path + 1}"


class System:
    """One system in one case, started. `target` is the port of what is behind it."""

    netns = None  # of the applications

    def __init__(self, test, kind, case, target):
        self.test, self.kind, self.case, self.target = test, kind, case, target
        self.ports, self.clients, self.servers, self.socats = [], [], [], []
        self.generator = None
        self.server_port = harness.PORTS.take()
        # Where clients send to, for each path.
        self.entries = [(address(i), self.server_port) for i in range(case.paths)]
        if case.socat:
            self._start_socats()
        if kind == RELAY:
            self._start_relay()
        else:
            self._start_tunnel()

    @property
    def pids(self):
        return [process.pid for process in self.clients + self.servers]

    @property
    def targets(self):
        """Where applications send to."""
        return [f"127.0.0.1:{port}" for port in self.ports]

    def _start_socats(self):
        through = []
        for host, port in self.entries:
            own = harness.PORTS.take()
            self.socats.append(self.test.start(
                ["socat", "-T60", f"udp-listen:{own},fork,reuseaddr", f"udp4:{host}:{port}"], "socat"))
            through.append(("127.0.0.1", own))
        self.entries = through
        time.sleep(0.3)

    def _start_relay(self):
        program = self.test.build / "bench_relay"
        listen = [word for i in range(self.case.paths) for word in ("--listen", f"{address(i)}:{self.server_port}")]
        single = ["--single"] if self.case.socat else []
        server = self.test.start([program, "server", *listen, "--target", f"127.0.0.1:{self.target}", *single])
        server.wait_for("^listening")
        self.servers.append(server)
        paths = [word for host, port in self.entries for word in ("--path", f"{host}:{port}")]
        for i in range(self.case.clients):
            client = self.test.start([program, "client", "--listen", "127.0.0.1:0", *paths,
                                      "--source-port", RELAY_PORT + i * RELAY_PORTS_EACH])
            self.clients.append(client)
        self.ports = [int(client.wait_for("^listening").rsplit(":", 1)[1]) for client in self.clients]

    def _start_tunnel(self):
        env = {"MPTUNNEL_ENCRYPT": "0"} if self.kind == NONE else {}
        server = self._start_server(env)
        server.wait_for("listening on", 20)
        self.servers.append(server)
        statements = [*self.case.statements, *(["cipher chacha20-poly1305"] if self.kind == CHACHA else [])]
        for _ in range(self.case.clients):
            port = harness.PORTS.take()
            bridges = [f"{host} {port_of_path} name=b{i}" for i, (host, port_of_path) in enumerate(self.entries)]
            config = self.test.file(f"client-{port}.conf", "\n".join([f"listen 127.0.0.1:{port}", *bridges, *statements]))
            self.clients.append(self.test.start(["mpclient", config], env=env))
            self.ports.append(port)
        for client in self.clients:
            client.wait_for(f"session with mpserver started, cipher {CIPHERS[self.kind]}", 30)
            deadline = time.monotonic() + 20
            while client.count(r"bridge \S+ is up") < self.case.paths:
                harness.check(time.monotonic() < deadline, "the paths are not all up after 20 s")
                time.sleep(0.02)

    def _start_server(self, env):
        if not self.case.statements:
            listen = [word for i in range(self.case.paths) for word in ("--listen", address(i))]
            return self.test.start(["mpserver", *listen, self.server_port, "127.0.0.1", self.target], env=env)
        lines = [f"listen {address(i)}:{self.server_port}" for i in range(self.case.paths)]
        lines += [f"target 127.0.0.1:{self.target}", *self.case.statements]
        return self.test.start(["mpserver", self.test.file(f"server-{self.server_port}.conf", "\n".join(lines))], env=env)

    def stop(self):
        for socat in self.socats:
            children = pathlib.Path(f"/proc/{socat.pid}/task/{socat.pid}/children").read_text(encoding="ascii").split()
            socat.kill()
            for child in children:
                os.kill(int(child), signal.SIGKILL)
        processes = self.clients + self.servers
        for process in processes:
            process.signal(signal.SIGTERM)
        for process in processes:
            code = process.wait()
            harness.check(code == 0, f"{process.name} ended with {code}")
