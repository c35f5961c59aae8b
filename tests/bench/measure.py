"""Trials: load through a system, what arrives of it, and what that costs."""

import contextlib
import os
import pathlib
import re
import struct
import subprocess
import sys
import time

from systems import harness

MOST_LOST = 0.005
MOST_TAKEN_BY_OTHERS, MOST_ATTEMPTS, MOST_REPEATED = 0.12, 3, 0.2
RATE_TRIAL_S, COST_TRIAL_S, RTT_TRIAL_S = 0.7, 0.9, 3
STEP, PRECISION, MOST_STEPS = 1.2, 1.05, 14


def in_turn(items, number):
    """Each round begins with another system."""
    start = number % len(items)
    return items[start:] + items[:start]


class Sink:
    """A bench_load sink, whose count so far can be read at any time."""

    def __init__(self, test, name, address="127.0.0.1", netns=None):
        self._counter = test.folder / f"{name}.count"
        process = test.start([test.build / "bench_load", "sink", "--listen", f"{address}:0", "--counter", self._counter],
                             netns=netns)
        self.pid = process.pid
        self.port = int(process.wait_for("^listening ").rsplit(":", 1)[1])

    def count(self):
        return struct.unpack("=QQ", self._counter.read_bytes())[0]

    def settled_count(self):
        """Once nothing has arrived for a while."""
        latest, deadline = self.count(), time.monotonic() + 2
        while time.monotonic() < deadline:
            time.sleep(0.06)
            count = self.count()
            if count == latest:
                break
            latest = count
        return latest


class Generator:
    """A bench_load that sends when told to, always from the same flows."""

    def __init__(self, system):
        self._test, case = system.test, system.case
        control = self._test.folder / f"load-{system.targets[0]}"
        self._process = self._test.start([
            self._test.build / "bench_load", "send", *system.targets, "--size", case.size, "--flows", case.flows,
            "--offload", "yes" if case.offload else "no", "--control", control], netns=system.netns)
        self._process.control = control
        self._process.wait_for("^ready")

    @property
    def pid(self):
        return self._process.pid

    def send(self, rate, seconds):
        return self._test.tell(self._process, f"{rate} {seconds}")


def cpu_ns(pids):
    """Time that all threads of the processes have been on a processor."""
    return sum(int(file.read_text(encoding="ascii").split()[0])
               for pid in pids for file in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"))


def busy_ns():
    """Time that all processors have not been idle. The kernel samples what they do, but measures their idle time."""
    lines = pathlib.Path("/proc/stat").read_text(encoding="ascii").splitlines()
    processors = sum(1 for line in lines if line.startswith("cpu")) - 1
    idle, waiting = (int(field) for field in lines[0].split()[4:6])
    return processors * time.monotonic_ns() - (idle + waiting) * 10**9 // os.sysconf("SC_CLK_TCK")


class Trial:
    """One run of the generator at one rate. Where other programs took part of the processors meanwhile, it is repeated, for as long
    as that does not take over the benchmark."""

    began = time.monotonic()
    repeated, repeated_s = 0, 0.0

    def __init__(self, system, sink, rate, seconds):
        self.system, self.sink, self.offered, self.seconds = system, sink, rate, seconds
        for attempt in range(MOST_ATTEMPTS):
            began = time.monotonic()
            is_quiet = self._run() <= MOST_TAKEN_BY_OTHERS
            is_late = Trial.repeated_s > MOST_REPEATED * (began - Trial.began)
            if is_quiet or is_late or attempt + 1 == MOST_ATTEMPTS:
                break
            time.sleep(0.3 * (attempt + 1))
            Trial.repeated += 1
            Trial.repeated_s += time.monotonic() - began

    def _run(self):
        """Returns the share of one processor that others took."""
        pids, generator = self.system.pids, self.system.generator
        ours = pids + [self.sink.pid, generator.pid, os.getpid()]
        count, began = self.sink.settled_count(), time.monotonic_ns()
        cpu, cpu_of_ours, busy = cpu_ns(pids), cpu_ns(ours), busy_ns()
        load = generator.send(self.offered, self.seconds)
        self.received = self.sink.settled_count() - count
        used = cpu_ns(ours) - cpu_of_ours
        taken_by_others = (busy_ns() - busy - used) / (time.monotonic_ns() - began)
        self.sent, self.reached = load["sent"], load["rate"]
        self.rate = self.received / load["seconds"]
        self.lost = 1 - self.received / self.sent if self.sent else 1.0
        self.cost_us = (cpu_ns(pids) - cpu) / 1000 / max(1, self.received)
        return taken_by_others

    @property
    def passed(self):
        return self.lost <= MOST_LOST


@contextlib.contextmanager
def apart(system, sink):
    """The client's end on one processor and the server's on another, as if they were two machines. Else the scheduler moves them
    about, and how often one wakes another on its own processor differs from run to run more than the systems do."""
    near = [process.pid for process in system.clients] + [system.generator.pid]
    far = [process.pid for process in system.servers] + [sink.pid]
    everywhere = os.sched_getaffinity(0)
    try:
        _place(near, {min(everywhere)})
        _place(far, {max(everywhere)})
        yield
    finally:
        _place(near + far, everywhere)


def _place(pids, processors):
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), processors)


