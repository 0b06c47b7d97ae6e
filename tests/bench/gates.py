#!/usr/bin/env python3
"""What the gates cost, as ratios of whole processes in one run: tests/bench/gates.py [RUNS [WRAPPER...]]   (as root)

WRAPPER: the path of an nvidia-container-runtime or an oci-add-hooks, to be measured beside it.

Net is what remains of a median after a runtime that does nothing is subtracted; it is divided by the net of a static C
program that reads the same config.json and becomes the same runtime (floor.c).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import bench

LIMITS = {"pass-through": 1.5, "create gate, private": 2.5, "start gate": 3}  # design 9
PEAK_LIMIT = 4 << 10  # KiB


def bundle(folder, change=lambda config: None):
    config = json.loads((bench.TESTS / "fixtures/001-docker-plain/config.json").read_text())
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
    bench.write_json(folder / "config.json", config)
    return str(folder)


def without_ipc(config):
    config["linux"]["namespaces"] = [one for one in config["linux"]["namespaces"] if one["type"] != "ipc"]


def in_pod(path):
    """Of a pod, as containerd has it: joins the namespace of its sandbox "waits"."""

    def change(config):
        without_ipc(config)
        config["linux"]["namespaces"].append({"type": "ipc", "path": path})
        config["annotations"] = {"io.kubernetes.cri.container-type": "container",
                                 "io.kubernetes.cri.sandbox-id": "waits"}

    return change


def created(folder, root):
    """A container that waits to be started, by the real runtime; it is a pod's sandbox, too. Its init's number."""
    shutil.copytree("/bin", folder / "rootfs/bin", ignore=lambda _, names: [n for n in names if n != "busybox"])
    subprocess.run(["runc", "spec", "--bundle", folder], check=True)
    config = json.loads((folder / "config.json").read_text())
    config["process"].update({"terminal": False, "args": ["/bin/busybox", "true"]})
    config["linux"].pop("resources", None)
    config["annotations"] = {"io.kubernetes.cri.container-type": "sandbox", "io.kubernetes.cri.sandbox-id": "waits"}
    bench.write_json(folder / "config.json", config)
    with open(os.devnull, "r+", encoding="utf-8") as null:
        subprocess.run(["runc", "--root", root, "create", "--bundle", folder, "waits"],
                       check=True, stdin=null, stdout=null, stderr=null)
    return json.loads(subprocess.run(["runc", "--root", root, "state", "waits"], check=True, stdout=subprocess.PIPE)
                      .stdout)["pid"]


def policy(runtime):
    bench.write_json("/etc/ipcguard/config.json", {"runtimes": {"default": runtime}})
    os.mkdir("/etc/ipcguard/allowlist.d")
    bench.write_json("/etc/ipcguard/allowlist.d/a.json", {"exceptions": [
        {"name": "e", "reason": "r", "match": {"engine": "unknown", "id": "excepted"}, "allow": ["host-ipc"]}]})


def wrapped(path, folder, noop):
    """A create by another wrapper of runtimes, which rewrites the config.json of a bundle of its own."""
    one = folder / path.name
    one.mkdir()
    argv = ["create", "--bundle", bundle(one), "x"]
    if path.name == "oci-add-hooks":
        bench.write_json(folder / "hooks.json", {"hooks": {}})
        return [str(path), "--hook-config-path", str(folder / "hooks.json"), "--runtime-path", noop, *argv], 0
    os.environ["PATH"] += f":{path.parent}"  # where its hook is
    os.makedirs("/etc/nvidia-container-runtime", exist_ok=True)
    Path("/etc/nvidia-container-runtime/config.toml").write_text(
        f'[nvidia-container-runtime]\nruntimes = ["{noop}"]\n', encoding="utf-8")
    return [str(path), *argv], 0


def peak(program, argv):
    return int(subprocess.run([program, *argv], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    wrappers = [Path(one).resolve() for one in sys.argv[2:]]
    bench.isolate()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        built = bench.programs(work)
        noop, shim, root = built["noop"], built["shim"], str(work / "state")
        policy(noop)
        for one in ("plain", "shared", "pod", "waits"):
            (work / one).mkdir()
        plain, shared = bundle(work / "plain"), bundle(work / "shared", without_ipc)
        try:
            pod = bundle(work / "pod", in_pod(f"/proc/{created(work / 'waits', root)}/ns/ipc"))
            os.chdir(plain)  # where the floor program reads
            commands = {
                "runtime alone": ([noop], 0),
                "floor": ([built["floor"], noop], 0),
                "pass-through": ([shim, "state", "x"], 0),
                "create gate, private": ([shim, "create", "--bundle", plain, "x"], 0),
                "create gate, pod member": ([shim, "--root", root, "create", "--bundle", pod, "x"], 0),
                "create gate, excepted": ([shim, "create", "--bundle", shared, "excepted"], 0),
                "create gate, refused": ([shim, "create", "--bundle", shared, "x"], 1),
                "start gate": ([shim, "--root", root, "start", "waits"], 0),
            }
            commands |= {path.name: wrapped(path, work, noop) for path in wrappers}
            times = bench.medians(commands, runs)
            peaks = {what: peak(built["peak"], argv) for what, (argv, _) in commands.items()}
        finally:
            subprocess.run(["runc", "--root", root, "delete", "--force", "waits"], check=True)
    alone, base = times["runtime alone"], times["floor"] - times["runtime alone"]
    print(f"{'':24}{'median us':>10}{'net us':>8}{'/ floor':>9}{'limit':>7}{'peak KiB':>10}{'limit':>7}")
    for what, median in times.items():
        print(f"{what:24}{median:10.0f}{median - alone:8.0f}{(median - alone) / base:9.2f}{LIMITS.get(what, ''):>7}"
              f"{peaks[what]:10}{PEAK_LIMIT if what in LIMITS else '':>7}")


main()
