#!/usr/bin/env python3
"""What exceptions cost: whole runs of `ipcguard-runtime create` with none, 1,000 and 10,000 of them.

Usage, as root: tests/bench/exceptions.py [--rounds N] [--build DIR]

The container shares the host's IPC and no exception matches it, so that each is read and tried, and the shim ends with
its refusal. Beside it stands a private container, for which the allowlist is not read. All variants take turns, in
an order by lot, so that what else the machine does falls on all of them alike; the figures are medians. It prints the time for one exception,
which is what a size adds to the run without exceptions, and two ratios: 10,000 against 1,000 (design 9: not above 1,
beyond what one run differs from the next), and the private container's with 10,000 against without.

Nothing on the host is changed: policy and log are on file systems of a mount namespace of its own.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

SIZES = (0, 1000, 10000)
PRIVATE_SIZES = (0, 10000)


def exception(number):
    """As a large fleet would have it: every other one is tried to its last condition, the rest fail at the engine."""
    engine = {"engine": "unknown", "id": "*", "bundle": f"/srv/tenant-{number}/*"} if number % 2 else {
        "engine": "docker", "image": [f"registry.example.com/team-{number}/tool:*"], "labels": {"team": str(number)}}
    return {"name": f"exception-{number}", "reason": f"moves frames through shared memory, SEC-{number}",
            "owner": f"team-{number}", "expires": "2999-12-31", "match": engine, "allow": ["host-ipc", "host-shm"]}


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)


def write_bundle(folder, namespaces):
    os.makedirs(f"{folder}/rootfs")
    write_json(f"{folder}/config.json", {
        "ociVersion": "1.0.2", "process": {"args": ["true"], "cwd": "/", "user": {"uid": 0, "gid": 0}},
        "root": {"path": "rootfs"}, "linux": {"namespaces": [{"type": name} for name in namespaces]}})


def set_policy(folder):
    """In one step, outside of the time that is measured."""
    os.symlink(folder, "/etc/ipcguard/allowlist.new")
    os.rename("/etc/ipcguard/allowlist.new", "/etc/ipcguard/allowlist.d")


def run(command, status):
    """The seconds it takes."""
    begin = time.perf_counter()
    pid = os.posix_spawn(command[0], command, {}, file_actions=[
        (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)])
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    seconds = time.perf_counter() - begin
    if ended != status:
        sys.exit(f"{' '.join(command)}: status {ended} and not {status}")
    return seconds


def isolate():
    """Becomes the same program in a mount namespace of its own, whose /etc and /var/log are empty."""
    if "--isolated" not in sys.argv:
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv, "--isolated"])
    for folder in "/etc", "/var/log":
        subprocess.run(["mount", "-t", "tmpfs", "bench", folder], check=True)
    os.mkdir("/etc/ipcguard", 0o755)
    # The refusal is the shim's own end; for the private container the runtime should cost as little as can be.
    write_json("/etc/ipcguard/config.json", {"runtimes": {"default": "/bin/true"}})


def measure(shim, rounds, scratch):
    """Lists of seconds by (bundle, size)."""
    write_bundle(f"{scratch}/shared", ["pid", "mount"])
    write_bundle(f"{scratch}/private", ["pid", "mount", "ipc"])
    for size in SIZES:
        os.makedirs(f"/etc/ipcguard/{size}", 0o755)
        write_json(f"/etc/ipcguard/{size}/all.json", {"exceptions": [exception(number) for number in range(size)]})
    variants = [("shared", size, 1) for size in SIZES] + [("private", size, 0) for size in PRIVATE_SIZES]
    times = {variant[:2]: [] for variant in variants}
    dice = random.Random(1)
    for _ in range(rounds):
        for bundle, size, status in dice.sample(variants, len(variants)):
            set_policy(f"/etc/ipcguard/{size}")
            seconds = run([shim, "create", "--bundle", f"{scratch}/{bundle}", "bench"], status)
            times[bundle, size].append(seconds)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--build", default=os.path.join(os.path.dirname(__file__), "../../build/release"))
    parser.add_argument("--isolated", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    isolate()
    with tempfile.TemporaryDirectory() as scratch:
        times = measure(os.path.abspath(f"{options.build}/ipcguard-runtime"), options.rounds, scratch)
    medians = {variant: statistics.median(seconds) for variant, seconds in times.items()}
    each = {size: (medians["shared", size] - medians["shared", 0]) / size for size in SIZES if size}
    for (bundle, size), median in medians.items():
        per = f", {each[size] * 1e6:5.2f} us an exception" if bundle == "shared" and size else ""
        print(f"{bundle:7} {size:5} exceptions: {median * 1e3:7.2f} ms{per}")
    print(f"ratio for one exception, 10,000 to 1,000: {each[10000] / each[1000]:.2f}")
    print(f"ratio for a private container, 10,000 to none: {medians['private', 10000] / medians['private', 0]:.3f}")


if __name__ == "__main__":
    main()
