"""--status: every way to ask a running instance, what it answers, and what becomes of its socket."""

import json
import os
import pathlib
import signal
import socket
import stat
import subprocess
import time

import harness
from harness import PORTS, Skip, check

DIRECTION = {"packets", "bytes", "lost", "loss", "loss_recent", "jitter_ms", "first", "duplicates", "rate_bps", "repair_bytes"}
PATH = {"id", "name", "state", "problem", "standby", "held", "remote", "local", "public", "device", "rtt_ms", "mtu", "last_answer_s",
        "unsent", "share", "out", "in"}
SESSION = {"state", "age_s", "cipher", "encrypted", "key", "key_age_s", "scheduler", "flows", "datagrams_in", "datagrams_out",
           "duplicates_dropped", "forced_closings", "residual_loss", "stream", "fragmented", "largest_whole", "ip"}
CLIENT = {"program", "version", "uptime_s", "config", "listen", "listen_awaited", "device", "session", "paths", "drops", "kernel_drops", "problems"}
SERVER = {"program", "version", "uptime_s", "config", "listen", "listen_awaited", "device", "target", "target_problem", "keyring", "clients", "drops", "kernel_drops", "problems"}


def ask(test, program, *arguments, code=0, env=None):
    """What --status prints, with this exit code. Standard output alone: it is what other programs read."""
    command = [str(test.build / program), "--status", *map(str, arguments)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MPTUNNEL_")}
    environment.update({"ASAN_OPTIONS": "detect_leaks=1", **(env or {})})
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=environment)
    check(done.returncode == code, f"{command}: exit code {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout if code == 0 else done.stderr


def ask_json(test, program, *arguments, env=None):
    return json.loads(ask(test, program, "--json", *arguments, env=env))


def wait_socket(path, seconds=10):
    """The socket is made after the program listens."""
    deadline = time.monotonic() + seconds
    while True:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(path))
                return path
            except OSError:
                check(time.monotonic() < deadline, f"nobody listens on {path}")
        time.sleep(0.02)


def connect(control, seconds=10):
    asker = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # With a time-out connect() would fail if it has to wait for a place in the queue.
    asker.connect(str(control))
    asker.settimeout(seconds)
    return asker


def ask_socket(control, request, seconds=10):
    """What comes for these bytes, by no other program: its start takes as long as a busy machine likes."""
    with connect(control, seconds) as asker:
        asker.sendall(request)
        text = b""
        while piece := asker.recv(1 << 16):
            text += piece
    return text.decode()


def control_of(process):
    return process.arguments[process.arguments.index("--control") + 1]


def check_names(value, names, what):
    check(set(value) == names, f"{what} has {sorted(set(value) ^ names)} too many or too few")


def check_paths(paths, count):
    check(len(paths) == count, f"{len(paths)} paths instead of {count}")
    for path in paths:
        check_names(path, PATH, "a path")
        check_names(path["out"], DIRECTION, "out")
        check_names(path["in"], DIRECTION, "in")
        check_names(path["mtu"], {"out", "in"}, "mtu")
        check(path["state"] == "up", f"path {path['name']} is {path['state']}")
        check(path["remote"].startswith("127.0.0.1:") and path["local"].startswith("127.0.0.1:"), f"addresses of {path}")
        check_names(path["rtt_ms"], {"smoothed", "variation", "minimum", "latest"}, "rtt_ms")
        check(0 < path["rtt_ms"]["minimum"] <= path["rtt_ms"]["smoothed"], f"RTT {path['rtt_ms']}")


