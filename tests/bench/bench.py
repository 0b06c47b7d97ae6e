"""What the benchmarks share: a place of their own, and whole processes that take turns.

Whole processes are timed one after the other in an order by lot, so that what else the machine does falls on all of them
alike; the figures are medians, and what is compared are ratios in one run.
"""

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("IPCGUARD_BUILD", TESTS.parent / "build/release"))


def isolate():
    """Becomes the same program in a mount namespace of its own, whose /etc and /var/log are empty but for ipcguard's
    folders. Nothing on the host is changed."""
    if os.environ.get("IPCGUARD_BENCH") != "inside":
        os.environ["IPCGUARD_BENCH"] = "inside"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])
    for folder in "/etc", "/var/log":
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "bench", folder], check=True)
        os.mkdir(f"{folder}/ipcguard", 0o755)


def programs(work):
    """The shim, and what is compiled of *.c here, in `work`: copied there as they would be installed, since a file that a
    linker wrote can lie in memory in smaller pieces, which costs each start of it some 60 us."""
    found = {"shim": str(shutil.copy(BUILD / "ipcguard-runtime", work))}
    for source in (TESTS / "bench").glob("*.c"):
        built = work / (source.stem + ".built")
        subprocess.run(["gcc", "-O2", "-static", "-o", built, source], check=True)
        found[source.stem] = str(shutil.copy(built, work / source.stem))
    return found


def write_json(path, value):
    Path(path).write_text(json.dumps(value, separators=(",", ":")), encoding="utf-8")


def run(argv, expected):
    """The microseconds it takes."""
    actions = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_WRONLY, 0) for fd in (1, 2)]
    start = time.perf_counter_ns()
    pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=actions)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    taken = (time.perf_counter_ns() - start) / 1000
    if status != expected:
        sys.exit(f"{' '.join(argv)}: exit {status}, expected {expected}")
    return taken


def medians(commands, runs, before=lambda name: None):
    """The median of each of `commands`, {name: (argv, exit status)}; `before` each, outside of its time."""
    times = {name: [] for name in commands}
    dice = random.Random(1)
    for _ in range(runs):
        for name in dice.sample(list(commands), len(commands)):
            before(name)
            times[name].append(run(*commands[name]))
    return {name: statistics.median(values) for name, values in times.items()}
