"""The figures of `run --only ip` as Markdown."""

import statistics
import subprocess

import report
from ip_cases import (BYTES, CLASS_GBIT_S, COST_RATES, DIRECTIONS, IP_CASES, KINDS, LINK_MTU, LINKS, PORT, TCP, TUN, TUN_ONE,
                      WIREGUARD)
from measure import MOST_TAKEN_BY_OTHERS
from results import at_least


def _to_port(results, case, kind, metric):
    """The median of the ratios, within each round, to what the UDP port carries of the same payload."""
    return results.ratio(case.name, kind.name, metric, PORT.name, "udp")


def verdicts(results, cases):
    """A Verdict for each target; None in place of it where a figure is missing."""
    found = []
    for case in cases:
        where = "" if case is cases[0] else f", {case.title}"
        for metric, what in ((TCP[0], "TCP up"), (TCP[1], "TCP down"), ("udp", f"UDP of {BYTES} bytes")):
            found.append(at_least(f"{what} through `tun` over {LINKS} paths, to the UDP port's rate there{where}",
                                  _to_port(results, case, TUN, metric), 0.5))
        streams = [results.median(case.name, TUN.name, metric) for metric in TCP]
        slower = None if None in streams else min(streams)
        for value, what in ((slower, "TCP, the slower direction"), (results.median(case.name, TUN.name, "udp"), "UDP")):
            for others in reversed(CLASS_GBIT_S):
                found.append(at_least(f"{what}, to {others:g} Gbit/s [1]{where}", value and value / others, 5))
    return found


def _cell(value, ratio, digits=2):
    return report.number(value, digits) + ("" if ratio is None or value is None else f" ({ratio:.2f})")


def rate_table(results, case):
    rows = []
    for kind in KINDS:
        cells = [_cell(results.median(case.name, kind.name, metric), None if kind is PORT and metric == "udp" else
                       _to_port(results, case, kind, metric)) for metric in (*TCP, "udp")]
        udp = results.median(case.name, kind.name, "udp")
        wire = " / ".join(report.number(results.median(case.name, kind.name, f"wire_{direction}"), 2) for direction in DIRECTIONS)
        rows.append([kind.title, *cells, report.number(udp and udp * 1e6 / 8 / BYTES, 0), "-" if "-" in wire else wire])
    return (f"Gbit/s of payload (ratio to the UDP port's in the same round); UDP: {BYTES} bytes each, at most 0.5 % lost; \"wire\": bytes "
            "on all paths for each byte that the device took of the TCP stream, up / down, as the kernel counts them:\n\n"
            + report.table(["", "TCP up", "TCP down", "UDP", "thousand datagrams a second", "wire"], rows))


def cost_table(results, case):
    rows = []
    for rate in COST_RATES:
        for kind in KINDS:
            if not kind.has_cost:
                continue
            cost, lost = (results.median(case.name, kind.name, f"{what}_{rate}") for what in ("cost", "lost"))
            rows.append([kind.title, f"{rate:,}", _cell(cost, None if kind is PORT else results.ratio(
                case.name, kind.name, f"cost_{rate}", PORT.name)), f"{100 * lost:.1f} %" if lost and lost > 0.005 else ""])
    return ("CPU microseconds a delivered datagram, both ends of the tunnel together (ratio to the UDP port), each end on a processor of "
            "its own:\n\n" + report.table(["", "a second", "CPU", "lost"], rows))


def wireguard_text(results, case):
    metrics = {**dict(zip(TCP, ("TCP up", "TCP down"))), "udp": "UDP",
               **{f"cost_{rate}": f"CPU a datagram at {rate:,} a second" for rate in COST_RATES}}
    ratios = {what: results.ratio(case.name, TUN_ONE.name, metric, WIREGUARD.name) for metric, what in metrics.items()}
    return ("`tun` over one path to wireguard-go over the same (for scale, no target): "
            + ", ".join(f"{what} {ratio:.2f}" for what, ratio in ratios.items() if ratio is not None) + ".")


def _wireguard_version():
    done = subprocess.run(["wireguard-go", "--version"], check=False, capture_output=True, text=True)
    words = done.stdout.split()
    return words[1] if len(words) > 1 else "of an unknown version"


def document(results, date, command, rounds):
    cases = [case for case in IP_CASES if case.name in results.values]
    others = [share for case in cases for kind in KINDS for share in results.all(case.name, kind.name, "others")]
    low, high = CLASS_GBIT_S
    judged = verdicts(results, cases)
    unjudged = judged.count(None)
    taken = statistics.median(others)
    is_disturbed = taken > MOST_TAKEN_BY_OTHERS
    parts = [
        f"Measured {date} on {report.machine()}, by `{command}`; medians of {rounds} rounds. Two network namespaces with {LINKS} veth "
        f"links (MTU {LINK_MTU}); generator, sink and both ends share the processors. mptunnel with AES-256-GCM and `scheduler copies`: "
        f"over {LINKS} paths a stream has {LINKS} times its rate on the links. wireguard-go is {_wireguard_version()} (ChaCha20-Poly1305). "
        f"TCP is one CUBIC stream of iperf3. During the TCP trials other programs took up to {100 * max(others):.0f} % of the "
        f"processors (median {100 * taken:.0f} %).",
        *(["**Disturbed.** The UDP figures suffer more from that than the TCP figures, as loss counts there: ratios between them are too "
           "large. Repeat this on a machine that does nothing else."] if is_disturbed else []),
        report.target_table([verdict for verdict in judged if verdict], "target" + (" (disturbed)" if is_disturbed else "")),
        *([f"**{unjudged} more targets are not judged**: what they compare with was not measured."] if unjudged else []),
        f"[1] glorytun, MLVPN and multi_tun end at {low:g} to {high:g} Gbit/s in such namespaces, as known from elsewhere; they were not "
        f"measured here. 5 times their slowest are {5 * low:g} Gbit/s, 5 times their fastest {5 * high:g}."]
    for case in cases:
        parts += [f"**{case.title[0].upper()}{case.title[1:]}.** {rate_table(results, case)}", cost_table(results, case),
                  wireguard_text(results, case)]
    return "\n\n".join(parts)