def what_both_ends_tell(test):
    """The table and the JSON of both ends have the session, each path and the counters"""
    key = test.file("tunnel.key", test.run("mpclient", "--genkey")[1] + "\n")
    echo = test.echo()
    tunnel = harness.Tunnel(test, target=echo.port)
    tunnel.server_options += ["--key-file", key]
    tunnel.client_options += ["--key-file", key]
    tunnel.add_bridges(3).start().wait_up()
    sent = 200
    harness.check_clean(test.send(tunnel.port, "--count", sent, "--rate", 200).json(), "tunnel")

    client = ask_json(test, "mpclient", "--control", control_of(tunnel.client))
    check_names(client, CLIENT, "mpclient")
    check_names(client["session"], SESSION, "mpclient's session")
    check_paths(client["paths"], 3)
    check([path["name"] for path in client["paths"]] == ["b0", "b1", "b2"], "names of bridges")
    check([path["id"] for path in client["paths"]] == [0, 1, 2], "ids of paths")
    for path, bridge in zip(client["paths"], tunnel.bridges):
        check(path["remote"] == f"127.0.0.1:{bridge.port}", f"remote of {path['name']}")
        check(path["last_answer_s"] < 10, f"last answer of {path['name']}")
        check(path["out"]["packets"] >= sent and path["in"]["packets"] >= sent, f"packets of {path['name']}")
    session = client["session"]
    check((session["state"], session["encrypted"], session["key"]) == ("established", True, "set"), f"session {session}")
    check(session["cipher"] in ("AES-256-GCM", "ChaCha20-Poly1305"), f"cipher {session['cipher']}")
    check((session["flows"], session["datagrams_in"], session["datagrams_out"]) == (1, sent, sent), f"traffic {session}")
    check(session["duplicates_dropped"] >= sent, f"duplicates {session['duplicates_dropped']}")
    check(session["duplicates_dropped"] <= client["drops"]["copy"], f"drops {client['drops']}")
    check(client["program"] == "mpclient" and client["listen"] == [f"127.0.0.1:{tunnel.port}"], "program and address")
    check(client["config"].endswith(f"client-{tunnel.port}.conf"), f"config {client['config']}")
    check(f"mpclient {client['version']}" == test.run("mpclient", "--version")[1], "version")
    check(1 <= client["uptime_s"] < 60, f"uptime {client['uptime_s']}")

    server = ask_json(test, "mpserver", "--control", control_of(tunnel.server))
    check_names(server, SERVER, "mpserver")
    check((server["program"], server["config"], server["target"]) == ("mpserver", "", f"127.0.0.1:{echo.port}"), "mpserver")
    check(len(server["clients"]) == 1, f"{len(server['clients'])} clients")
    check_names(server["clients"][0], {"client", "name", "key_name", "session", "paths"}, "a client")
    check((server["keyring"], server["clients"][0]["key_name"]) == (None, None), "a keyring where there is none")
    check_names(server["clients"][0]["session"], SESSION, "a client's session")
    check_paths(server["clients"][0]["paths"], 3)
    session = server["clients"][0]["session"]
    check((session["state"], session["key"], session["flows"]) == ("established", "set", 1), f"session {session}")
    check((session["datagrams_in"], session["datagrams_out"]) == (sent, sent), f"traffic {session}")
    check(tunnel.server.find(f"client {server['clients'][0]['name']}"), "the log knows this client by another name")

    table = ask(test, "mpclient", "--control", control_of(tunnel.client))
    for pattern in (r"^mpclient  \S+, up for ", r"^session   established.*key set", rf"^traffic   1 flow, {sent} datagrams in",
                    r"^path +state +RTT +loss out +loss in +MTU +rate out +rate in$",
                    r"^last 10 s lost ", r"^in all    lost 0 % out, 0 % in \(best path alone ", r"^delay     RTT \d",
                    r"^b0    up +\d+\.\d+ ms ", r"^b2    up "):
        check(harness.re.search(pattern, table, harness.re.MULTILINE), f"'{pattern}' is not in:\n{table}")
    check(max(map(len, table.splitlines())) <= 80, f"the table is too wide:\n{table}")
    wide = ask(test, "mpclient", "--wide", "--control", control_of(tunnel.client))
    check(harness.re.search(r"^path +state .* +wins +answered +remote +public$", wide, harness.re.MULTILINE), f"the wide table:\n{wide}")
    check(ask(test, "mpclient", "--healthy", "--control", control_of(tunnel.client)) == "healthy\n", "mpclient is not healthy")
    table = ask(test, "mpserver", "--control", control_of(tunnel.server))
    check(harness.re.search(r"^client    127\.0\.0\.1:\d+ \([0-9a-f]{8}\)$", table, harness.re.MULTILINE), f"no client in:\n{table}")
    tunnel.bridges[1].kill()
    tunnel.client.wait_for("b1 is down", 30)
    state = {path["name"]: (path["state"], path["problem"]) for path in
             ask_json(test, "mpclient", "--control", control_of(tunnel.client))["paths"]}
    check(state["b1"][0] == "down" and state["b1"][1] != "", f"the dead path: {state}")
    for number in (0, 2):
        tunnel.bridges[number].kill()
    tunnel.client.wait_for("no path answers any more", 30)
    problems = ask_json(test, "mpclient", "--control", control_of(tunnel.client))["problems"]
    check(any(problem.startswith("no path ") for problem in problems), f"nothing flows, and the problems are {problems}")
    check("no path " in ask(test, "mpclient", "--healthy", "--control", control_of(tunnel.client), code=1), "healthy although nothing flows")


