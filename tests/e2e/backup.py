"""Backup and metered bridges: they carry nothing but sparse probes while enough others are up, and take over when these fail.

What passes a bridge is the bridge's word: its trace tells DATA from CONTROL.
"""

import time

import harness
import paths
from harness import check, check_range, say

RATE = harness.eased(500)
KEEPALIVE = 2
QUIET_SECONDS = 6
# A PING of each end and the answers to both, for each keepalive, and one more of each at the edges.
MOST_PROBES = 2 * (QUIET_SECONDS // KEEPALIVE + 1)
TAKEN_OVER_WITHIN_MS, SANITIZED_WITHIN_MS = 300, 1000
RELEASED_WITHIN = 8
DISTURBED_MS = 100
# The search for a path's MTU and the first round trips are over by then.
SETTLED_AFTER = 4
DIRECTIONS = ("up", "down")


class Spared:
    """A tunnel over bridges with these options, under traffic."""

    def __init__(self, test, options, statements=()):
        self.test = test
        self.bound_ms = SANITIZED_WITHIN_MS if test.is_sanitized else TAKEN_OVER_WITHIN_MS
        # What is answered late is asked again.
        self.most_probes = (2 if test.is_sanitized else 1) * MOST_PROBES
        self.echo = test.echo()
        self.tunnel = paths.PathTunnel(test, target=self.echo.port)
        self.tunnel.statements += [f"keepalive {KEEPALIVE}", *statements]
        self.bridges = []
        for number, option in enumerate(options):
            bridge = paths.traced_bridge(test, self.tunnel.server_port, "--seed", 200 + number, "--delay", 5,
                                         name=f"bridge{number} {option or 'normal'}")
            self.bridges.append(bridge)
            self.tunnel.add_path(bridge.port, f"name=b{number} {option}")
        self.tunnel.start().wait_up()
        self.send = test.send(self.tunnel.port, "--for", 120, "--rate", RATE, "--size", 300)
        time.sleep(SETTLED_AFTER)

    def passed(self, number, since, until, kind):
        """How many packets of that kind came to the bridge in that time, {direction: number}."""
        lines = paths.trace_of(self.test, self.bridges[number])
        return {way: sum(1 for line in lines if line.direction == way and line.kind == kind and since <= line.time < until)
                for way in DIRECTIONS}

    def pause_ms(self, number, since, until, ways=DIRECTIONS):
        """The longest time in which no DATA came to the bridge, passed on or not: so long some program was not run."""
        lines = paths.trace_of(self.test, self.bridges[number])
        pauses = []
        for way in ways:
            came = [line.time for line in lines if line.kind == paths.DATA and line.direction == way and since <= line.time < until]
            times = [since, *came, until]
            pauses += [(after - before) / 10**6 for before, after in zip(times, times[1:])]
        return max(pauses)

    def undisturbed(self, carrying, seconds):
        """A time (since, until) in which none of these bridges had a pause that makes a path suspect, for then others help; the
        third such time whatever was in it."""
        tries = 3
        while True:
            since = harness.now_ns()
            time.sleep(seconds)
            until = harness.now_ns()
            tries -= 1
            if tries == 0 or max(self.pause_ms(number, since, until) for number in carrying) < DISTURBED_MS:
                return since, until
            time.sleep(RELEASED_WITHIN)

    def first_data(self, number, since):
        """When the first DATA packet passed the bridge since then, {direction: ms after or None}."""
        times = {way: None for way in DIRECTIONS}
        for line in paths.trace_of(self.test, self.bridges[number]):
            if line.kind == paths.DATA and line.time >= since and times[line.direction] is None:
                times[line.direction] = (line.time - since) / 10**6
        return times

    def check_quiet(self, numbers, what):
        """These bridges carry sparse probes alone, the others everything."""
        since, until = self.undisturbed(set(range(len(self.bridges))) - set(numbers), QUIET_SECONDS)
        for number, bridge in enumerate(self.bridges):
            data = self.passed(number, since, until, paths.DATA)
            if number not in numbers:
                for way in DIRECTIONS:
                    check(data[way] >= 0.8 * RATE * QUIET_SECONDS, f"{what}: {bridge.name} carried {data[way]} {way}")
                continue
            probes = self.passed(number, since, until, paths.CONTROL)
            path = self.tunnel.path(f"b{number}")
            check(path["standby"], f"{what}: the status does not say that {bridge.name} stands by")
            check(path["state"] == "up", f"{what}: {bridge.name} is {path['state']}")
            for way in DIRECTIONS:
                check(data[way] == 0, f"{what}: {bridge.name} carried {data[way]} DATA packets {way}")
                check_range(probes[way], 1, self.most_probes, f"{what}: {bridge.name}, probes {way} in {QUIET_SECONDS} s")

    def check_takeover(self, dark, takers, what):
        """Bridge `dark` goes dark; how soon the others carry, each way."""
        since = harness.now_ns()
        self.test.tell(self.bridges[dark], "blackout on")
        time.sleep(2)
        # mpclient goes on sending to it until it is down, after a second.
        bound_ms = self.bound_ms + self.pause_ms(dark, since, since + self.bound_ms * 10**6, ("up",))
        for number in takers:
            times = self.first_data(number, since)
            say(f"{what}: {self.bridges[number].name} carried after (ms) {times}")
            for way, after in times.items():
                check(after is not None, f"{what}: {self.bridges[number].name} carried nothing {way}")
                check(after <= bound_ms, f"{what}: {self.bridges[number].name} carried {way} after {after:.0f} ms only")
            check(not self.tunnel.path(f"b{number}")["standby"], f"{what}: the status says that {self.bridges[number].name} stands by")

    def check_release(self, dark, spared, what):
        """Bridge `dark` is back; then the others rest again."""
        since = harness.now_ns()
        self.test.tell(self.bridges[dark], "blackout off")
        self.tunnel.wait_state(f"b{dark}", "up", RELEASED_WITHIN, what)
        time.sleep(max(0.0, RELEASED_WITHIN - (harness.now_ns() - since) / 10**9))
        self.check_quiet(spared, f"{what}, released")

    def finish(self, lost):
        self.send.signal(harness.signal.SIGINT)
        harness.check_clean(self.send.json(), "traffic", lost)
        self.echo.stop()
        harness.check_clean(self.echo.json(), "echo")


def takes_over(test):
    """One bridge, a backup and a metered one: the two rest; the backup takes over within 300 ms, the metered one only after it"""
    spared = Spared(test, ["", "backup", "metered"])
    spared.check_quiet({1, 2}, "all up")
    spared.check_takeover(0, (1,), "the only one dark")
    since, until = spared.undisturbed({1}, 1)
    check(spared.tunnel.path("b2")["standby"], "the metered one is used although the backup is up")
    data = spared.passed(2, since, until, paths.DATA)
    check(all(data[way] == 0 for way in DIRECTIONS), f"the metered one carried {data} although the backup is up")
    spared.check_takeover(1, (2,), "the backup dark, too")
    spared.test.tell(spared.bridges[1], "blackout off")
    spared.check_release(0, {1, 2}, "both back")
    # What was sent before anybody could know is lost, each way, twice.
    spared.finish(2 * 2 * RATE * spared.bound_ms // 1000)


def min_paths(test):
    """min-paths 2: with one of two bridges dark the backup carries beside the other, and nothing is lost"""
    spared = Spared(test, ["", "", "backup"], ["min-paths 2"])
    spared.check_quiet({2}, "both up")
    spared.check_takeover(1, (2,), "one of two dark")
    spared.check_release(1, {2}, "two again")
    spared.finish(0)


if __name__ == "__main__":
    harness.run(takes_over, min_paths, together=True)
