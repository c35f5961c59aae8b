"""The figures of `tests/bench/goodput --aggregate` as Markdown."""

import statistics

import report
from goodput_network import DIRECTIONS
from goodput_profiles import DIES_AFTER_S, GROUPS, PROFILES, QUEUE_MS, alone_name
from goodput_report import by_run, load_text
from results import at_least, at_most


def _median(values):
    return statistics.median(values) if values else None


class AggregateFigures:
    """Trials, each a dict: run, case (a profile's name or alone_name()), scheduler, direction, and what goodput_trial.run() found."""

    def __init__(self, trials):
        self.trials = trials

    @property
    def scheduler(self):
        return self.trials[0]["scheduler"]

    def profiles(self, group):
        """Those of the group that were measured."""
        names = {trial["case"] for trial in self.trials}
        return [profile for profile in PROFILES if profile.group is group and profile.name in names]

    def together(self, profile, direction, what):
        """A figure of all paths together: the median of all runs, or None."""
        return _median(by_run(self.trials, what, case=profile.name, direction=direction).values())

    def _alone_by_run(self, profile, direction):
        return [by_run(self.trials, "mbit_s", case=alone_name(path, profile.streams), direction=direction) for path in profile.alone]

    def alone(self, profile, direction):
        """Mbit/s of each path alone, or None in place of them."""
        return [_median(runs.values()) for runs in self._alone_by_run(profile, direction)]

    def _combined_by_run(self, combine, profile, direction):
        """Of the Mbit/s of the paths alone, in the runs that know all of them."""
        each = self._alone_by_run(profile, direction)
        runs = set.intersection(*(set(one) for one in each))
        return {run: combine(one[run] for one in each) for run in runs}

    def combined(self, combine, profile, direction):
        """The sum of the paths alone, or the max: the median of the runs, or None."""
        return _median(self._combined_by_run(combine, profile, direction).values())

    def share(self, profile, direction):
        """Of what the group compares with, in the same run: the median of the runs' shares, or None."""
        ours = by_run(self.trials, "mbit_s", case=profile.name, direction=direction)
        theirs = self._combined_by_run(profile.group.combine, profile, direction)
        return _median([ours[run] / theirs[run] for run in ours if theirs.get(run)])


def _worse(worst, figure):
    """Of both directions; None unless both are known."""
    values = [figure(direction) for direction in DIRECTIONS]
    return None if None in values else worst(values)


def _verdicts(figures, profile):
    """One for each target of the profile; None in place of it where a figure is missing."""
    if profile.least_share is not None:
        share = _worse(min, lambda direction: figures.share(profile, direction))
        yield at_least(f"`{profile.name}`: goodput, to {profile.group.compared} alone", share, profile.least_share)
    if profile.least_mbit_s is not None:
        goodput = _worse(min, lambda direction: figures.together(profile, direction, "mbit_s"))
        yield at_least(f"`{profile.name}`: goodput", goodput, profile.least_mbit_s, "Mbit/s")
    if profile.most_rtt is not None:
        rtt = _worse(max, lambda direction: figures.together(profile, direction, "ping_ms"))
        yield at_most(f"`{profile.name}`: round trip beside it, p50, to the slowest path's", rtt and rtt / profile.slowest_rtt_ms,
                      profile.most_rtt)


def verdicts(figures):
    return [verdict for group in GROUPS for profile in figures.profiles(group) for verdict in _verdicts(figures, profile)]


def _target_text(found):
    known = [verdict for verdict in found if verdict]
    unjudged = len(found) - len(known)
    return "\n\n".join([report.target_table(known, "target (the worse direction)")] + (
        [f"**{unjudged} more targets are not judged**: what they need was not measured."] if unjudged else []))


def _row(figures, profile, direction):
    number = report.number
    goodput, middle, late, again, idle = (figures.together(profile, direction, what) for what in (
        "mbit_s", "ping_ms", "ping_p99_ms", "retransmits", "idle"))
    return [f"`{profile.name}`: {profile.title}", direction, " + ".join(number(one, 1) for one in figures.alone(profile, direction)),
            number(figures.combined(sum, profile, direction), 1), number(goodput, 1), number(figures.share(profile, direction), 2),
            f"{number(middle, 0)} / {number(late, 0)}", number(again, 0), "-" if idle is None else f"{100 * idle:.0f} %"]


def _group_text(figures, group):
    rows = [_row(figures, profile, direction) for profile in figures.profiles(group) for direction in DIRECTIONS]
    header = ["paths", "", "each alone", "sum", f"`{figures.scheduler}`", f"to {group.compared}", "RTT p50 / p99", "sent again", "idle"]
    return (f"**{group.title}.** TCP goodput in Mbit/s; beside all paths together: round trip of pings in ms, segments that TCP sent "
            f"again, and what the processors had left:\n\n{report.table(header, rows)}")


def document(figures, date, command, runs):
    origin = (f"Measured {date} on {report.machine()}, by `{command}`; medians of {runs} runs. A path of 50/10 has 50 Mbit/s and "
              f"10 ms each way; each has a queue of {QUEUE_MS} ms, and one that dies is dead for {DIES_AFTER_S:g} s each "
              f"{2 * DIES_AFTER_S:g} s. Each is measured alone with `scheduler copies`, `repair no`, and all together with "
              f"`scheduler {figures.scheduler}`, `repair auto`; a share is that of the same run. CUBIC streams, one unless it says "
              "otherwise.")
    groups = [_group_text(figures, group) for group in GROUPS if figures.profiles(group)]
    return "\n\n".join([origin, _target_text(verdicts(figures)), *groups, load_text(figures)])