def warm_up(system, sink):
    """Opens all flows and lets both ends learn them."""
    system.generator = Generator(system)
    Trial(system, sink, max(2000, 4 * system.case.flows), 0.5)


class Search:
    """Looks for the highest rate that passes, from a guess on: first for one below and one above it, then between them."""

    def __init__(self, system, sink, guess):
        self._system, self._sink, self._guess = system, sink, guess
        self._low, self._high = None, None
        self._passed = {}

    def _try(self, offered):
        trial = Trial(self._system, self._sink, round(offered), RATE_TRIAL_S)
        if trial.passed:
            self._passed.setdefault(offered, []).append(trial.rate)
        # Where the generator is kept from sending that much, more is not to be had.
        return trial.passed and trial.reached > 0.95 * offered

    def _next(self):
        if self._low is None and self._high is None:
            return float(self._guess)
        if self._high is None:
            return self._low * STEP
        if self._low is None:
            return self._high / STEP
        return (self._low * self._high) ** 0.5

    def run(self):
        """What arrives a second at the highest rate that passes twice; 0 if none does."""
        for _ in range(MOST_STEPS):
            is_narrow = self._low is not None and self._high is not None and self._high / self._low <= PRECISION
            offered = self._low if is_narrow else self._next()
            # A single failure may be chance: a hiccup of the scheduler is enough.
            if self._try(offered) or (not is_narrow and self._try(offered)):
                if is_narrow:
                    break
                self._low = offered
            elif is_narrow:
                self._low, self._high = None, offered
            else:
                self._high = offered
        twice = [sum(rates) / len(rates) for rates in self._passed.values() if len(rates) >= 2]
        return max(twice or [rates[0] for rates in self._passed.values()], default=0.0)


FAIRNESS = re.compile(r"beside a client that floods: (\d+) of \d+ lost, .* p99 ([0-9.]+) ms")


def beside_a_flood(build):
    """What tests/e2e/fairness.py sees while one client floods: datagrams that another loses, and its p99 in milliseconds."""
    script = pathlib.Path(__file__).resolve().parent.parent / "e2e" / "fairness.py"
    done = subprocess.run([sys.executable, "-B", script, "--build", build, "--only", "one_client"], capture_output=True,
                          text=True, timeout=120, check=False)
    found = FAIRNESS.search(done.stdout)
    harness.check(found, f"{script} says no figures:\n{done.stdout}{done.stderr}")
    return int(found.group(1)), float(found.group(2))


def round_trip(test, port, size):
    """p50, p99 and p99.9 in microseconds, at 1,000 datagrams a second."""
    process = test.start(["udp_probe", "send", f"127.0.0.1:{port}", "--rate", 1000, "--for", RTT_TRIAL_S, "--size", size,
                          "--drain", 0.3])
    result = process.json(RTT_TRIAL_S + 20)
    test.processes.remove(process)
    harness.check(result["lost"] <= result["sent"] * 0.02, f"{result['lost']} of {result['sent']} lost at 1,000 a second")
    return {name: result["latency_ms"][name] * 1000 for name in ("p50", "p99", "p99.9")}
