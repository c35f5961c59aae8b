"""What the programs measure, held against what the bridges did: loss, round trips, and which copy was first.

All of it is printed side by side. The truth is the bridges': their counters while traffic flows, their traces once it has drained.
"""

import collections
import threading
import time

import harness
import paths
from harness import check, say

RATE, SECONDS = 5000, 6
LOSSES = (0, 10, 50)  # percent, of each bridge, each way
# The bridge that loses most is the fastest, so that each is first sometimes. They are so far apart that a program that is not
# scheduled for a while still sees the copies in their order.
DELAYS_MS = (100, 60, 20)
DOUBTFUL_NS = 10 * 10**6
LOSS_BOUND = 0.002
# What a program says of a direction is as old as the last answer that came through: where half is lost each way, some tries.
REPORT_AGE = 2.0
KEEPALIVE = 1
RTT_SLACK_MS = 5
DIRECTIONS = ("up", "down")


class Sampler:
    """Each bridge's counters, again and again: (time, {direction: (received, lost)})."""

    def __init__(self, test, bridges):
        self._test, self._bridges = test, bridges
        self.samples = {bridge: [] for bridge in bridges}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()

    def _run(self):
        while not self._ended.wait(0.05):
            for bridge in self._bridges:
                self.take(bridge)

    def take(self, bridge):
        stats = self._test.tell(bridge, "stats")
        counts = {direction: (stats[direction]["received"], stats[direction]["lost"]) for direction in DIRECTIONS}
        self.samples[bridge].append((time.monotonic(), counts))

    def losses(self, bridge, direction, since):
        """The share that was lost from the start, at every moment since then."""
        shares = [counts[direction] for when, counts in list(self.samples[bridge]) if when >= since]
        return [lost / received for received, lost in shares if received > 0]


class Truth:
    """What the traces say of the packets of a session: lost ones, and of DATA which bridge delivered it first."""

    def __init__(self, test, bridges):
        self.lost = collections.Counter()
        self.wins = collections.Counter()
        self.later = collections.Counter()  # copies that came after
        self.doubtful = 0  # packets of which two bridges delivered a copy at nearly the same time
        arrivals = collections.defaultdict(list)
        for number, bridge in enumerate(bridges):
            for line in paths.trace_of(test, bridge):
                if line.kind not in (paths.DATA, paths.CONTROL):
                    continue
                if line.fate != "forwarded":
                    self.lost[number, line.direction] += 1
                elif line.kind == paths.DATA:
                    arrivals[line.direction, line.head].append((line.time, number))
        for (direction, _), copies in arrivals.items():
            copies.sort()
            self.wins[copies[0][1], direction] += 1
            for _, number in copies[1:]:
                self.later[number, direction] += 1
            if len(copies) > 1 and copies[1][0] - copies[0][0] < DOUBTFUL_NS:
                self.doubtful += 1


