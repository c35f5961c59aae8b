"""What the end-to-end tests share: processes, ports, tunnels, network namespaces, and the end of it all.

A test script has functions that take a Test, and calls run(function, ...). Everything that a Test starts is ended by its process id
when the function is left, however it is left; the logs are printed when it failed. Exit codes: 0 passed, 1 failed, 77 skipped.
"""

import argparse
import calendar
import concurrent.futures
import ctypes
import fcntl
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

SKIPPED = 77
OUR_PROGRAMS = ("mpclient", "mpserver", "lossy_bridge", "udp_probe")
# With one of these a program asks or prints and ends; or its socket is the test's business.
ENDS_BY_ITSELF = {"--control", "--status", "--reload", "--check", "--genkey", "--version", "--help"}
# Below 10240, the first port that mpclient and mpserver choose by themselves, and below the ephemeral ones.
FIRST_PORT, PORTS_PER_BLOCK, PORT_BLOCKS = 2048, 128, 64
CRASHED = re.compile(r"AddressSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|runtime error:|[Aa]ssertion|terminate called")
LOG_TIME = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\.(\d{3}) ")
PR_SET_PDEATHSIG = 1
PRIORITY = -7


class Failure(Exception):
    """The test found something wrong."""


class Skip(Exception):
    """The test can't run here."""


def check(condition, what):
    if not condition:
        raise Failure(what)


def check_range(value, low, high, what):
    print(f"    {what}: {value} (allowed {low} to {high})", flush=True)
    check(low <= value <= high, f"{what}: {value} is not within {low} to {high}")


def say(text):
    print(f"    {text}", flush=True)


def now_ns():
    return time.monotonic_ns()


# --- Ports ------------------------------------------------------------------------------------------------------


class Ports:
    """Port numbers that no other test takes: blocks of them, each held by a lock for as long as this process lives."""

    def __init__(self):
        self._lock = threading.Lock()
        self._locks = []
        self._ports = iter(())

    def take(self):
        with self._lock:
            while True:
                for port in self._ports:
                    if self._is_free(port):
                        return port
                self._ports = iter(self._next_block())

    def _next_block(self):
        folder = pathlib.Path(tempfile.gettempdir()) / f"mptunnel-ports-{os.getuid()}"
        folder.mkdir(exist_ok=True)
        for i in range(PORT_BLOCKS):
            block = (os.getpid() + i) % PORT_BLOCKS
            file = open(folder / str(block), "w", encoding="ascii")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.close()
                continue
            self._locks.append(file)
            first = FIRST_PORT + block * PORTS_PER_BLOCK
            return range(first, first + PORTS_PER_BLOCK)
        raise Failure("no free block of ports")

    @staticmethod
    def _is_free(port):
        families = [socket.AF_INET] + ([socket.AF_INET6] if has_ipv6() else [])
        for family in families:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                try:
                    probe.bind(("", port))
                except OSError:
                    return False
        return True


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


PORTS = Ports()


def eased(rate):
    """A rate of datagrams a second; a quarter of it if the programs are sanitized, and so take several times as long for each: what
    they do with it beside other tests is not held by how much it is."""
    return max(1, rate // 4) if "--sanitized" in sys.argv else rate


# --- Processes --------------------------------------------------------------------------------------------------


def _before_exec():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # What is tested is what the programs do, not how the system shares its processors between them and what runs beside the test.
    if os.geteuid() == 0:
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)


def favour(*processes):
    """The same, before other programs of the test, which flood."""
    if os.geteuid() == 0:
        for process in processes:
            os.setpriority(os.PRIO_PROCESS, process.pid, 2 * PRIORITY)


# The kernel ends a child when the THREAD that started it ends: so one thread starts them all.
_spawner = concurrent.futures.ThreadPoolExecutor(max_workers=1)


