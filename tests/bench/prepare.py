"""What benchmarks do before they measure: build what is missing, and open a harness.Test to start programs in."""

import os
import pathlib
import shlex
import signal
import subprocess
import sys
import types

from systems import harness

TOP = pathlib.Path(__file__).resolve().parent.parent.parent


def build_if_missing(folder, programs, *packages):
    """Builds the programs in the folder, and installs these packages besides those that building needs, if a program is missing."""
    if all((folder / program).exists() for program in programs):
        return
    script = (f'top={shlex.quote(str(TOP))}; . "$top/tests/support/setup.sh"; install "${{build_packages[@]}}" {" ".join(packages)}; '
              f'targets=({" ".join(programs)}); build {shlex.quote(str(folder))} -DCMAKE_BUILD_TYPE=Release')
    print(f"building in {folder} ...", flush=True)
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], check=True)


def in_test(build, function, *arguments):
    """Calls the function with a harness.Test before its arguments, and ends what it started. Returns what it returns."""
    test = harness.Test(types.SimpleNamespace(build=build, sanitized=False))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    failed = True
    try:
        result = function(test, *arguments)
        failed = False
    finally:
        # What was made has to go, however often somebody asks for the end.
        handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        problems = test.close(failed)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    harness.check(not problems, "; ".join(problems))
    return result


def finish(main):
    """Calls it and ends the program. Processes are started by one thread of the harness: nothing must wait for it at the end."""
    try:
        main()
    except harness.Skip as reason:
        print(f"\n*** SKIPPED: {reason} ***", file=sys.stderr)
        sys.stderr.flush()
        os._exit(harness.SKIPPED)
    except (harness.Failure, KeyboardInterrupt) as problem:
        print(f"FAILED: {problem}", file=sys.stderr)
        sys.stderr.flush()
        os._exit(1)
