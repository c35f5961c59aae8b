"""The statement `scheduler`: which paths datagrams go by, over lines of their own rates and delays, and what the status says of it."""

import re
import statistics
import time

import harness
import paths
import status
from harness import check, check_range, say

SIZE = 1000
QUEUE_MS = 60
# Of packets, as Ethernet has it: over loopback alone the search for the MTU would fill a slow line with probes of 64 KB.
LINE_MTU = 1452
# What lines carry is the same in every build, since their packets are to be as long as packets are; that is little for any of them.
FAST_KBIT_S, SLOW_KBIT_S = 3000, 2000
FAST_MS, SLOW_MS = 5, 15
FASTEST_RATE = harness.eased(400)


def line(kbit_s, delay_ms):
    """The options of a bridge: a line of that rate (0: any) and delay, each way."""
    options = ["--mtu", LINE_MTU, "--delay", delay_ms]
    return options if kbit_s == 0 else [*options, "--rate", kbit_s, "--queue", kbit_s * QUEUE_MS // 8]


UNEQUAL = (line(FAST_KBIT_S, FAST_MS), line(SLOW_KBIT_S, SLOW_MS))


def tunnel_over(test, lines, target, *statements):
    """A tunnel over these lines, with these statements at both ends; it stands when this returns."""
    tunnel = paths.PathTunnel(test, f"{statements[0].split()[1]}: ", target=target)
    tunnel.statements += statements
    tunnel.server_statements += statements
    for number, options in enumerate(lines):
        bridge = paths.traced_bridge(test, tunnel.server_port, "--seed", 300 + number, *options, name=f"{tunnel.name}bridge{number}")
        tunnel.bridges.append(bridge)
        tunnel.add_path(bridge.port, f"name=b{number}")
    tunnel.start()
    return tunnel.wait_up()


def sink_of(test):
    sink = test.start(["udp_probe", "sink", "--listen", "127.0.0.1:0"], "sink")
    sink.port = int(sink.wait_for("^listening ").rsplit(":", 1)[1])
    return sink


def send_up(test, tunnel, rate, seconds, size=SIZE, name="send"):
    return test.send(tunnel.port, "--one-way", "--for", seconds, "--rate", rate, "--size", size, name=f"{tunnel.name}{name}")


def arrived_of(sent, took, what):
    """The share of what one sender sent that the sink took; each came once."""
    harness.check_clean(took, what)
    flow = next((flow for flow in took["flows"] if flow["run"] == sent["run"]), None)
    share = 0 if flow is None else flow["unique"] / sent["sent"]
    say(f"{what}: {share:.4f} of {sent['sent']} datagrams arrived")
    return share


def sent_by(tunnel):
    """How many packets mpclient has sent by each path."""
    return [path["out"]["packets"] for path in tunnel.paths()]


def data_passed(test, bridge, since, until):
    """When DATA packets came to the bridge from mpclient in that time, passed on or not."""
    return [packet.time for packet in paths.trace_of(test, bridge)
            if packet.direction == "up" and packet.kind == paths.DATA and since <= packet.time < until]


def timeline_of(path):
    """(sent, received) of each datagram whose echo came back."""
    lines = (line.split() for line in path.read_text(encoding="ascii").splitlines() if line and not line.startswith("#"))
    return [(int(fields[1]), int(fields[2])) for fields in lines]


# --- aggregate --------------------------------------------------------------------------------------------------


def check_capacities(tunnel):
    """What the paths pass on, as mpclient knows it: within 30 % for most of a second. On a machine that lets no program run in
    time what a line passes on is taken for half for up to 6 s, so there are ten tries."""
    lines = {"b0": FAST_KBIT_S, "b1": SLOW_KBIT_S}
    for left in reversed(range(10)):
        known = {name: [] for name in lines}
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            for path in tunnel.paths():
                known[path["name"]].append(((path["share"] or {}).get("capacity_bps") or 0) / 1000)
            time.sleep(0.1)
        found = {name: statistics.median(values) for name, values in known.items()}
        if left == 0 or all(0.7 * kbit_s <= found[name] <= 1.3 * kbit_s for name, kbit_s in lines.items()):
            break
    for name, kbit_s in lines.items():
        check_range(round(found[name]), kbit_s * 7 // 10, kbit_s * 13 // 10, f"what {name} passes on, kbit/s")


def are_in_use(all_paths):
    return all(path["share"] is not None and path["share"]["use"] in ("used", "sought") for path in all_paths)


def check_words(test, tunnel):
    """The status for people and for programs."""
    answer = tunnel.status()
    check(answer["session"]["scheduler"] == "aggregate", f"scheduler {answer['session']['scheduler']}")
    paths.until(lambda: are_in_use(tunnel.paths()), "both paths are in use", 2)
    for pattern in (r"^scheduler +aggregate$", r"^ +passes on at least \d"):
        paths.until(lambda: re.search(pattern, status.ask(test, "mpclient", "--control", tunnel.control["mpclient"]), re.MULTILINE),
                    f"'{pattern}' is in the table", 2)


def lost_by_slow(tunnel, before):
    """Of the packets for the slow path since then, the share that did not leave or did not come."""
    path, was = tunnel.path("b1"), before[1]
    missing = path["out"]["lost"] - was["out"]["lost"] + path["unsent"] - was["unsent"]
    return missing / max(1, path["out"]["packets"] - was["out"]["packets"] + path["unsent"] - was["unsent"])


def carry_sum(test, scheduler):
    """What arrives of 4 Mbit/s once the rates are known, and what the slow path loses."""
    sink = sink_of(test)
    # Where each datagram goes is looked at, not what repair adds: that takes up to half as much again of the lines at first.
    tunnel = tunnel_over(test, UNEQUAL, sink.port, f"scheduler {scheduler}", "repair no")
    # More than both take, so that each shows what it passes on.
    flood = send_up(test, tunnel, 750, 20, name="flood")
    time.sleep(1.8)
    if scheduler == "aggregate":
        check_capacities(tunnel)
    flood.signal(harness.signal.SIGINT)
    flood.wait()
    time.sleep(0.3)
    before = tunnel.paths()
    send = send_up(test, tunnel, 500, 3.5)
    time.sleep(1.5)
    if scheduler == "aggregate":
        check_words(test, tunnel)
    sent = send.json()
    time.sleep(0.7)
    slow = lost_by_slow(tunnel, before)
    sink.stop()
    return arrived_of(sent, sink.json(), scheduler), slow


def aggregate(test):
    """4 Mbit/s over lines of 3 and 2: nearly all arrives, each once; with copies the slow line loses much"""
    (arrived, slow), (copied, copied_slow) = harness.in_parallel(lambda: carry_sum(test, "aggregate"), lambda: carry_sum(test, "copies"))
    check_range(round(arrived, 4), 0.97, 1, "aggregate: the share that arrives")
    check_range(round(slow, 4), 0, 0.05, "aggregate: the share that the slow path loses")
    check_range(round(copied, 4), 0.5, 0.95, "copies: the share that arrives")
    check_range(round(copied_slow, 4), 0.3, 0.7, "copies: the share that the slow path loses")


# --- fastest ----------------------------------------------------------------------------------------------------


class Fastest:
    """A tunnel over a fast and a slow path, under traffic with echoes."""

    def __init__(self, test):
        self.test = test
        self.timeline = test.folder / "timeline"
        self.echo = test.echo()
        self.tunnel = tunnel_over(test, (line(0, 5), line(0, 40)), self.echo.port, "scheduler fastest")
        self.send = test.send(self.tunnel.port, "--for", 60, "--rate", FASTEST_RATE, "--size", 300, "--drain", 0.5,
                              "--timeline", self.timeline)

    def share_of_fast(self, seconds):
        """Of the DATA packets in so many seconds, what went by the fast path."""
        since = harness.now_ns()
        time.sleep(seconds)
        fast, slow = (len(data_passed(self.test, bridge, since, harness.now_ns())) for bridge in self.tunnel.bridges)
        return fast / max(1, fast + slow)

    def check_goes_by_fast(self):
        """In one second of three: a machine that pauses makes the path suspect, and the other takes over for a moment."""
        shares = []
        for _ in range(3):
            before = sent_by(self.tunnel)
            shares.append(round(self.share_of_fast(1), 4))
            fast, slow = (after - was for after, was in zip(sent_by(self.tunnel), before))
            if shares[-1] > 0.95:
                break
        say(f"shares of the fast path {shares}; by the status {fast} packets, the slow one {slow}")
        check(shares[-1] > 0.95, f"of the DATA packets the fast path has {shares}")
        # Probes are packets, too.
        check(slow < 0.3 * fast, f"by the status the slow path has {slow} packets, the fast one {fast}")

    def black_out(self, seconds):
        """The fast path is dark; returns from when to when."""
        since = harness.now_ns()
        self.test.tell(self.tunnel.bridges[0], "blackout on")
        time.sleep(seconds)
        until = harness.now_ns()
        self.test.tell(self.tunnel.bridges[0], "blackout off")
        came = data_passed(self.test, self.tunnel.bridges[1], since, until)
        check(came, "the slow path carried nothing while the fast one was dark")
        return since, until

    def finish(self):
        self.send.signal(harness.signal.SIGINT)
        result = self.send.json()
        for field in ("duplicates", "corrupted", "foreign"):
            check(result[field] == 0, f"{field} {result[field]}")
        return timeline_of(self.timeline)


def fastest(test):
    """All by the path of 5 ms; in its blackout by that of 40 ms, within 2 s, and by the fast one again once it is back"""
    own = Fastest(test)
    own.check_goes_by_fast()
    since, until = own.black_out(2.6)
    paths.until(lambda: own.share_of_fast(0.5) > 0.95, "the fast path has the traffic again", 8)
    say(f"by the fast path again {(harness.now_ns() - until) / 10**9:.1f} s after the blackout")
    echoes = own.finish()
    came = min((received for sent, received in echoes if sent >= since), default=None)
    check(came is not None, "nothing came back after the blackout began")
    check_range(round((came - since) / 10**6), 1, 2000, "first echo of what was sent in the blackout, after ms")
    passed = sum(1 for sent, _ in echoes if since + 2 * 10**9 <= sent < until)
    check(passed >= 0.8 * FASTEST_RATE * (until - since - 2 * 10**9) / 10**9, f"{passed} round trips in the rest of the blackout")


# --- auto -------------------------------------------------------------------------------------------------------

SPARSE_RATE, SPARSE_SIZE = 50, 160


def auto(test):
    """A sparse flow goes by both paths, a bulk one beside it by one each, and the sparse one loses nothing"""
    sink = sink_of(test)
    # Packets are counted, and repair makes some of its own.
    tunnel = tunnel_over(test, (line(4000, FAST_MS), line(3000, SLOW_MS)), sink.port, "scheduler auto", "repair no")
    time.sleep(0.5)
    before = sent_by(tunnel)
    alone = send_up(test, tunnel, SPARSE_RATE, 2, SPARSE_SIZE, "sparse alone").json()
    grown = [after - was for after, was in zip(sent_by(tunnel), before)]
    for number, packets in enumerate(grown):
        # With probes.
        check_range(packets, round(0.98 * alone["sent"]), round(1.7 * alone["sent"]),
                    f"packets of b{number} for {alone['sent']} sparse datagrams")
    before = sent_by(tunnel)
    bulk = send_up(test, tunnel, 600, 4, name="bulk")
    beside = send_up(test, tunnel, SPARSE_RATE, 3.5, SPARSE_SIZE, "sparse beside").json()
    bulk = bulk.json()
    time.sleep(0.7)
    grown = sum(sent_by(tunnel)) - sum(before) - 2 * beside["sent"]
    check_range(grown, round(0.8 * bulk["sent"]), round(1.4 * bulk["sent"]), f"packets of both paths for {bulk['sent']} bulk datagrams")
    sink.stop()
    took = sink.json()
    arrived_of(bulk, took, "bulk")
    for sent, what in ((alone, "sparse alone"), (beside, "sparse beside bulk")):
        check(arrived_of(sent, took, what) == 1, f"{what}: some are lost")


# --- restart ----------------------------------------------------------------------------------------------------


def restart(test):
    """aggregate, and mpserver is killed and started again: datagrams arrive again, and both ends share them out again"""
    echo, timeline = test.echo(), test.folder / "timeline"
    tunnel = tunnel_over(test, UNEQUAL, echo.port, "scheduler aggregate")
    rate = 250
    send = test.send(tunnel.port, "--for", 60, "--rate", rate, "--size", SIZE, "--drain", 0.5, "--timeline", timeline)
    time.sleep(2)
    tunnel.server.kill()
    time.sleep(0.3)
    tunnel.start_server()
    listening = harness.log_time_ns(tunnel.server_listening)
    time.sleep(3)
    settled = harness.now_ns()
    for end in ("mpclient", "mpserver"):
        paths.until(lambda: are_in_use(tunnel.paths(end)), f"both paths are in use at {end}", 3)
        check(tunnel.status(end)["session"]["scheduler"] == "aggregate", f"{end}: another scheduler")
    time.sleep(1)
    until = harness.now_ns()
    time.sleep(0.5)
    send.signal(harness.signal.SIGINT)
    send.json()
    echoes = timeline_of(timeline)
    came = min((received for sent, received in echoes if sent >= listening), default=None)
    check(came is not None, "nothing came back after mpserver was started again")
    check_range(round((came - listening) / 10**6), 1, 3000, "first echo after mpserver listens again, after ms")
    passed = sum(1 for sent, _ in echoes if settled <= sent < until)
    due = rate * (until - settled) / 10**9
    check_range(passed, round(0.9 * due), round(1.1 * due) + 2, "round trips after that")


if __name__ == "__main__":
    harness.run(aggregate, fastest, auto, restart)
