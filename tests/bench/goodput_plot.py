"""A drawing (SVG) for each setup: goodput against what each path loses. Needs Debian's python3-matplotlib.

    python3 tests/bench/goodput_plot.py FIGURES.json FOLDER      # from what `tests/bench/goodput --json` wrote
"""

import json
import pathlib
import sys

import plots
from goodput_cases import CASES, COPIES, ONE, ONE_REPAIR, REPAIR, SETUPS, all_losses
from goodput_network import DIRECTIONS
from goodput_report import Figures

STYLES = {ONE: ("#555555", "o"), COPIES: ("#1b7837", "s"), REPAIR: ("#2166ac", "^"), ONE_REPAIR: ("#b2182b", "v")}


def draw(figures, folder):
    """Writes a drawing for each setup of which there are two losses or more. Returns (file name, title) of each."""
    plots.prepare()
    drawn = []
    for setup in figures.of(SETUPS, "setup"):
        losses = [loss for loss in all_losses(figures.trials) if loss.percent is not None
                  and figures.median(setup, loss, COPIES, "up", "mbit_s") is not None]
        if len(losses) > 1:
            name, title = f"performance-goodput-{setup.name}.svg", f"TCP goodput against loss: {setup.title}"
            _draw(figures, setup, losses, folder / name)
            drawn.append((name, title))
    return drawn


def _draw(figures, setup, losses, path):
    figure, both = plots.pair()
    for axes, direction in zip(both, DIRECTIONS):
        for case in figures.of(CASES, "case"):
            points = [(loss.percent, figures.median(setup, loss, case, direction, "mbit_s")) for loss in losses]
            known = [(x, y) for x, y in points if y is not None]
            color, marker = STYLES[case]
            axes.plot([x for x, _ in known], [y for _, y in known], color=color, marker=marker, label=case.title)
        plots.finish(axes, f"each path loses, in percent ({direction})", [loss.percent for loss in losses])
    plots.save(figure, both[0], "TCP goodput in Mbit/s", path)


if __name__ == "__main__":
    found = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    plots.say(draw(Figures(found["trials"]), pathlib.Path(sys.argv[2])))