class OwnRuntime:
    """Instances with their sockets at the default place, which is below a folder of the test's own: as another user
    than root, whose sockets are in /run."""

    def __init__(self, test):
        self.test = test
        self.folder = test.folder / "runtime"
        self.folder.mkdir(mode=0o700)
        self.as_user = []
        if os.geteuid() == 0:
            if not harness.shutil.which("setpriv"):
                raise Skip("setpriv is missing")
            test.folder.chmod(0o755)
            os.chown(self.folder, 65534, 65534)
            self.as_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
        self.env = {"XDG_RUNTIME_DIR": str(self.folder)}

    def command(self, program, *arguments):
        return [*self.as_user, str(self.test.build / program), *map(str, arguments)]

    def start(self, program, *arguments, name=None):
        process = self.test.start(self.command(program, *arguments), name or program, env=self.env)
        process.wait_for("listening on", 20)
        return process

    def socket(self, program, port):
        return self.folder / "mptunnel" / f"{program}-{port}.sock"

    def ask(self, program, *arguments, code=0):
        done = subprocess.run(self.command(program, "--status", *arguments), capture_output=True, text=True, timeout=30,
                              check=False, env={**os.environ, **self.env})
        check(done.returncode == code, f"{program} --status {arguments}: exit code {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout if code == 0 else done.stderr


def config_file(test, port, name):
    return test.file(name, f"listen 127.0.0.1:{port}\n127.0.0.1 {PORTS.take()} name=nowhere\n", 0o644)


def ways_to_ask(test):
    """By configuration, by mpserver's arguments, by its port alone, by the socket, and by nothing if one runs"""
    runtime = OwnRuntime(test)
    check("no instance of this user runs" in runtime.ask("mpclient", code=1), "nothing runs")
    check("no instance of this user runs" in runtime.ask("mpserver", code=1), "nothing runs")
    server_port, port, other_port = PORTS.take(), PORTS.take(), PORTS.take()
    config, other = config_file(test, port, "one.conf"), config_file(test, other_port, "two.conf")
    check("nothing runs there" in runtime.ask("mpclient", config, code=1), "nothing runs with this configuration")
    runtime.start("mpserver", "--listen", "127.0.0.1", server_port, "127.0.0.1", 9)
    runtime.start("mpclient", config)
    wait_socket(runtime.socket("mpserver", server_port))
    wait_socket(runtime.socket("mpclient", port))

    for arguments in ((), (server_port,), (server_port, "127.0.0.1", 9), ("--listen", "127.0.0.1", server_port, "127.0.0.1", 9),
                      ("--control", runtime.socket("mpserver", server_port)), (runtime.socket("mpserver", server_port),)):
        check(runtime.ask("mpserver", *arguments).startswith("mpserver  "), f"mpserver --status {arguments}")
        answer = json.loads(runtime.ask("mpserver", "--json", *arguments))
        check(answer["listen"] == [f"127.0.0.1:{server_port}"], f"mpserver --status --json {arguments}")
    for arguments in ((), (config,), ("--control", runtime.socket("mpclient", port))):
        answer = json.loads(runtime.ask("mpclient", *arguments, "--json"))
        check(answer["listen"] == [f"127.0.0.1:{port}"], f"mpclient --status {arguments}")
        check(answer["session"]["state"] == "connecting" and answer["session"]["key"] == "none", f"session {answer['session']}")
        text = runtime.ask("mpclient", *arguments, "--healthy", code=1)
        check("no session with mpserver" in text, f"mpclient --status --healthy {arguments}: {text}")
    text = runtime.ask("mpserver", PORTS.take(), code=1)
    check("nothing runs there" in text and "if it runs as another user: --control FILE" in text, f"another port: {text}")
    # Root may ask what another user runs, if it names the socket.
    for arguments in (("--control", runtime.socket("mpclient", port)), (runtime.socket("mpclient", port),)):
        check(ask_json(test, "mpclient", *arguments)["listen"] == [f"127.0.0.1:{port}"], f"mpclient --status {arguments} as root")
    named = test.file("named.conf", f"{config.read_text(encoding='ascii')}control {runtime.socket('mpclient', port)}\n")
    if os.geteuid() == 0:
        text = ask(test, "mpclient", named, code=1)
        check("belongs to another user (65534): ask as that user, or name the socket with --control" in text, f"root: {text}")

    second = runtime.start("mpclient", other, name="second mpclient")
    wait_socket(runtime.socket("mpclient", other_port))
    text = runtime.ask("mpclient", code=2)
    for each in (port, other_port):
        check(f"mpclient --status --control {runtime.socket('mpclient', each)}" in text, f"{each} is not in the list:\n{text}")
    for file, each in ((config, port), (other, other_port)):
        check(json.loads(runtime.ask("mpclient", "--json", file))["listen"] == [f"127.0.0.1:{each}"], f"two instances: {file}")
    check(second.stop() == 0, "the second instance's exit code")
    check(not runtime.socket("mpclient", other_port).exists(), "the socket stays behind")
    check(runtime.ask("mpclient").startswith("mpclient  "), "one instance is left")


def asks_without_a_key(test):
    """--status needs no key: neither a file that is missing nor a wrong variable keeps it from asking"""
    runtime = OwnRuntime(test)
    port = PORTS.take()
    config = config_file(test, port, "client.conf")
    runtime.start("mpclient", config)
    wait_socket(runtime.socket("mpclient", port))
    with config.open("a", encoding="ascii") as file:
        file.write("key-file missing.key\n")
    code, text = test.run("mpclient", "--check", config, codes=(2,))
    check(code == 2 and "missing.key" in text, f"--check of a configuration with a missing key: exit code {code}: {text}")
    runtime.env["MPTUNNEL_KEY"] = ""
    check(runtime.ask("mpclient", "--key-file", "missing", config).startswith("mpclient  "), "the key is read")
    config.write_text("127.0.0.1 0\n", encoding="ascii")
    check(f"{config}:1: " in runtime.ask("mpclient", config, code=2), "a mistake in the configuration")


def life_of_the_socket(test):
    """Mode 0600; refused to a second instance; taken over after SIGKILL; gone at the end; nothing else is harmed"""
    control = test.folder / "new" / "s"
    first_port, second_port = PORTS.take(), PORTS.take()
    first_config, second_config = config_file(test, first_port, "a.conf"), config_file(test, second_port, "b.conf")
    first = test.start(["mpclient", "--control", control, first_config])
    wait_socket(control)
    mode = control.stat().st_mode
    check(stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600, f"mode {oct(mode)}")
    code, text = test.run("mpclient", "--control", control, second_config, codes=(1,))
    check(code == 1 and "a running instance has it" in text, f"a second instance: exit code {code}: {text}")
    check(ask_json(test, "mpclient", "--control", control)["listen"] == [f"127.0.0.1:{first_port}"], "the first is disturbed")

    first.kill()
    check(control.exists(), "SIGKILL left no socket")
    check("nothing runs there" in ask(test, "mpclient", "--control", control, code=1), "a left-over socket")
    again = test.start(["mpclient", "--control", control, first_config])
    wait_socket(control)
    check(ask_json(test, "mpclient", "--control", control)["uptime_s"] < 10, "uptime after a restart")
    check(again.stop() == 0 and not control.exists(), "the socket stays behind")

    plain = test.file("plain", "text")
    code, text = test.run("mpclient", "--control", plain, first_config, codes=(1,))
    check(code == 1 and "left alone" in text and plain.read_text(encoding="ascii") == "text", f"a file: exit code {code}: {text}")
    code, text = test.run("mpclient", "--control", "x" * 108, first_config, codes=(1,))
    check(code == 1 and "108 bytes" in text, f"a long path: exit code {code}: {text}")
    none = test.start(["mpclient", "--control", "none", first_config])
    none.wait_for("listening on")
    check(none.stop() == 0 and not none.find("control"), "without a socket")


def default_socket_may_fail(test):
    """Where the default socket can't be made the program runs on, and says so once"""
    runtime = OwnRuntime(test)
    (runtime.folder / "mptunnel").write_text("a file", encoding="ascii")
    port = PORTS.take()
    client = runtime.start("mpclient", config_file(test, port, "c.conf"))
    client.wait_for("warning: control socket .*--status", 5)
    time.sleep(0.3)
    check(client.count("control socket") == 1, "the warning is not said once")
    check(client.is_running and client.stop() == 0, "it does not run on")


def in_the_background(test):
    """A daemon is asked like any other, also by a path that was relative when it started"""
    folder = test.folder / "d"
    folder.mkdir()
    config = config_file(test, PORTS.take(), "d/daemon.conf")
    pid_file = folder / "pid"
    started = subprocess.run([str(test.build / "mpclient"), "--daemon", "--pid-file", pid_file, "--control", "s", config],
                             cwd=folder, timeout=30, check=False, env={**os.environ, "STATE_DIRECTORY": str(folder)})
    check(started.returncode == 0, f"--daemon: exit code {started.returncode}")
    pid = int(pid_file.read_text(encoding="ascii"))
    try:
        check(ask_json(test, "mpclient", "--control", folder / "s")["config"] == str(config), "the daemon's status")
    finally:
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 10
    while (folder / "s").exists():
        check(time.monotonic() < deadline, "the daemon's socket stays behind")
        time.sleep(0.02)
    occupied = test.file("d/plain", "text")
    code, text = test.run("mpclient", "--daemon", "--control", occupied, config, codes=(1,))
    check(code == 1 and "left alone" in text, f"a daemon without its socket: exit code {code}: {text}")


def hostile_askers(test):
    """Requests that are wrong, endless or never read disturb neither the tunnel nor proper requests"""
    tunnel = harness.standing_tunnel(test, 2)
    control = control_of(tunnel.server)
    send = test.send(tunnel.port, "--for", 4, "--rate", harness.eased(500))

    for request in (b"\n", b"Status\n", b"status\0json\n", b"\xff\xfe\n", b"status json \n"):
        check(ask_socket(control, request).startswith("error: "), f"the answer to {request}")
    check(ask_socket(control, b"x" * 257).startswith("error: "), "the answer to a request without end")
    check(ask_socket(control, b"status\n").startswith("mpserver  "), "a plain request")
    silent = [connect(control) for _ in range(16)]
    # No program is started to ask: how long that takes says more about the machine than about mpserver.
    started = time.monotonic()
    check(ask_socket(control, b"status\n").startswith("mpserver  "), "a request beside sixteen silent askers")
    check(time.monotonic() - started < 1, "sixteen silent askers keep others away")
    for asker in silent:
        asker.close()
    for _ in range(200):
        with connect(control) as asker:
            asker.sendall(b"status json\n")
    ask(test, "mpserver", "--control", control)
    harness.check_clean(send.json(), "tunnel beside hostile askers")
    files = len(list(pathlib.Path(f"/proc/{tunnel.server.pid}/fd").iterdir()))
    check(files < 64, f"mpserver has {files} open files")


if __name__ == "__main__":
    harness.run(what_both_ends_tell, ways_to_ask, asks_without_a_key, life_of_the_socket, default_socket_may_fail,
                in_the_background, hostile_askers)
