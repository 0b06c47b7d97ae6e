#!/usr/bin/env python3
"""What a config.json costs by its size: whole runs of `ipcguard-runtime create`: tests/bench/documents.py [RUNS]   (as
root). Design 9: the time for a byte is no higher at 10 MB than at a tenth of it."""

import sys
import tempfile
from pathlib import Path

import bench

SIZES = (1 << 10, 10 << 10, 100 << 10, 1 << 20, 10 << 20)


def document(size):
    """A private container's, which variables of its environment and labels make that large."""
    config = {"ociVersion": "1.0.2", "process": {"args": ["true"], "cwd": "/", "user": {"uid": 0, "gid": 0}, "env": []},
              "root": {"path": "rootfs"}, "annotations": {},
              "linux": {"namespaces": [{"type": name} for name in ("pid", "mount", "ipc")]}}
    pair = 180  # bytes that the two below take
    for number in range(size // pair):
        config["process"]["env"].append(f"SERVICE_{number:06}_ADDRESS=tcp://service-{number:06}.internal.example.com:8080")
        config["annotations"][f"com.example.team/label-{number:06}"] = f"what it says: \"{number:06}\", at some length, é"
    return config


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    bench.isolate()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        built = bench.programs(work)
        bench.write_json("/etc/ipcguard/config.json", {"runtimes": {"default": built["noop"]}})
        commands, sizes = {}, {}
        for size in SIZES:
            (work / f"{size}/rootfs").mkdir(parents=True)
            bench.write_json(work / f"{size}/config.json", document(size))
            sizes[size] = (work / f"{size}/config.json").stat().st_size
            commands[size] = ([built["shim"], "create", "--bundle", str(work / str(size)), "x"], 0)
        times = bench.medians(commands, runs)
    each = {size: (times[size] - times[SIZES[0]]) / (sizes[size] - sizes[SIZES[0]]) * 1000 for size in SIZES[1:]}
    for size in SIZES:
        print(f"{sizes[size]:9} bytes: {times[size] / 1000:8.2f} ms" +
              (f", {each[size]:6.1f} ns a byte" if size in each else ""))
    print(f"ratio for one byte, 10 MB to 1 MB: {each[SIZES[-1]] / each[SIZES[-2]]:.2f}")


main()
