"""A drawing (SVG) for each group of profiles: each path alone, the sum, and all together. Needs Debian's python3-matplotlib.

    python3 tests/bench/aggregate_plot.py FIGURES.json FOLDER      # from what `tests/bench/goodput --aggregate --json` wrote
"""

import json
import pathlib
import sys

import plots
from aggregate_report import AggregateFigures
from goodput_network import DIRECTIONS
from goodput_profiles import GROUPS

ALONE_COLORS, TOGETHER_COLOR, TARGET_COLOR = ("#bbbbbb", "#999999", "#777777"), "#2166ac", "#b2182b"
WIDTH = 0.4


def draw(figures, folder):
    """Writes a drawing for each group of which there are profiles. Returns (file name, title) of each."""
    plots.prepare()
    drawn = []
    for group in GROUPS:
        if figures.profiles(group):
            name, title = f"performance-aggregate-{group.name}.svg", f"{group.title}: TCP goodput beside each path alone"
            _draw(figures, group, folder / name)
            drawn.append((name, title))
    return drawn


def _draw(figures, group, path):
    figure, both = plots.pair()
    for axes, direction in zip(both, DIRECTIONS):
        for at, profile in enumerate(figures.profiles(group)):
            _draw_profile(axes, figures, profile, direction, at, labels=at == 0)
        axes.set_axisbelow(True)
        axes.set_axisbelow(True)
        plots.finish(axes, f"paths ({direction})", range(len(figures.profiles(group))))
        axes.set_xticklabels([profile.name for profile in figures.profiles(group)], rotation=60, ha="right", rotation_mode="anchor")
    plots.save(figure, both[0], "TCP goodput in Mbit/s", path)


def _draw_profile(axes, figures, profile, direction, at, labels):
    """Its paths alone on top of one another, what all carry together beside them, and across both the least that is asked for."""
    below = 0
    for number, goodput in enumerate(figures.alone(profile, direction)):
        axes.bar(at - WIDTH / 2, goodput or 0, WIDTH, below, color=ALONE_COLORS[number % len(ALONE_COLORS)],
                 label="each path alone" if labels and number == 0 else None)
        below += goodput or 0
    axes.bar(at + WIDTH / 2, figures.together(profile, direction, "mbit_s") or 0, WIDTH, color=TOGETHER_COLOR,
             label=f"scheduler {figures.scheduler}" if labels else None)
    compared = figures.combined(profile.group.combine, profile, direction)
    least = profile.least_mbit_s or (compared and profile.least_share * compared)
    if least:
        axes.hlines(least, at - WIDTH, at + WIDTH, color=TARGET_COLOR, label="target" if labels else None)


if __name__ == "__main__":
    found = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    plots.say(draw(AggregateFigures(found["trials"]), pathlib.Path(sys.argv[2])))
