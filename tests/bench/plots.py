"""Two drawings (SVG): rates and costs against paths and sizes. Needs Debian's python3-matplotlib.

    python3 tests/bench/plots.py FIGURES.json FOLDER      # from what `tests/bench/run --json` wrote
"""

import json
import pathlib
import subprocess
import sys

from cases import AES, NONE, RELAY, TITLES
from results import Results

SERIES = ((RELAY, "#555555", "o"), (NONE, "#1b7837", "s"), (AES, "#2166ac", "^"))
PATHS = ((1, "paths-1"), (3, "base"), (8, "paths-8"))
SIZES = ((64, "size-64"), (512, "size-512"), (1400, "base"))
FILES = {
    "rate": ("performance-rate.svg", "Highest rate against paths and sizes"),
    "cost": ("performance-cost.svg", "CPU time a datagram against paths and sizes"),
}


def draw_apart(script, figures, folder):
    """Runs a script that draws from a file of figures with a Python that has matplotlib: this one, or the system's. Returns
    (file name, title) of each drawing, or None if none has it."""
    for python in (sys.executable, "/usr/bin/python3"):
        probe = subprocess.run([python, "-c", "import matplotlib"], check=False, capture_output=True)
        if probe.returncode == 0:
            done = subprocess.run([python, "-B", script, figures, folder], check=True, capture_output=True, text=True)
            return [tuple(line.split("\t")) for line in done.stdout.splitlines()]
    return None


def prepare():
    """Before anything is drawn."""
    import matplotlib  # pylint: disable=import-outside-toplevel
    matplotlib.use("svg")
    # The same bytes for the same figures.
    matplotlib.rcParams.update({"svg.hashsalt": "mptunnel", "svg.fonttype": "none", "font.size": 10})


def pair():
    """A figure, and its two axes side by side with one scale."""
    from matplotlib.figure import Figure  # pylint: disable=import-outside-toplevel
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    return figure, figure.subplots(1, 2, sharey=True)


def finish(axes, label, ticks):
    """What lies below the lines."""
    axes.set_xlabel(label)
    axes.set_xticks(ticks)
    axes.grid(True, color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def save(figure, left, unit, path):
    """Writes a pair; `left` is the left axes."""
    # Both share it: only once all is drawn.
    left.set_ylim(bottom=0)
    left.set_ylabel(unit)
    left.legend(frameon=False)
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def say(drawn):
    """Tells draw_apart()."""
    for drawing in drawn:
        print("\t".join(drawing))


def draw(results, folder):
    """Writes what there are figures for. Returns (file name, title) of each."""
    prepare()
    drawn = []
    for metric, scale, unit, kind in (("rate", 1000, "thousand datagrams a second", "rate"),
                                      ("cost_50000", 1, "CPU µs a datagram, at 50,000 a second", "cost")):
        if all(results.median(case, AES, metric) is not None for _, case in PATHS + SIZES):
            name, title = FILES[kind]
            _draw_pair(results, metric, scale, unit, folder / name)
            drawn.append((name, title))
    return drawn


def _draw_pair(results, metric, scale, unit, path):
    figure, (left, right) = pair()
    for axes, points, label in ((left, PATHS, "paths (1400 bytes)"), (right, SIZES, "bytes a datagram (3 paths)")):
        for system, color, marker in SERIES:
            values = [(results.median(case, system, metric) or 0) / scale for _, case in points]
            axes.plot([x for x, _ in points], values, color=color, marker=marker, label=TITLES[system])
        finish(axes, label, [x for x, _ in points])
    save(figure, left, unit, path)


if __name__ == "__main__":
    found = Results()
    found.values = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))["cases"]
    say(draw(found, pathlib.Path(sys.argv[2])))
