"""Either end is killed with SIGKILL under traffic and started again alone: round trips go on by themselves."""

import math
import time

import harness
from harness import check

RATE = 100
MILLISECOND = 10**6
# Traffic that must pass whole, once the bound is over.
PAUSE_SECONDS = 0.5


class Restarts:
    """A tunnel with traffic over a lossy_bridge and a direct path, one end of which is restarted again and again."""

    def __init__(self, test, end, encrypt, down_seconds, runs, number):
        self.test, self.end, self.down_seconds, self.runs = test, end, down_seconds, runs
        self.bound_ms = 1000 if test.is_sanitized else 300
        self.name = f"{end} {'sealed' if encrypt else 'clear'} {down_seconds} s #{number}: "
        self.encrypt = encrypt
        self.timeline = test.folder / f"timeline-{end}-{encrypt}-{down_seconds}-{number}"
        self.servers = []
        # (killed, listening, end of the time in which everything must pass), on CLOCK_MONOTONIC
        self.times = []

    def carry(self):
        echo = self.test.echo(name=f"{self.name}echo")
        tunnel = harness.Tunnel(self.test, self.name, self.encrypt, echo.port)
        tunnel.add_bridges(1).add_path(tunnel.server_port, "name=direct")
        tunnel.server_options += ["--log-level", "debug"]
        tunnel.start().wait_up()
        self.servers.append(tunnel.server)
        send = self.test.send(tunnel.port, "--for", 200, "--rate", RATE, "--size", "0-1000", "--timeline", self.timeline,
                              "--drain", 0.5, name=f"{self.name}send")
        time.sleep(PAUSE_SECONDS)
        for _ in range(self.runs):
            self.restart(tunnel)
        send.signal(harness.signal.SIGINT)
        result = send.json()
        echo.stop()
        echoed = echo.json()
        for field in ("corrupted", "foreign"):
            check(result[field] == 0, f"{self.name}{field} {result[field]}")
        check(result["duplicates"] == 0 and echoed["duplicates"] == 0, f"{self.name}duplicates")
        # mpserver takes a target socket over, or derives the same source port again.
        # Another program may have, or give back, one of the derived ports; then mpserver says so.
        moves = sum(process.count("target: source port .* is taken") for process in self.servers)
        check(1 <= echoed["sources"] <= 1 + moves, f"{self.name}the target saw {echoed['sources']} source addresses")
        return self.judge(result["slipped_ms"] / 1000)

    def restart(self, tunnel):
        process = tunnel.server if self.end == "mpserver" else tunnel.client
        killed = harness.now_ns()
        process.kill()
        time.sleep(self.down_seconds)
        if self.end == "mpserver":
            self.servers.append(tunnel.start_server())
            listening = harness.log_time_ns(tunnel.server_listening)
        else:
            tunnel.start_client()
            listening = harness.log_time_ns(tunnel.client_listening)
        time.sleep(self.bound_ms / 1000 + PAUSE_SECONDS)
        self.times.append((killed, listening, harness.now_ns()))

    def judge(self, slipped_seconds):
        """Milliseconds from each "listening" to the first round trip."""
        sent, received = [], []
        for line in self.timeline.read_text(encoding="ascii").splitlines():
            if line and not line.startswith("#"):
                fields = line.split()
                sent.append(int(fields[1]))
                received.append(int(fields[2]))
        check(received, f"{self.name}no echo at all")
        delays = []
        for killed, listening, end in self.times:
            first = min((r for r in received if r >= listening), default=None)
            check(first is not None, f"{self.name}nothing came back after a restart")
            delays.append((first - listening) / MILLISECOND)
            # A program that is not let run for a moment may miss the bound once; both_ends() looks at all of them.
            check(delays[-1] <= 2 * self.bound_ms,
                  f"{self.name}the first round trip came {delays[-1]:.0f} ms after 'listening' (down for "
                  f"{(listening - killed) / 10**9:.2f} s)")
            from_here = max(listening + self.bound_ms * MILLISECOND, first)
            passed = sum(1 for s in sent if from_here <= s < end - 100 * MILLISECOND)
            due = (end - 100 * MILLISECOND - from_here) / 10**9 * RATE
            check(passed >= 0.8 * (due - RATE * slipped_seconds), f"{self.name}{passed} of {due:.0f} round trips after a restart")
        return delays


def both_ends(test):
    """mpserver or mpclient SIGKILLed under traffic, down for 0.1, 5 and 60 seconds, encrypted and in the clear"""
    # down for how long: (tunnels, restarts of each) for each end and kind
    plan = {0.1: (1, 4), 5: (1, 2)} if test.is_sanitized else {0.1: (1, 20), 5: (2, 10), 60: (2, 1)}
    all_restarts = [
        Restarts(test, end, encrypt, down, runs, number)
        for down, (tunnels, runs) in sorted(plan.items(), reverse=True)
        for end in ("mpserver", "mpclient")
        for encrypt in (True, False)
        for number in range(tunnels)
    ]
    results = harness.in_parallel(*(restarts.carry for restarts in all_restarts))
    summary = {}
    for restarts, delays in zip(all_restarts, results):
        summary.setdefault((restarts.end, restarts.encrypt, restarts.down_seconds), []).extend(delays)
    for (end, encrypt, down), delays in summary.items():
        most = sorted(delays)[math.ceil(0.9 * len(delays)) - 1]
        bound = 1000 if test.is_sanitized else 300
        check(most <= bound, f"{end}, down for {down} s: nine of ten are back after {most:.0f} ms, not {bound}")
        harness.say(f"{end}, {'sealed' if encrypt else 'clear'}, down for {down} s, {len(delays)} times: first round trip after "
                    f"{sorted(delays)[len(delays) // 2]:.0f} ms, at most {max(delays):.0f} ms")


if __name__ == "__main__":
    harness.run(both_ends)