class Measurement:
    """A tunnel over three bridges, under traffic; `jitter` is in milliseconds."""

    def __init__(self, test, jitter=0):
        self.test, self.jitter = test, jitter
        self.echo = test.echo()
        self.tunnel = paths.PathTunnel(test, target=self.echo.port)
        # What repair brought before the first copy is nobody's first.
        self.tunnel.statements += [f"keepalive {KEEPALIVE}", "repair no"]
        self.tunnel.server_statements += ["repair no"]
        self.bridges = []
        for number, (loss, delay) in enumerate(zip(LOSSES, DELAYS_MS)):
            bridge = paths.traced_bridge(test, self.tunnel.server_port, "--seed", 100 + number, "--loss", loss, "--delay", delay,
                                         "--jitter", jitter, name=f"bridge{number}")
            self.bridges.append(bridge)
            self.tunnel.add_path(bridge.port, f"name=b{number}")
        self.tunnel.start().wait_up()

    def views(self):
        """For each path (mpclient's view, mpserver's view)."""
        client = {path["name"]: path for path in self.tunnel.paths()}
        server = {path["id"]: path for path in self.tunnel.paths("mpserver")}
        result = []
        for number in range(len(self.bridges)):
            path = client.get(f"b{number}")
            check(path is not None, f"mpclient has no path b{number}")
            check(path["id"] in server, f"mpserver has no path {path['id']}, which mpclient calls b{number}")
            result.append((path, server[path["id"]]))
        return result

    def check_flowing(self, sampler, without=()):
        """While traffic flows: loss, of the paths that can report."""
        asked = time.monotonic()
        views = self.views()
        for bridge in self.bridges:
            sampler.take(bridge)
        for number, (client, server) in enumerate(views):
            if number in without:
                continue
            for direction, told in reports(client, server, "loss"):
                truth = sampler.losses(self.bridges[number], direction, asked - REPORT_AGE)
                say(f"b{number} {direction:<5} lost of what came so far: bridge {truth[-1]:.4f}, " +
                    ", ".join(f"{end} {loss}" for end, loss in told))
                for end, loss in told:
                    check(loss is not None, f"b{number} {direction}: {end} knows no loss")
                    error = min(abs(loss - share) for share in truth)
                    check(error <= LOSS_BOUND, f"b{number} {direction}: {end} says {loss:.4f} are lost, the bridge between "
                          f"{min(truth):.4f} and {max(truth):.4f}")

    def drain(self):
        """Lets nothing be lost any more, so that the next report covers all that was."""
        for bridge in self.bridges:
            self.test.tell(bridge, "blackout off")
            self.test.tell(bridge, "loss 0")

        def is_reported():
            truth = Truth(self.test, self.bridges)
            return all(said == truth.lost[number, direction]
                       for number, view in enumerate(self.views())
                       for direction, told in reports(*view, "lost") for _, said in told)

        try:
            paths.until(is_reported, "all that was lost is reported", 8 * KEEPALIVE, 0.3)
        except harness.Failure:
            self.print_table()
            raise
        # It must not only pass by the truth.
        time.sleep(1.5 * KEEPALIVE)

    def print_table(self):
        truth = Truth(self.test, self.bridges)
        say(f"{'path':<9}{'lost: bridge':>13}{'mpclient':>9}{'mpserver':>9}   {'first: bridge':>13}{'program':>9}   "
            f"{'later: bridge':>13}{'program':>9}")
        for number, (client, server) in enumerate(self.views()):
            for direction, told in reports(client, server, "lost"):
                receiver = receiving_end(client, server, direction)
                (_, by_client), (_, by_server) = told
                say(f"b{number} {direction:<6}{truth.lost[number, direction]:>13}{by_client:>9}{by_server:>9}   "
                    f"{truth.wins[number, direction]:>13}{receiver['first']:>9}   "
                    f"{truth.later[number, direction]:>13}{receiver['duplicates']:>9}")

    def check_drained(self):
        self.print_table()
        truth = Truth(self.test, self.bridges)
        if truth.doubtful:
            say(f"{truth.doubtful} packets came over two paths within {DOUBTFUL_NS / 10**6:.0f} ms")
        for number, (client, server) in enumerate(self.views()):
            for direction, told in reports(client, server, "lost"):
                for end, lost in told:
                    check(lost == truth.lost[number, direction], f"b{number} {direction}: {end} says that {lost} are lost")
                receiver = receiving_end(client, server, direction)
                for field, expected in (("first", truth.wins), ("duplicates", truth.later)):
                    error = abs(receiver[field] - expected[number, direction])
                    check(error <= truth.doubtful, f"b{number} {direction}: {field} is {receiver[field]}, and should be "
                          f"{expected[number, direction]}")

    def check_rtt(self, without=()):
        for number, view in enumerate(self.views()):
            if number in without:
                continue
            least = 2 * DELAYS_MS[number]
            for end, path in zip(("mpclient", "mpserver"), view):
                rtt = path["rtt_ms"]
                say(f"b{number}: RTT by {end}: {rtt}, by the bridge {least} to {least + 2 * self.jitter} ms")
                check(least <= rtt["minimum"] <= least + self.jitter + RTT_SLACK_MS, f"b{number}: {end}'s minimum RTT")
                check(least <= rtt["smoothed"] <= least + 2 * self.jitter + RTT_SLACK_MS, f"b{number}: {end}'s smoothed RTT")

    def run(self, dark=None):
        """Carries traffic; bridge number `dark`, if any, passes nothing in its second half."""
        rate = RATE // 5 if self.test.is_sanitized else RATE
        without = () if dark is None else (dark,)
        with Sampler(self.test, self.bridges) as sampler:
            send = self.test.send(self.tunnel.port, "--count", rate * SECONDS, "--rate", rate, "--size", 200)
            time.sleep(SECONDS / 2)
            self.check_flowing(sampler)
            self.check_rtt()
            for number in without:
                self.test.tell(self.bridges[number], "blackout on")
            for _ in range(3):
                time.sleep(SECONDS / 8)
                self.check_flowing(sampler, without)
            result = send.json()
        check(result["sent"] == rate * SECONDS, f"{result['sent']} sent")
        self.drain()
        self.check_drained()
        harness.check_clean(result, "traffic")


def reports(client, server, field):
    """For each direction what the two ends say: mpclient, then mpserver."""
    return [("up", (("mpclient", client["out"][field]), ("mpserver", server["in"][field]))),
            ("down", (("mpclient", client["in"][field]), ("mpserver", server["out"][field])))]


def receiving_end(client, server, direction):
    return server["in"] if direction == "up" else client["in"]


def loss(test):
    """0, 10 and 50 % loss"""
    Measurement(test).run()


def reordering(test):
    """The same with jitter that reorders"""
    Measurement(test, jitter=8).run()


def path_down(test):
    """The same while one of them is dark from half-way on"""
    Measurement(test).run(dark=1)


if __name__ == "__main__":
    harness.run(loss, reordering, path_down)
