"""What conf/demo shows: the main job on loopback, over three bridges that lose 20 % each way, one of which dies.

It uses the real mpclient and mpserver, and lossy_bridge and udp_probe for the network and the application.
"""

import argparse
import json
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

RATE = 1500  # datagrams a second
SECONDS = 10
KILL_AFTER = 5.0  # seconds of traffic
LOSS = 0.20  # of each bridge, each way
BRIDGES = ("alpha", "beta", "gamma")
VICTIM = "beta"
SIZE = 1000  # bytes
PORT_ATTEMPTS = 5
START_DEADLINE = 15.0  # seconds
# A true implementation is outside of six standard deviations once in 500 million runs.
SIGMAS = 6.0
# Of what all copies lose, repair leaves this at most: most of it in the first moments, before the loss is known.
REPAIR_LEAVES = 0.2


class Failure(Exception):
    """The demo can't go on; the text says why."""


class Program:
    """A running program; its lines of output are kept."""

    def __init__(self, name, command, environment, on_line=None):
        self.name = name
        self.lines = []
        self.changed = threading.Condition()
        self.on_line = on_line
        self.process = subprocess.Popen([str(part) for part in command], env=environment, text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()
            if self.on_line:
                self.on_line(self.lines[-1])

    def wait_for(self, text, count=1):
        """Waits for `count` lines with `text`, and returns the last of them."""
        deadline = time.monotonic() + START_DEADLINE
        with self.changed:
            while True:
                found = [line for line in self.lines if text in line]
                if len(found) >= count:
                    return found[-1]
                left = deadline - time.monotonic()
                if left <= 0 or self.process.poll() is not None:
                    raise Failure(f"{self.name} did not say '{text}'. It said:\n" + "\n".join(self.lines))
                self.changed.wait(min(left, 0.1))

    def finish(self, timeout):
        """Waits for the end of the program, and returns its exit status."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not end in time") from None
        self.reader.join(5)
        return status

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        return self.finish(10)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def report(self):
        """The line of JSON that the test programs end with."""
        for line in reversed(self.lines):
            if line.startswith("{"):
                return json.loads(line)
        raise Failure(f"{self.name} left no report. It said:\n" + "\n".join(self.lines))


class Demo:
    def __init__(self, build, folder):
        self.build = build
        self.folder = folder
        self.programs = []
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("MPTUNNEL_KEY")}
        self.key = folder / "tunnel.key"

    def start(self, name, command, on_line=None):
        program = Program(name, command, self.environment, on_line)
        self.programs.append(program)
        return program

    def start_listening(self, name, command_for_port):
        """Starts a program at a free port; another program may be faster to take that port, then with another one."""
        for attempt in range(PORT_ATTEMPTS):
            port = free_port()
            program = self.start(name, command_for_port(port))
            try:
                program.wait_for("listening on")
                return program, port
            except Failure:
                program.kill()
                if attempt == PORT_ATTEMPTS - 1:
                    raise

    def tool(self, name):
        return self.build / name

    def start_target(self):
        target = self.start("udp_probe", [self.tool("udp_probe"), "echo", "--listen", "127.0.0.1:0"])
        return target, target.wait_for("listening").split()[-1]

    def start_server(self, target_address):
        key = subprocess.run([self.tool("mpserver"), "--genkey"], check=True, stdout=subprocess.PIPE).stdout
        with open(os.open(self.key, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(key)
        host, port = target_address.split(":")
        return self.start_listening("mpserver", lambda listen: [self.tool("mpserver"), "--key-file", self.key,
                                                                "--listen", "127.0.0.1", listen, host, port])

    def start_bridges(self, server_port):
        bridges = {}
        for seed, name in enumerate(BRIDGES, 1):
            command = [self.tool("lossy_bridge"), "127.0.0.1:0", f"127.0.0.1:{server_port}",
                       "--loss", LOSS * 100, "--seed", seed]
            bridges[name] = self.start(f"bridge {name}", command)
        return bridges

    def start_client(self, bridges):
        addresses = {name: bridge.wait_for("listening").split()[-1].split(":") for name, bridge in bridges.items()}
        lines = "".join(f"{host} {port} name={name}\n" for name, (host, port) in addresses.items())

        def command(port):
            file = self.folder / "mpclient.conf"
            file.write_text(f"listen 127.0.0.1:{port}\nkey-file {self.key.name}\n{lines}")
            return [self.tool("mpclient"), file]

        client, port = self.start_listening("mpclient", command)
        for name in bridges:
            client.wait_for(f"bridge {name} is up")
        return client, port

    def measure_direct(self, target_address):
        probe = self.start("udp_probe", [self.tool("udp_probe"), "send", target_address, "--for", 2, "--rate", RATE,
                                         "--size", SIZE])
        probe.finish(30)
        return probe.report()

    def send(self, port, victim):
        """Traffic through the tunnel. Returns its report, that of the killed bridge, and when it was killed (s)."""
        probe = self.start("udp_probe", [self.tool("udp_probe"), "send", f"127.0.0.1:{port}", "--for", SECONDS,
                                         "--rate", RATE, "--size", SIZE, "--progress"], show_progress)
        probe.wait_for("1 s: ")
        time.sleep(KILL_AFTER - 1)
        victim.stop()
        killed_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        print(f"   >>> bridge {VICTIM} is killed <<<", flush=True)
        probe.finish(60)
        report = probe.report()
        return report, (killed_ns - report["start_ns"]) / 1e9

    def run(self):
        say("Starting a target that echoes, mpserver, three bridges that each lose 20 %",
            "in each direction, and mpclient:")
        target, target_address = self.start_target()
        server, server_port = self.start_server(target_address)
        bridges = self.start_bridges(server_port)
        client, client_port = self.start_client(bridges)
        show_picture(client_port, bridges, server_port, target_address)

        say("First 2 seconds straight to the target, to compare the latency with ...")
        direct = self.measure_direct(target_address)
        say(f"Now {RATE:,} datagrams of {SIZE:,} bytes a second for {SECONDS} seconds through the tunnel.",
            "mpclient sends a copy of each over every bridge, mpserver hands the first that",
            "arrives to the target and drops the rest; the echoes come back the same way.",
            "What all copies lost is repaired, as soon as it is known how much that is.")
        report, killed = self.send(client_port, bridges[VICTIM])
        statuses = {program.name: program.stop() for program in (client, server, target, *bridges.values())}
        show_paths(bridges, killed)
        show_application(report, direct, killed)
        return self.judge(report, killed, statuses)

    def judge(self, report, killed, statuses):
        """What is wrong with the result, as lines; none if it is as it should be."""
        wrong = [f"{name} ended with status {status}" for name, status in statuses.items() if status != 0]
        for count in ("duplicates", "corrupted", "foreign"):
            if report[count] != 0:
                wrong.append(f"{count}: {report[count]} instead of 0")
        by_copies, deviation = expectation(report["sent"], killed)
        most = REPAIR_LEAVES * (by_copies - SIGMAS * deviation)
        if report["lost"] > most:
            wrong.append(f"lost {report['lost']} datagrams, though repair should leave {most:.0f} of {by_copies:.0f} at most")
        if report["sent"] < 0.9 * RATE * SECONDS:
            wrong.append(f"only {report['sent']} datagrams were sent")
        return wrong

    def end(self):
        for program in reversed(self.programs):
            program.kill()


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def there_and_back(paths):
    """The probability that a datagram or its echo gets lost over this many paths."""
    return 1 - (1 - LOSS**paths) ** 2


def expectation(sent, killed):
    """Mean and standard deviation of the lost round trips, if a bridge dies `killed` seconds after the start.

    Loss there and loss back hit a datagram independently, so the count is the sum of two binomial ones.
    """
    before = min(sent, RATE * killed)
    mean = variance = 0.0
    for count, paths in ((before, len(BRIDGES)), (sent - before, len(BRIDGES) - 1)):
        probability = there_and_back(paths)
        mean += count * probability
        variance += count * probability * (1 - probability)
    return mean, math.sqrt(variance)


def percent(share):
    return f"{100 * share:.1f} %"


def say(*lines):
    print()
    for line in lines:
        print(line, flush=True)


def show_progress(line):
    if not line.startswith("{"):
        print(f"   {line}", flush=True)


def show_picture(client_port, bridges, server_port, target_address):
    ports = {name: bridge.wait_for("listening").split(":")[-1] for name, bridge in bridges.items()}
    middle = BRIDGES[len(BRIDGES) // 2]
    print()
    for name in BRIDGES:
        left, right = (f"mpclient :{client_port} ", f" mpserver :{server_port} -- target :{target_address.split(':')[1]}")
        if name != middle:
            left, right = "", ""
        print(f"   {left:>16} -- {name:>5} :{ports[name]:<5} --{right}")


def show_paths(bridges, killed):
    print("\n                 to mpserver               to mpclient")
    print("   bridge         came    lost              came    lost")
    for name, bridge in bridges.items():
        report = bridge.report()
        row = f"   {name:<10}"
        for direction in ("up", "down"):
            counts = report[direction]
            share = percent(counts["lost"] / max(counts["received"], 1))
            row += f"{counts['received']:>9,} {counts['lost']:>7,} {share:>7}"
        print(row + (f"  killed at {killed:.1f} s" if name == VICTIM else ""))


def show_application(report, direct, killed):
    expected, _ = expectation(report["sent"], killed)
    sent = report["sent"]
    say("   application, there and back")
    print(f"   sent      {sent:>10,}")
    print(f"   lost      {report['lost']:>10,} {percent(report['lost'] / sent):>7}"
          f"   without repair: {expected:,.0f}; over a single bridge: {sent * there_and_back(1):,.0f}")
    print(f"   duplicates{report['duplicates']:>10,}")
    print(f"   corrupted {report['corrupted']:>10,}")
    say("   round trip       median      99 %")
    latencies = {"without tunnel": direct["latency_ms"], "with tunnel": report["latency_ms"]}
    for name, latency in latencies.items():
        print(f"   {name:<14}{latency['p50']:>9.2f} {latency['p99']:>9.2f} ms")
    added = [report["latency_ms"][rank] - direct["latency_ms"][rank] for rank in ("p50", "p99")]
    print(f"   {'added':<14}{added[0]:>9.2f} {added[1]:>9.2f} ms", flush=True)


def raise_exit(signal_number, _frame):
    sys.exit(128 + signal_number)


def main():
    parser = argparse.ArgumentParser(description="The demonstration; run conf/demo.")
    parser.add_argument("--build", required=True, type=Path, help="folder with the built programs")
    build = parser.parse_args().build.resolve()
    signal.signal(signal.SIGTERM, raise_exit)
    with tempfile.TemporaryDirectory(prefix="mptunnel-demo-") as folder:
        demo = Demo(build, Path(folder))
        try:
            wrong = demo.run()
        except KeyboardInterrupt:
            print("\nStopped.")
            return 130
        except (Failure, OSError) as failure:
            print(f"\nThe demo failed: {failure}", file=sys.stderr)
            return 1
        finally:
            demo.end()
    for line in wrong:
        print(f"NOT as it should be: {line}", file=sys.stderr)
    if not wrong:
        say("As it should be: nothing twice, nothing altered, and lost only what all living", "bridges lost at once.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
