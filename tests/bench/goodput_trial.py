"""One trial of tests/bench/goodput: a CUBIC stream in one direction, and pings beside it."""

import json
import os
import re
import resource
import time

from goodput_network import DIRECTIONS
from measure import busy_ns, cpu_ns
from openvpn import ping_counts
from systems import harness

START_UP_S = 2  # of the stream, not measured
PING_INTERVAL = 0.02
ENDING_S = 40  # so long after its time iperf3 may take to end, where nearly all is lost
PORT = 5201
CONTROL = "cubic"
PING_TIME = re.compile(r" time=([0-9.]+) ms")


def _percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else None


class Load:
    """What all processors do between start and end: for these processes, which last, for others of the trial, which have ended and
    been waited for by then, and for other programs (and the kernel's threads)."""

    def __init__(self, processes):
        self._processes = processes
        self._before = self._now()

    def _now(self):
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        passing = cpu_ns([os.getpid()]) + round(1e9 * (ended.ru_utime + ended.ru_stime))
        return time.monotonic_ns(), busy_ns(), passing, [cpu_ns([process.pid]) for process in self._processes]

    def figures(self):
        """The shares of all processors that were idle or that others took, and who took the largest share of one."""
        (began, busy, passing, each), (ended, busy_now, passing_now, each_now) = self._before, self._now()
        took = ended - began
        shares = [(now - then) / took for then, now in zip(each, each_now)]
        most = max(range(len(shares)), key=shares.__getitem__)
        busy_share, ours = (busy_now - busy) / took, (passing_now - passing) / took + sum(shares)
        return {"idle": max(0.0, 1 - busy_share / os.cpu_count()), "others": max(0.0, (busy_share - ours) / os.cpu_count()),
                "busiest": self._processes[most].name.split(": ")[-1], "busiest_share": shares[most]}


def _stream(session, direction, seconds):
    """iperf3's report as it ends; None if it has none."""
    server = session.test.start(["iperf3", "-s", "-1", "--forceflush", "-p", PORT], "iperf3 server", netns=session.pair.b)
    server.wait_for("Server listening")
    client = session.test.start(
        ["iperf3", "-c", session.far_address, "-p", PORT, "-t", seconds, "-O", START_UP_S, "-C", CONTROL, "-J",
         *(["-R"] if direction == "down" else [])], "iperf3", netns=session.pair.a)
    try:
        client.wait(seconds + START_UP_S + ENDING_S)
        report = json.loads("\n".join(client.log()))
    except (harness.Failure, ValueError):
        report = None
    for process in (client, server):
        if process.is_running:
            process.kill()
    return report


def _pings(ping):
    sent, received = ping_counts(ping)
    times = [float(match.group(1)) for match in map(PING_TIME.search, ping.log()) if match]
    return {"ping_loss": 1 - received / sent, "ping_ms": _percentile(times, 0.5), "ping_p99_ms": _percentile(times, 0.99)}


def _over_bridges(before, after, direction):
    """Bytes on all paths for a byte that OpenVPN took, in the stream's direction; and what the bridges had no room for."""
    grown = {way: {what: after[way][what] - before[way][what] for what in after[way]} for way in DIRECTIONS}
    way = grown[direction]
    return {"wire": way["wire"] / max(1, way["offered"]), "queue_drops": way["queue_drops"],
            "kernel_drops": sum(grown[one]["kernel_drops"] for one in DIRECTIONS)}


def _counted(session, direction):
    """What mpclient counted in that direction since the session began: shares, None if it does not know."""
    status = session.status() or {}
    way = status.get("session", {}).get("stream", {}).get("out" if direction == "up" else "in", {})
    counted = {"counted_before": "loss_before_repair", "counted_after": "loss", "counted_overhead": "repair_overhead"}
    return {ours: way.get(theirs) for ours, theirs in counted.items()} | {"status": status}


def run(session, direction, seconds):
    """Measures for that long. Returns the figures by name."""
    lasting = [process for process in session.test.processes if process.is_running]
    before, load = session.counts(), Load(lasting)
    ping = session.ping("-c", round((seconds + START_UP_S) / PING_INTERVAL), "-i", PING_INTERVAL, "-W", 2)
    report = _stream(session, direction, seconds)
    ping.wait(60)
    figures = load.figures() | _pings(ping) | _over_bridges(before, session.counts(), direction)
    figures |= _counted(session, direction)
    end = (report or {}).get("end", {})
    # None, not 0, without a report: what was not measured is no figure.
    received = end.get("sum_received", {}).get("bits_per_second")
    control = end.get("sender_tcp_congestion", CONTROL)
    harness.check(control == CONTROL, f"iperf3 sent with {control}, not {CONTROL}")
    figures["mbit_s"] = None if received is None else received / 1e6
    figures["retransmits"] = end.get("sum_sent", {}).get("retransmits")
    return figures