class Process:
    """A child and its output, line by line. Standard output and standard error are one stream here."""

    def __init__(self, arguments, name, env=None, cwd=None, netns=None):
        self.program = pathlib.Path(arguments[0]).name
        self.arguments = ["ip", "netns", "exec", netns, *arguments] if netns else arguments
        self.name = name
        self.was_killed = False
        self.expected_codes = (0,)
        self.lines = []
        self._changed = threading.Condition()
        self._at_end = False
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MPTUNNEL_")}
        environment.update({"TZ": "UTC", "ASAN_OPTIONS": "detect_leaks=1:quarantine_size_mb=8"})
        environment.update(env or {})
        self._popen = _spawner.submit(
            subprocess.Popen, self.arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=environment, cwd=cwd, preexec_fn=_before_exec).result()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for raw in self._popen.stdout:
            with self._changed:
                self.lines.append(raw.decode(errors="replace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._at_end = True
            self._changed.notify_all()

    @property
    def pid(self):
        return self._popen.pid

    @property
    def is_running(self):
        return self._popen.poll() is None

    def log(self):
        with self._changed:
            return list(self.lines)

    def find(self, pattern, start=0):
        """The first line that matches, from line `start` on, or None."""
        return next((line for line in self.log()[start:] if re.search(pattern, line)), None)

    def count(self, pattern):
        return sum(1 for line in self.log() if re.search(pattern, line))

    def wait_for(self, pattern, seconds=10, start=0):
        """Waits for a line that matches and returns it."""
        deadline = time.monotonic() + seconds
        with self._changed:
            at = start
            while True:
                while at < len(self.lines):
                    if re.search(pattern, self.lines[at]):
                        return self.lines[at]
                    at += 1
                left = deadline - time.monotonic()
                if self._at_end or left <= 0:
                    why = "ended" if self._at_end else f"had {seconds} s"
                    raise Failure(f"{self.name}: no line matches '{pattern}' ({why})")
                self._changed.wait(left)

    def wait_for_count(self, pattern, wanted, seconds=10):
        """Waits until so many lines match; returns how many do then."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while (count := sum(1 for line in self.lines if re.search(pattern, line))) < wanted:
                left = deadline - time.monotonic()
                if self._at_end or left <= 0:
                    return count
                self._changed.wait(left)
            return count

    def json(self, seconds=30):
        """The line of JSON that a test program ends with; waits for its end."""
        self.wait(seconds)
        line = self.find(r"^\{")
        check(line is not None, f"{self.name}: no JSON")
        return json.loads(line)

    def wait(self, seconds=30):
        try:
            code = self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} (pid {self.pid}) still runs after {seconds} s") from None
        with self._changed:
            self._changed.wait_for(lambda: self._at_end, 5)
        return code

    def signal(self, number):
        if self.is_running:
            self._popen.send_signal(number)

    def stop(self, seconds=20):
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        self.was_killed = True
        self.signal(signal.SIGKILL)
        self.wait()

    def rss_bytes(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise Failure(f"{self.name}: no VmRSS")

    def verdict(self):
        """What is wrong with how it ended, or None."""
        report = self.find(CRASHED)
        if report:
            return f"{self.name}: {report}"
        code = self._popen.poll()
        if self.program in OUR_PROGRAMS and not self.was_killed and code not in self.expected_codes:
            return f"{self.name}: exit code {code}"
        return None


def log_time_ns(line):
    """When a line of mpclient's or mpserver's log was written, on CLOCK_MONOTONIC (to the millisecond)."""
    match = LOG_TIME.match(line)
    check(match, f"no time in '{line}'")
    seconds = time.strptime(match.group(1) + " UTC", "%Y-%m-%d %H:%M:%S %Z")
    wall = calendar.timegm(seconds) * 10**9 + int(match.group(2)) * 10**6
    return wall - (time.time_ns() - time.monotonic_ns())


# --- Test -------------------------------------------------------------------------------------------------------


class Test:
    """One case: its temporary folder, its processes, its options."""

    _numbers = itertools.count()

    def __init__(self, options):
        self.build = pathlib.Path(options.build).resolve()
        self.is_sanitized = options.sanitized
        # For mpclient and mpserver, in every tunnel of the case.
        self.common_options = ["--offload", "no"] if getattr(options, "no_offload", False) else []
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mptunnel-e2e-"))
        self.processes = []
        self._namespaces = []
        self._lock = threading.Lock()

    def file(self, name, text="", mode=0o600):
        path = self.folder / name
        path.write_text(text, encoding="utf-8", newline="")
        path.chmod(mode)
        return path

    def start(self, arguments, name=None, env=None, netns=None, cwd=None):
        arguments = [str(a) for a in arguments]
        if arguments[0] in OUR_PROGRAMS:
            arguments = self._with_own_control(arguments)
            arguments[0] = str(self.build / arguments[0])
        name = name or pathlib.Path(arguments[0]).name
        # The secret of clients without a key stays in this test's folder, too.
        env = {"STATE_DIRECTORY": str(self.folder / "state"), **(env or {})}
        with self._lock:
            process = Process(arguments, name, env, cwd, netns)
            self.processes.append(process)
        return process

    def _with_own_control(self, arguments):
        """Instances run side by side here, and some with the same ports in namespaces of their own: their control sockets
        are in this test's folder."""
        if arguments[0] not in ("mpclient", "mpserver") or len(arguments) == 1 or set(arguments) & ENDS_BY_ITSELF:
            return arguments
        with self._lock:
            path = self.folder / f"s{next(self._numbers)}"
        return [arguments[0], "--control", str(path), *arguments[1:]]

    def run(self, *arguments, env=None, seconds=20, codes=(0,)):
        """Runs a program to its end; returns exit code and output."""
        process = self.start(arguments, env=env)
        process.expected_codes = codes
        code = process.wait(seconds)
        return code, "\n".join(process.log())

    # The test programs

    def _listening(self, process):
        line = process.wait_for(r"^listening ")
        process.port = int(line.rsplit(":", 1)[1])
        return process

    def bridge(self, target, *options, listen="127.0.0.1:0", name="bridge", netns=None):
        """A lossy_bridge; `target` is HOST:PORT or a port of 127.0.0.1. It takes commands by tell()."""
        with self._lock:
            path = self.folder / f"c{next(self._numbers)}"
        process = self.start(["lossy_bridge", listen, target, "--control", path, *options], name, netns=netns)
        process.control = path
        return self._listening(process)

    def tell(self, bridge, command):
        """A command to a lossy_bridge; the answer, parsed if it is JSON."""
        here = self.folder / f"t{next(self._numbers)}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.bind(str(here))
            channel.settimeout(10)
            channel.sendto(command.encode(), str(bridge.control))
            answer = channel.recv(65536).decode().strip()
        here.unlink()
        check(not answer.startswith("error"), f"{bridge.name}: {command}: {answer}")
        return json.loads(answer) if answer.startswith("{") else answer

    def echo(self, *options, listen="127.0.0.1:0", name="echo", netns=None):
        return self._listening(self.start(["udp_probe", "echo", "--listen", listen, *options], name, netns=netns))

    def send(self, target, *options, name="send", netns=None):
        """Starts udp_probe send; `target` is HOST:PORT or a port of 127.0.0.1. Its result: .json()."""
        target = target if isinstance(target, str) else f"127.0.0.1:{target}"
        return self.start(["udp_probe", "send", target, *options], name, netns=netns)

    # The end

    def close(self, failed):
        """Ends everything, returns what was wrong with how it ended."""
        problems = []
        for process in reversed(self.processes):
            if process.is_running:
                process.signal(signal.SIGTERM)
        for process in reversed(self.processes):
            try:
                process.wait(20)
            except Failure as problem:
                process.kill()
                problems.append(str(problem))
        problems += [v for v in (p.verdict() for p in self.processes) if v]
        if failed or problems:
            self._print_logs()
        self._remove_traces()
        return problems

    def abort(self):
        """Ends everything now."""
        for process in self.processes:
            process.signal(signal.SIGKILL)
        self._remove_traces()

    def _remove_traces(self):
        for namespace in self._namespaces:
            subprocess.run(["ip", "netns", "delete", namespace], check=False, stderr=subprocess.DEVNULL)
        self._namespaces.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _print_logs(self):
        for process in self.processes:
            print(f"--- {process.name} (pid {process.pid}, exit {process._popen.poll()}): {' '.join(process.arguments)}")
            lines = process.log()
            if len(lines) > 60:
                lines = lines[:30] + [f"... {len(lines) - 60} lines ..."] + lines[-30:]
            for line in lines:
                print(f"    {line[:1200]}")
        sys.stdout.flush()

    # Network namespaces

    def namespace(self, name):
        """A network namespace of this process's own, with its loopback up. Needs root."""
        if os.geteuid() != 0:
            raise Skip("network namespaces need root")
        full = f"mpt{os.getpid()}-{next(self._numbers)}{name}"
        made = subprocess.run(["ip", "netns", "add", full], check=False, capture_output=True, text=True)
        if made.returncode != 0:
            raise Skip(f"no network namespace: {made.stderr.strip()}")
        self._namespaces.append(full)
        self.ip("-n", full, "link", "set", "lo", "up")
        return full

    def ip(self, *arguments):
        done = subprocess.run(["ip", *map(str, arguments)], check=False, capture_output=True, text=True)
        check(done.returncode == 0, f"ip {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return done.stdout


# --- Tunnels ----------------------------------------------------------------------------------------------------


class Tunnel:
    """An mpserver, an mpclient and what is between them. `start_server` and `start_client` also start them again."""

    def __init__(self, test, name="", encrypt=True, target=None, listen="127.0.0.1"):
        self.test = test
        self.name = name
        self.env = {} if encrypt else {"MPTUNNEL_ENCRYPT": "0"}
        self.server_env = {}
        self.client_env = {}
        self.netns = None
        self.server_port = PORTS.take()
        self.port = PORTS.take()
        self.target = target
        self.listen = listen
        self.server_listen = ("127.0.0.1",)
        self.server_options = list(test.common_options)
        self.client_options = list(test.common_options)
        self.bridge_lines = []
        self.statements = []
        self.bridges = []
        self.server = self.client = None

    def add_bridges(self, count, *options, first_seed=1):
        for i in range(len(self.bridges), len(self.bridges) + count):
            bridge = self.test.bridge(self.server_port, "--seed", first_seed + i, *options, name=f"{self.name}bridge{i}")
            self.bridges.append(bridge)
            self.add_path(bridge.port, f"name=b{i}")
        return self

    def add_path(self, port, options="", host="127.0.0.1"):
        self.bridge_lines.append(f"{host} {port} {options}")
        return self

    def start_server(self):
        listen = [word for address in self.server_listen for word in ("--listen", address)]
        host, port = self.target if isinstance(self.target, tuple) else ("127.0.0.1", self.target)
        self.server = self.test.start(
            ["mpserver", *self.server_options, *listen, self.server_port, host, port],
            f"{self.name}mpserver", {**self.env, **self.server_env}, self.netns)
        self.server_listening = self.server.wait_for("listening on", 20)
        return self.server

    def start_client(self):
        address = f"[{self.listen}]" if ":" in self.listen else self.listen
        config = self.test.file(f"client-{self.port}.conf",
                                "\n".join([f"listen {address}:{self.port}", *self.bridge_lines, *self.statements]))
        self.client = self.test.start(["mpclient", *self.client_options, config], f"{self.name}mpclient",
                                      {**self.env, **self.client_env}, self.netns)
        self.client_listening = self.client.wait_for("listening on", 20)
        return self.client

    def start(self):
        self.start_server()
        self.start_client()
        return self

    def wait_up(self, paths=None, seconds=20):
        """Waits until the session stands and so many paths are up at both ends."""
        paths = len(self.bridge_lines) if paths is None else paths
        deadline = time.monotonic() + seconds
        self.client.wait_for("session with mpserver started", seconds)
        while self.client.count(r"bridge \S+ is up") < paths or self.server.count(r"path \S+ from \S+ is up") < paths:
            check(time.monotonic() < deadline, f"{self.name}: the paths are not all up after {seconds} s")
            time.sleep(0.02)
        return self


def standing_tunnel(test, paths=3, encrypt=True, options=(), name="", echo_options=()):
    """A tunnel with an echo behind it and so many lossy_bridges between; it stands when this returns."""
    echo = test.echo(*echo_options, name=f"{name}echo")
    tunnel = Tunnel(test, name, encrypt, echo.port)
    tunnel.echo = echo
    tunnel.add_bridges(paths, *options)
    tunnel.start()
    tunnel.wait_up()
    return tunnel


def check_clean(result, what, lost=0):
    """Nothing lost (or at most `lost`), doubled, altered or crossed."""
    for field in ("duplicates", "corrupted", "foreign"):
        check(result[field] == 0, f"{what}: {field} {result[field]}")
    if "sent" not in result:
        return
    check(result["sent"] > 0, f"{what}: nothing was sent")
    check(result["lost"] <= lost, f"{what}: {result['lost']} of {result['sent']} lost (allowed: {lost}), "
          f"{result['kernel_drops']} at the sender's socket, longest gap {result['longest_gap_ms']} ms "
          f"after {result['longest_gap_start_ms']} ms")


def captured(path):
    """The datagrams in a sample file of lossy_bridge --capture."""
    data, at, datagrams = pathlib.Path(path).read_bytes(), 0, []
    while at + 4 <= len(data):
        size = int.from_bytes(data[at:at + 4], "big")
        datagrams.append(data[at + 4:at + 4 + size])
        at += 4 + size
    return datagrams


def in_parallel(*functions):
    """Runs them at the same time; raises the first failure after all have ended. Returns their results."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, len(functions))) as pool:
        futures = [pool.submit(f) for f in functions]
    return [f.result() for f in futures]


# --- Running ----------------------------------------------------------------------------------------------------


# Tests that run now, for the end by a signal.
_live = []


def _on_sigterm(number, frame):
    """Ends at once, whatever the threads of the cases wait for."""
    for test in list(_live):
        test.abort()
    os._exit(128 + number)


def _run_case(case, options):
    print(f"{case.__name__}: {(case.__doc__ or '').strip()}", flush=True)
    started = time.monotonic()
    test = Test(options)
    _live.append(test)
    problems, failed = [], True
    try:
        case(test)
        failed = False
    except Failure as failure:
        problems.append(str(failure))
        where = traceback.extract_tb(failure.__traceback__)
        problems += [f"  at {frame.filename}:{frame.lineno} in {frame.name}" for frame in where[-3:]]
    except Skip:
        failed = False
        raise
    except Exception as error:  # pylint: disable=broad-except  (a mistake in the test itself is a failure, too)
        problems.append(f"{type(error).__name__}: {error}\n{traceback.format_exc()}")
    finally:
        problems += test.close(failed)
        _live.remove(test)
    for problem in problems:
        print(f"  FAILED: {problem}")
    print(f"  {case.__name__} {'failed' if problems else 'passed'} in {time.monotonic() - started:.1f} s", flush=True)
    return not problems


def _outcome(case, options):
    """True: passed, False: failed, a Skip: it can't run here."""
    try:
        return _run_case(case, options)
    except Skip as reason:
        print(f"  SKIPPED {case.__name__}: {reason}", flush=True)
        return reason


def run(*cases, together=False):
    """Runs the cases of a script, as its command line says: one after another, or at the same time if they mostly wait."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True, help="folder with mpclient, mpserver, lossy_bridge and udp_probe")
    parser.add_argument("--sanitized", action="store_true", help="the programs are slow: lower rates and counts")
    parser.add_argument("--no-offload", action="store_true", help="mpclient and mpserver send and receive one by one")
    parser.add_argument("--only", default="", help="run the cases whose names contain this")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _on_sigterm)
    signal.signal(signal.SIGINT, _on_sigterm)
    cases = [case for case in cases if options.only in case.__name__]
    # What the script itself is late by would count as the programs' lateness. The threads to come inherit it.
    if os.geteuid() == 0:
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    # Not the main thread: a signal must not wait for them.
    with concurrent.futures.ThreadPoolExecutor(max_workers=len(cases) if together else 1) as pool:
        outcomes = list(pool.map(lambda case: _outcome(case, options), cases))
    if any(outcome is False for outcome in outcomes):
        sys.exit(1)
    if any(isinstance(outcome, Skip) for outcome in outcomes):
        if os.environ.get("MPTUNNEL_NO_SKIP") == "1":
            print("a skip is a failure here (MPTUNNEL_NO_SKIP=1)")
            sys.exit(1)
        sys.exit(SKIPPED)
