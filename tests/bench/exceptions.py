#!/usr/bin/env python3
"""What exceptions cost, from none to 10,000, in whole runs of `ipcguard-runtime create`: tests/bench/exceptions.py [RUNS]
(as root)

The container shares the host's IPC and no exception matches it, so that each is read and tried, and the shim ends with
its refusal. Beside it stands a private container, for which the allowlist is not read. It prints the time for one exception,
which is what a size adds to the run without exceptions, and two ratios: 10,000 against 1,000 (design 9: not above 1,
beyond what one run differs from the next), and the private container's with 10,000 against without.
"""

import os
import sys
import tempfile
from pathlib import Path

import bench

SIZES = (0, 1, 10, 100, 1000, 10000)
PRIVATE_SIZES = (0, 10000)


def exception(number):
    """As a large fleet would have it: every other one is tried to its last condition, the rest fail at the engine."""
    engine = {"engine": "unknown", "id": "*", "bundle": f"/srv/tenant-{number}/*"} if number % 2 else {
        "engine": "docker", "image": [f"registry.example.com/team-{number}/tool:*"], "labels": {"team": str(number)}}
    return {"name": f"exception-{number}", "reason": f"moves frames through shared memory, SEC-{number}",
            "owner": f"team-{number}", "expires": "2999-12-31", "match": engine, "allow": ["host-ipc", "host-shm"]}


def write_bundle(folder, namespaces):
    os.makedirs(f"{folder}/rootfs")
    bench.write_json(f"{folder}/config.json", {
        "ociVersion": "1.0.2", "process": {"args": ["true"], "cwd": "/", "user": {"uid": 0, "gid": 0}},
        "root": {"path": "rootfs"}, "linux": {"namespaces": [{"type": name} for name in namespaces]}})


def set_policy(folder):
    """In one step, outside of the time that is measured."""
    os.symlink(folder, "/etc/ipcguard/allowlist.new")
    os.rename("/etc/ipcguard/allowlist.new", "/etc/ipcguard/allowlist.d")


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    bench.isolate()
    with tempfile.TemporaryDirectory() as name:
        built = bench.programs(Path(name))
        # The refusal is the shim's own end; for the private container the runtime should cost as little as can be.
        bench.write_json("/etc/ipcguard/config.json", {"runtimes": {"default": built["noop"]}})
        write_bundle(f"{name}/shared", ["pid", "mount"])
        write_bundle(f"{name}/private", ["pid", "mount", "ipc"])
        for size in SIZES:
            os.mkdir(f"/etc/ipcguard/{size}", 0o755)
            bench.write_json(f"/etc/ipcguard/{size}/all.json", {"exceptions": [exception(n) for n in range(size)]})
        variants = [("shared", size, 1) for size in SIZES] + [("private", size, 0) for size in PRIVATE_SIZES]
        commands = {(bundle, size): ([built["shim"], "create", "--bundle", f"{name}/{bundle}", "bench"], status)
                    for bundle, size, status in variants}
        times = bench.medians(commands, runs, lambda variant: set_policy(f"/etc/ipcguard/{variant[1]}"))
    each = {size: (times["shared", size] - times["shared", 0]) / size for size in SIZES if size}
    for (bundle, size), median in times.items():
        per = f", {each[size]:7.2f} us an exception" if bundle == "shared" and size else ""
        print(f"{bundle:7} {size:5} exceptions: {median / 1000:7.2f} ms{per}")
    print(f"ratio for one exception, 10,000 to 1,000: {each[10000] / each[1000]:.2f}")
    print(f"ratio for a private container, 10,000 to none: {times['private', 10000] / times['private', 0]:.3f}")


main()
