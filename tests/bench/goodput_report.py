"""The figures of tests/bench/goodput as Markdown."""

import statistics

import report
from goodput_cases import CASES, CLEAN, COPIES, DELAY_MS, JITTER_MS, QUEUE_BYTES, RATE_KBIT_S, REPAIR, SETUPS, all_losses
from goodput_network import DIRECTIONS


def by_run(trials, what, **names):
    """This figure of the trials with these names, by their run; of those that have it."""
    return {trial["run"]: trial[what] for trial in trials
            if trial.get(what) is not None and all(trial[field] == name for field, name in names.items())}


class Figures:
    """Trials, each a dict: run, setup, loss, case, direction (names), and what goodput_trial.run() found."""

    def __init__(self, trials):
        self.trials = trials

    def _by_run(self, setup, loss, case, direction, what):
        return by_run(self.trials, what, setup=setup.name, loss=loss.name, case=case.name, direction=direction)

    def median(self, setup, loss, case, direction, what):
        """Of all runs, or None."""
        values = self._by_run(setup, loss, case, direction, what).values()
        return statistics.median(values) if values else None

    def ratio(self, setup, loss, case, direction, what, to_loss, to_case):
        """To another case in the same run: the median of the runs' ratios, or None."""
        ours, theirs = (self._by_run(setup, *one, direction, what) for one in ((loss, case), (to_loss, to_case)))
        ratios = [ours[run] / theirs[run] for run in ours if theirs.get(run)]
        return statistics.median(ratios) if ratios else None

    def to_clean(self, setup, loss, case, direction):
        """Goodput over that of copies without repair over clean paths."""
        return self.ratio(setup, loss, case, direction, "mbit_s", CLEAN, COPIES)

    def of(self, items, field):
        """Those of the items that trials name in this field, in their order."""
        names = {trial[field] for trial in self.trials}
        return [item for item in items if item.name in names]


def _cell(figures, *where):
    value, ratio = figures.median(*where, "mbit_s"), figures.to_clean(*where)
    return report.number(value, 1) + ("" if ratio is None else f" ({ratio:.2f})")


def _pings(figures, *where):
    loss, middle, late = (figures.median(*where, what) for what in ("ping_loss", "ping_ms", "ping_p99_ms"))
    return "-" if loss is None else f"{100 * loss:.1f} %, {report.number(middle, 0)} / {report.number(late, 0)}"


def _wire(figures, *where):
    return report.number(figures.median(*where, "wire"), 2)


def _against_copies(figures, setup, loss, direction):
    ratio = figures.ratio(setup, loss, REPAIR, direction, "wire", loss, COPIES)
    return "-" if ratio is None else f"{100 * (ratio - 1):+.1f} %"


def _counted(figures, *where):
    shares = [figures.median(*where, what) for what in ("counted_before", "counted_after", "counted_overhead")]
    return ", ".join("-" if share is None else f"{100 * share:.{digits}f} %" for share, digits in zip(shares, (2, 4, 1)))


def _table(figures, setup, losses, cases, cell, extra=None):
    """A row for each loss; for each case, up and down, a cell."""
    header = ["each path loses"] + [f"{case.title}, {direction}" for case in cases for direction in DIRECTIONS]
    rows = [[loss.title] + [cell(figures, setup, loss, case, direction) for case in cases for direction in DIRECTIONS]
            for loss in losses]
    if extra:
        header += [f"{extra[0]}, {direction}" for direction in DIRECTIONS]
        rows = [row + [extra[1](figures, setup, loss, direction) for direction in DIRECTIONS] for loss, row in zip(losses, rows)]
    return report.table(header, rows)


def setup_text(figures, setup):
    """The tables of one setup."""
    of_setup = Figures([trial for trial in figures.trials if trial["setup"] == setup.name])
    losses, cases = of_setup.of(all_losses(figures.trials), "loss"), of_setup.of(CASES, "case")
    extra = ("repair to copies", _against_copies) if REPAIR in cases and COPIES in cases else None
    with_repair = [case for case in cases if case.repair]
    parts = [
        f"**{setup.title[0].upper()}{setup.title[1:]}.** TCP goodput in Mbit/s (share of that of copies over clean paths):",
        _table(of_setup, setup, losses, cases, _cell),
        "Pings beside it: lost, and round trip in ms, p50 / p99:",
        _table(of_setup, setup, losses, cases, _pings),
        "Bytes on all paths together for each byte that OpenVPN took from its device:",
        _table(of_setup, setup, losses, cases, _wire, extra)]
    if with_repair:
        parts += ["What mpclient counted: lost by all copies, lost after repair, bytes of repair to all others:",
                  _table(of_setup, setup, losses, with_repair, _counted)]
    return "\n\n".join(parts)


def load_text(figures):
    """How far the machine was from its limits."""
    idle, others = ([trial[what] for trial in figures.trials] for what in ("idle", "others"))
    busiest = max(figures.trials, key=lambda trial: trial["busiest_share"])
    dropped = sum(trial["kernel_drops"] for trial in figures.trials)
    return (f"The processors were idle for {100 * min(idle):.0f} to {100 * max(idle):.0f} % of a trial (median "
            f"{100 * statistics.median(idle):.0f} %), and other programs took up to {100 * max(others):.0f} % of them (median "
            f"{100 * statistics.median(others):.0f} %); {busiest['busiest']} took up to {100 * busiest['busiest_share']:.0f} % of one. "
            f"Bridges dropped {dropped:,} datagrams for which their receive buffers had no room. Of {len(figures.trials)} trials "
            f"{sum(trial['mbit_s'] is None for trial in figures.trials)} have no goodput, because iperf3 gave no report.")


def document(figures, date, command, runs):
    origin = (f"Measured {date} on {report.machine()}, by `{command}`; medians of {runs} runs. Each path: "
              f"{RATE_KBIT_S // 1000} Mbit/s, {DELAY_MS} ms each way and up to {JITTER_MS} ms of jitter, a queue of "
              f"{QUEUE_BYTES // 1024} KiB. One CUBIC stream.")
    return "\n\n".join([origin, *(setup_text(figures, setup) for setup in figures.of(SETUPS, "setup")), load_text(figures)])
