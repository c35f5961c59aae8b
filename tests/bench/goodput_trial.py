"""One trial of tests/bench/goodput: CUBIC streams in one direction, and pings beside them."""

import dataclasses
import json
import os
import re
import resource
import time

from goodput_network import DIRECTIONS
from measure import busy_ns, cpu_ns
from openvpn import ping_counts
from systems import harness

PING_INTERVAL = 0.02
ENDING_S = 40  # so long after its time iperf3 may take to end, where nearly all is lost
PORT = 5201
CONTROL = "cubic"
PING_REPLY = re.compile(r" icmp_seq=(\d+) .* time=([0-9.]+) ms")


@dataclasses.dataclass(frozen=True)
class Load:
    """What runs in a trial."""

    seconds: int  # measured
    start_up_s: int = 2  # before them, not measured
    streams: int = 1
    pings_start_up: bool = True  # whether the pings of that time count

    @property
    def all_seconds(self):
        return self.start_up_s + self.seconds


def _percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else None


class Processors:
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


def _streams(session, direction, load):
    """iperf3's report as it ends; None if it has none."""
    server = session.test.start(["iperf3", "-s", "-1", "--forceflush", "-p", PORT], "iperf3 server", netns=session.pair.b)
    server.wait_for("Server listening")
    client = session.test.start(
        ["iperf3", "-c", session.far_address, "-p", PORT, "-t", load.seconds, "-O", load.start_up_s, "-C", CONTROL, "-J",
         "-P", load.streams, *(["-R"] if direction == "down" else [])], "iperf3", netns=session.pair.a)
    try:
        client.wait(load.all_seconds + ENDING_S)
        report = json.loads("\n".join(client.log()))
    except (harness.Failure, ValueError):
        report = None
    for process in (client, server):
        if process.is_running:
            process.kill()
    return report


def _pings(ping, left_out):
    """Without so many at the beginning."""
    sent = ping_counts(ping)[0] - left_out
    replies = [(int(match.group(1)), float(match.group(2))) for match in map(PING_REPLY.search, ping.log()) if match]
    times = [reply_time for number, reply_time in replies if number > left_out]
    received = len({number for number, _ in replies if number > left_out})
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


def run(session, direction, load):
    """Measures with that load. Returns the figures by name."""
    lasting = [process for process in session.test.processes if process.is_running]
    before, processors = session.counts(), Processors(lasting)
    ping = session.ping("-c", round(load.all_seconds / PING_INTERVAL), "-i", PING_INTERVAL, "-W", 2)
    session.let_die(load.all_seconds)
    report = _streams(session, direction, load)
    ping.wait(60)
    left_out = 0 if load.pings_start_up else round(load.start_up_s / PING_INTERVAL)
    figures = processors.figures() | _pings(ping, left_out) | _over_bridges(before, session.counts(), direction)
    figures |= _counted(session, direction)
    end = (report or {}).get("end", {})
    # None, not 0, without a report: what was not measured is no figure.
    received = end.get("sum_received", {}).get("bits_per_second")
    control = end.get("sender_tcp_congestion", CONTROL)
    harness.check(control == CONTROL, f"iperf3 sent with {control}, not {CONTROL}")
    figures["mbit_s"] = None if received is None else received / 1e6
    figures["retransmits"] = end.get("sum_sent", {}).get("retransmits")
    return figures


def said(figures):
    """A trial in a line."""
    goodput = "no report of iperf3" if figures["mbit_s"] is None else f"{figures['mbit_s']:.1f} Mbit/s"
    return (f"{goodput}, {figures['retransmits']} retransmitted; pings {100 * figures['ping_loss']:.1f} % lost, "
            f"p50 {figures['ping_ms']} p99 {figures['ping_p99_ms']} ms; wire {figures['wire']:.2f}; {figures['queue_drops']} dropped by "
            f"queues, {figures['kernel_drops']} by the kernel; idle {100 * figures['idle']:.0f} %, "
            f"others {100 * figures['others']:.0f} %, "
            f"{figures['busiest']} {100 * figures['busiest_share']:.0f} %")
