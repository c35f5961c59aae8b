"""The results as Markdown: for the terminal, and for docs/performance.md between two markers."""

import pathlib
import platform
import tempfile

import plots
from cases import CASES, RELAY, TITLES
from results import verdicts

DOCS = pathlib.Path(__file__).resolve().parent.parent.parent / "docs"


def number(value, digits):
    return "-" if value is None else f"{value:,.{digits}f}"


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _with_ratio(results, case, system, metric, scale, digits):
    value = results.median(case, system, metric)
    if value is None:
        return "-"
    text = number(value / scale, digits)
    ratio = None if system == RELAY else results.ratio(case, system, metric)
    return text if ratio is None else f"{text} ({ratio:.2f})"


def rate_table(results):
    rows = []
    for case in CASES:
        cells = [_with_ratio(results, case.name, system, "rate", 1000, 0) for system in TITLES]
        if any(cell != "-" for cell in cells):
            rows.append([case.title, *cells])
    return "Highest rate with at most 0.5 % lost, in thousands a second (ratio to the relay):\n\n" + table(
        ["case", *TITLES.values()], rows)


def cost_table(results):
    rows = []
    for case in CASES:
        for rate in case.cost_rates:
            cells = [_with_ratio(results, case.name, system, f"cost_{rate}", 1, 2) for system in TITLES]
            if all(cell == "-" for cell in cells):
                continue
            lost = max(results.median(case.name, system, f"lost_{rate}") or 0 for system in TITLES)
            rows.append([case.title, f"{rate:,}", *cells, f"{100 * lost:.1f} %" if lost > 0.005 else ""])
            free = [_with_ratio(results, case.name, system, f"free_{rate}", 1, 2) for system in TITLES]
            if any(cell != "-" for cell in free):
                rows.append([f"{case.title}, placed by the scheduler", f"{rate:,}", *free, ""])
    return ("CPU microseconds a delivered datagram, client and server together (ratio to the relay), the client's end on one "
            "processor and the server's on the other; \"lost\" if any system lost more than 0.5 %:\n\n"
            + table(["case", "a second", *TITLES.values(), "lost"], rows))


def _added(results, system, quantile):
    added, ratio = results.added_rtt(system, quantile), results.added_rtt_ratio(system, quantile)
    return number(added, 0) if system == RELAY or ratio is None else f"{number(added, 0)} ({ratio:.2f})"


def rtt_table(results):
    rows = []
    for name in ("p50", "p99", "p99.9"):
        direct = results.median("base", "direct", f"rtt_{name}")
        if direct is not None:
            rows.append([name, number(direct, 0)] + [_added(results, system, name) for system in TITLES])
    return "Added RTT in microseconds at 1,000 a second (ratio to the relay), beside the RTT without anything between:\n\n" + table(
        ["", "direct", *TITLES.values()], rows)


def memory_table(results):
    rows = []
    for case in CASES:
        for end in ("client", "server"):
            cells = [number((results.median(case.name, system, f"memory_{end}") or 0) / 2**20 or None, 1) for system in TITLES]
            if case.name in ("base", "flows-1000", "clients-100") and any(cell != "-" for cell in cells):
                rows.append([case.title, end, *cells])
    return "Resident memory in MiB after the load (one client's):\n\n" + table(["case", "end", *TITLES.values()], rows)


def target_table(found, title="target (ratio to the relay, unless it says otherwise)"):
    """Of Verdicts."""
    rows = [[v.what, v.limit, f"{v.value:.2f}{v.unit and ' ' + v.unit}", "met" if v.is_met else "NOT met"] for v in found]
    return table([title, "limit", "measured", ""], rows)


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor() or platform.machine()


def machine():
    return f"{processor()}, Linux {platform.release()}"


def origin(date, command, rounds):
    return (f"Measured {date} on {machine()}, by `{command}`; medians of {rounds} rounds. Base: 3 paths, "
            "1400 bytes, 1 flow, 1 client, direct, sent with segmentation offload; each case differs in what it says.")


def document(results, date, command, rounds):
    tables = [target_table(verdicts(results)), rate_table(results), cost_table(results), rtt_table(results), memory_table(results)]
    # One that has no row ends with its header's line.
    return "\n\n".join([origin(date, command, rounds)] + [text for text in tables if not text.endswith("---|")])


def publish(script, text, figures, name="measured"):
    """Puts the text, and what the script draws from the figures (JSON), between the markers of that name in docs/performance.md."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        file.write(figures)
        file.flush()
        drawn = plots.draw_apart(script, file.name, DOCS)
    if drawn is None:
        print("no drawings: python3-matplotlib is missing (apt-get install python3-matplotlib)")
    write_docs(DOCS / "performance.md", text, drawn or [], name)


def write_docs(path, text, drawn, name="measured"):
    """Replaces what is between the markers of that name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    old = path.read_text(encoding="utf-8")
    if begin not in old or end not in old:
        raise ValueError(f"{path} has no markers: {begin} and {end}")
    before, rest = old.split(begin, 1)
    after = rest.split(end, 1)[1]
    images = "\n\n".join(f"![{title}]({file})" for file, title in drawn)
    path.write_text(f"{before}{begin}\n\n{text}\n{chr(10) + images + chr(10) if images else ''}{end}{after}", encoding="utf-8")
