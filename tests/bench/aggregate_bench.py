"""Runs the trials of `tests/bench/goodput --aggregate`: in each run each path of a profile alone, and all of them together."""

import aggregate_plot
import aggregate_report
from goodput_bench import TrialBench, knows
from goodput_cases import SETUPS
from goodput_network import Session
from goodput_profiles import alone_name
from goodput_trial import Load
from systems import harness

START_UP_S = 5  # of a stream, not measured
SETUP = SETUPS[0]
ALONE = ("scheduler copies", "repair no")


class AggregateBench(TrialBench):
    """Over paths of unequal rate and delay, for the sum of them."""

    marker, script = "aggregate", aggregate_plot.__file__

    def __init__(self, options):
        super().__init__(options)
        scheduler = f"scheduler {options.scheduler}"
        harness.check(knows(options.build, scheduler), f"mpclient does not know '{scheduler}'")
        self._together = (scheduler, "repair auto")

    def run(self):
        for run in range(1, self.options.runs + 1):
            for profile in self.options.only:
                for path in dict.fromkeys(profile.alone):
                    name = alone_name(path, profile.streams)
                    # Profiles share what a path carries alone.
                    if not self._has(run, name):
                        self.attempt(self._measure, run, name, (path,), profile.streams, ALONE)
                self.attempt(self._measure, run, profile.name, profile.paths, profile.streams, self._together)

    def _has(self, run, name):
        return any((trial["run"], trial["case"]) == (run, name) for trial in self.trials)

    def _measure(self, test, run, name, paths, streams, statements):
        session = Session(test, name, paths, SETUP, 100 * run)
        session.start(statements)
        load = Load(self.options.seconds, START_UP_S, streams, pings_start_up=False)
        self.measure(session, load, {"run": run, "case": name, "scheduler": self.options.scheduler}, name)

    def document(self, date, command):
        return aggregate_report.document(aggregate_report.AggregateFigures(self.trials), date, command, self.options.runs)
