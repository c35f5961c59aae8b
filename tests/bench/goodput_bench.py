"""What the benchmarks of goodput share: trials that are run in turn and kept, and what mpclient understands."""

import goodput_trial
from goodput_network import DIRECTIONS
from prepare import in_test
from systems import harness


def knows(build, statement):
    """Whether the programs of this build have the statement."""
    def check(test):
        config = test.file("check.conf", f"127.0.0.1 2000\n{statement}\n")
        return test.run("mpclient", "--check", config, codes=(0, 1, 2))[0] == 0
    return in_test(build, check)


class TrialBench:
    """Runs trials, and keeps their figures: a dict each, with the names of what was measured."""

    def __init__(self, options):
        self.options = options
        self.trials = []
        self.failed = 0

    def attempt(self, function, *condition):
        """Calls the function with a harness.Test and the condition. A trial that fails is left out: the others took long."""
        try:
            in_test(self.options.build, function, *condition)
        except harness.Failure as problem:
            self.failed += 1
            print(f"failed: {problem}", flush=True)

    def measure(self, session, load, names, title):
        """A trial in each direction."""
        for direction in DIRECTIONS:
            figures = goodput_trial.run(session, direction, load)
            self.trials.append(names | {"direction": direction} | figures)
            print(f"run {names['run']}/{self.options.runs}, {title}, {direction}: {goodput_trial.said(figures)}", flush=True)
            session.wait_alive()
