#!/usr/bin/env python3
"""What the gates cost, as ratios of whole processes in one run: tests/bench/gates.py [RUNS]   (as root)

Net is what remains of a median after a runtime that does nothing is subtracted; it is divided by the net of a static C
program that reads the same config.json and becomes the same runtime (floor.c). Nothing of the host is touched: it runs
in a mount namespace of its own, with a policy of its own.
"""

import json, os, shutil, statistics, subprocess, sys, tempfile, time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
SHIM = TESTS.parent / "build/release/ipcguard-runtime"


def medians(commands, runs):
    """The median wall time of each command, in microseconds: one after the other, so that all see the same weather."""
    times = {name: [] for name in commands}
    with open(os.devnull, "w") as null:
        actions = [(os.POSIX_SPAWN_DUP2, null.fileno(), fd) for fd in (1, 2)]
        for _ in range(runs):
            for name, (argv, expected) in commands.items():
                start = time.perf_counter_ns()
                pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=actions)
                status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                times[name].append(time.perf_counter_ns() - start)
                if status != expected:
                    sys.exit(f"{name}: exit {status}, expected {expected}: {' '.join(argv)}")
    return {name: statistics.median(values) / 1000 for name, values in times.items()}


def private_mounts():
    if os.environ.get("IPCGUARD_BENCH") != "inside":
        os.environ["IPCGUARD_BENCH"] = "inside"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, *sys.argv])
    for folder in ("/etc/ipcguard", "/var/log/ipcguard"):
        if not os.path.isdir(folder):
            sys.exit(f"{folder} is missing: run install.sh, or mkdir it")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "none", folder], check=True)


def bundle(folder, change=lambda config: None):
    config = json.loads((TESTS / "fixtures/001-docker-plain/config.json").read_text())
    for place in [config["root"]["path"], *(m["source"] for m in config["mounts"] if m["type"] == "bind")]:
        # Files and folders as Docker has them, so that what is resolved is there.
        target = folder / ("files" + place)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    for mount in config["mounts"]:
        if mount["type"] == "bind":
            mount["source"] = str(folder / ("files" + mount["source"]))
    config["root"]["path"] = "rootfs"
    (folder / "rootfs").mkdir()
    change(config)
    (folder / "config.json").write_text(json.dumps(config, separators=(",", ":")))
    return folder


def without_ipc(config):
    config["linux"]["namespaces"] = [one for one in config["linux"]["namespaces"] if one["type"] != "ipc"]


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    private_mounts()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for program in ("noop", "floor"):
            subprocess.run(["cc", "-O2", "-static", "-o", work / program, TESTS / f"bench/{program}.c"], check=True)
        noop, floor, shim = str(work / "noop"), str(work / "floor"), str(SHIM)
        Path("/etc/ipcguard/config.json").write_text(json.dumps({"runtimes": {"default": noop}}))
        allowlist = Path("/etc/ipcguard/allowlist.d")
        allowlist.mkdir()
        exception = {"name": "e", "reason": "r", "match": {"engine": "unknown", "id": "excepted"}, "allow": ["host-ipc"]}
        (allowlist / "a.json").write_text(json.dumps({"exceptions": [exception]}))
        for one in ("plain", "shared"):
            (work / one).mkdir()
        plain = bundle(work / "plain")
        shared = bundle(work / "shared", without_ipc)

        # A container that waits to be started, by the real runtime.
        real = work / "real"
        real.mkdir()
        shutil.copytree("/bin", real / "rootfs/bin", ignore=lambda _, names: [n for n in names if n != "busybox"])
        subprocess.run(["runc", "spec", "--bundle", real], check=True)
        config = json.loads((real / "config.json").read_text())
        config["process"].update({"terminal": False, "args": ["/bin/busybox", "true"]})
        config["linux"].pop("resources", None)
        (real / "config.json").write_text(json.dumps(config))
        root = str(work / "state")
        with open(os.devnull, "r+") as null:
            subprocess.run(["runc", "--root", root, "create", "--bundle", real, "bench"],
                           check=True, stdin=null, stdout=null, stderr=null)
        try:
            os.chdir(plain)
            times = medians({
                "runtime alone": ([noop], 0),
                "floor": ([floor, noop], 0),
                "pass-through": ([shim, "state", "x"], 0),
                "create gate, private": ([shim, "create", "--bundle", str(plain), "x"], 0),
                "create gate, excepted": ([shim, "create", "--bundle", str(shared), "excepted"], 0),
                "create gate, refused": ([shim, "create", "--bundle", str(shared), "x"], 1),
                "start gate": ([shim, "--root", root, "start", "bench"], 0),
            }, runs)
        finally:
            subprocess.run(["runc", "--root", root, "delete", "--force", "bench"], check=True)
    base = times["floor"] - times["runtime alone"]
    limits = {"pass-through": 1.5, "create gate, private": 2.5, "start gate": 3}
    print(f"{'':24}{'median us':>10}{'net us':>8}{'/ floor':>9}{'limit':>7}")
    for what, median in times.items():
        net = median - times["runtime alone"]
        print(f"{what:24}{median:10.0f}{net:8.0f}{net / base:9.2f}{limits.get(what, ''):>7}")


main()
