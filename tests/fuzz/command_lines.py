#!/usr/bin/env python3
"""Random command lines through the shim to the real runtimes: tests/fuzz/command_lines.py [COUNT] [SEED]   (as root)

Whatever the arguments are: no container comes to be from a bundle that shares the host's IPC namespace, and none that
was created with it is started. Lines are made of what runc, crun and youki read differently. Each runtime gets COUNT of
them (default 400). Nothing of the host is touched: mounts, policy and state are the script's own.
"""

import json, os, random, re, shutil, signal, subprocess, sys, tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SHIM = REPOSITORY / os.environ.get("IPCGUARD_BUILD", "build/release") / "ipcguard-runtime"
RUNTIMES = {"runc": "/usr/bin/runc", "crun": "/usr/bin/crun"}

GLOBALS = ["--root", "--root=ROOT", "--log", "--log=LOG", "--log-format", "--log-format=json", "--debug", "--systemd-cgroup=false",
           "--rootless=false", "--rootless", "--", "-", "", "-h", "--cgroup-manager=disabled", "--criu", "--version", "-v", "-root", "-root=ROOT"]
OPTIONS = ["--bundle", "-b", "--bundle=SHARED", "--bundle=PRIVATE", "-b=SHARED", "-bSHARED", "-bundle", "-bundle=SHARED", "--bun", "--bundl=SHARED",
           "--bundle=", "--pid-file", "--pid-file=P", "--no-pivot", "--no-pivot=false", "--no-new-keyring", "--preserve-fds", "--preserve-fds=0",
           "-f", "--config=SHARED/config.json", "--detach", "-d", "--keep", "--", "-", "", " ", "-h", "--help", "--console-socket", "--force"]
VALUES = ["SHARED", "PRIVATE", "SHARED", "ROOT", "x", "y", "waiting", "json", "0", "config.json", " --bundle", "SHARED "]
COMMANDS = ["create", "create", "create", "run", "start", "start", "exec", "restore", "spec", "state", "list", "crEate", "creat", "st", "Start"]


def line(random):
    """One call: as engines send it, or global options, a command, and a shuffle of options, values and an id."""
    if random.random() < 0.2:
        return ["--root", "ROOT", "create", "--bundle", random.choice(["PRIVATE", "SHARED"]), *random.choice([[], ["--no-pivot"], ["--pid-file", "P"]]), "x"]
    words = ["--root", "ROOT"] if random.random() < 0.8 else []
    words += [random.choice(GLOBALS) for _ in range(random.choice([0, 0, 0, 1, 2]))]
    words.append(random.choice(COMMANDS))
    rest = [random.choice(OPTIONS) if random.random() < 0.6 else random.choice(VALUES) for _ in range(random.randrange(5))]
    if random.random() < 0.6:
        at = random.randrange(len(rest) + 1)
        rest[at:at] = [random.choice(["--bundle", "-b"]), random.choice(["SHARED", "PRIVATE"])]
    rest.insert(random.choice([len(rest), len(rest), random.randrange(len(rest) + 1)]), random.choice(["x", "waiting"]))
    return words + rest


def make_bundle(folder, shared):
    rootfs = folder / "rootfs"
    (rootfs / "bin").mkdir(parents=True)
    shutil.copy("/bin/busybox", rootfs / "bin/busybox")
    subprocess.run(["runc", "spec", "--bundle", folder], check=True)
    config = json.loads((folder / "config.json").read_text())
    config["process"].update(terminal=False, args=["/bin/busybox", "sleep", "1000"])
    config["process"].pop("rlimits", None)
    config["linux"].pop("resources", None)
    if shared:
        config["linux"]["namespaces"] = [one for one in config["linux"]["namespaces"] if one["type"] != "ipc"]
        config["mounts"] = [one for one in config["mounts"] if one["type"] != "mqueue"]
    (folder / "config.json").write_text(json.dumps(config))
    return folder


class Host:
    """One runtime with a state folder of its own, and a container that waits to be started."""

    def __init__(self, work, name):
        self.work, self.name, self.runtime = work / name, name, RUNTIMES[name]
        self.work.mkdir()
        self.root = self.work / "root"
        self.shared, self.private = make_bundle(self.work / "shared", True), make_bundle(self.work / "private", False)
        self.names = {"SHARED": self.shared, "PRIVATE": self.private, "ROOT": self.root, "LOG": self.work / "log", "P": self.work / "pid"}

    def bare(self, *arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):  # a container keeps its stdout: no pipe where one may begin
        globals_ = ["--cgroup-manager=disabled"] if self.name == "crun" else []
        return subprocess.run([self.runtime, *globals_, "--root", str(self.root), *arguments], cwd=self.work, timeout=60,
                              stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, text=True)

    def state(self, container):
        answer = self.bare("state", container, stdout=subprocess.PIPE)
        return json.loads(answer.stdout) if answer.returncode == 0 else None

    def prepare(self):
        state = self.state("waiting")
        if state is None or state["status"] != "created":
            self.bare("delete", "--force", "waiting")
            self.bare("create", "--bundle", str(self.shared), "waiting")
        state = self.state("waiting")
        if state is None:
            sys.exit(f"{self.name} cannot create a container here: " + self.bare("create", "--bundle", str(self.shared), "waiting", stderr=subprocess.PIPE).stderr)
        return state["pid"]

    def call(self, words):
        arguments = [re.sub("SHARED|PRIVATE|ROOT|LOG|^P$|(?<==)P$", lambda found: str(self.names[found[0]]), word) for word in words]
        if self.name == "crun" and "--cgroup-manager=disabled" not in arguments:
            arguments.insert(0, "--cgroup-manager=disabled")
        # In the bundle that shares: a line without --bundle means that one.
        try:
            subprocess.run([f"ipcguard-runtime.{self.name}", *arguments], executable=SHIM, cwd=self.shared, timeout=60, start_new_session=True,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            pass  # `run` in the foreground of a container that may run

    def sharers(self):
        """Processes of containers (their root is a bundle's) that are in our IPC namespace, but for the one that waits."""
        ours, found = os.stat("/proc/self/ns/ipc").st_ino, []
        for entry in os.listdir("/proc"):
            try:
                program = os.readlink(f"/proc/{entry}/exe") if entry.isdigit() else ""
                if program.endswith("/bin/busybox") and os.stat(f"/proc/{entry}/ns/ipc").st_ino == ours \
                        and "sleep\0" + "1000" in Path(f"/proc/{entry}/cmdline").read_text() \
                        and os.stat(f"/proc/{entry}/root/bin/busybox").st_ino == os.stat(self.shared / "rootfs/bin/busybox").st_ino:
                    found.append(int(entry))
            except OSError:
                pass
        return found

    def created(self):
        """Containers other than the one that waits, by the bundle they were made from."""
        found = []
        for folder in self.root.iterdir() if self.root.is_dir() else []:
            if folder.name != "waiting" and (state := self.state(folder.name)) and state["pid"]:
                found.append((folder.name, state["bundle"], os.stat(f"/proc/{state['pid']}/ns/ipc").st_ino))
        return found

    def clean(self):
        for folder in list(self.root.iterdir()) if self.root.is_dir() else []:
            if folder.name != "waiting":
                self.bare("delete", "--force", folder.name)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
    if os.environ.get("IPCGUARD_FUZZ") != "inside":
        os.environ["IPCGUARD_FUZZ"] = "inside"
        os.execvp("unshare", ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", sys.executable, *sys.argv[:1], str(count), str(seed)])
    for folder in ("/etc", "/var/log", "/run"):  # a policy and records of our own
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "none", folder], check=True)
    if os.path.ismount("/sys/fs/cgroup/unified"):  # crun does not work with the hybrid hierarchy
        subprocess.run(["umount", "/sys/fs/cgroup/unified"], check=True)
    Path("/etc/ipcguard").mkdir()
    Path("/etc/ipcguard/config.json").write_text(json.dumps({"runtimes": {"default": RUNTIMES["runc"], **RUNTIMES}}))
    ours, failed = os.stat("/proc/self/ns/ipc").st_ino, False
    print(f"# seed {seed}")
    with tempfile.TemporaryDirectory() as name:
        for number, runtime in enumerate(RUNTIMES, 1):
            failures, admitted = 0, 0
            host, source = Host(Path(name), runtime), random.Random(f"{seed} {runtime}")
            waiting = host.prepare()
            for _ in range(count):
                words = line(source)
                host.call(words)
                wrong = [f"{one} shares the host's IPC" for one in host.created() if one[2] == ours]
                wrong += [f"process {pid} runs in the host's IPC namespace" for pid in host.sharers()]
                admitted += len(host.created())
                for problem in wrong:
                    failures += 1
                    print(f"{runtime}: {words}: {problem}")
                host.clean()
                for pid in host.sharers():
                    os.kill(pid, signal.SIGKILL)
                waiting = host.prepare()
            host.bare("delete", "--force", "waiting")
            wrong = failures > 0 or admitted == 0  # none that made a container: the lines are no good
            failed = failed or wrong
            print(f"{'not ok' if wrong else 'ok'} {number} {runtime}: {count} command lines, {admitted} of which made private containers, "
                  f"{failures} what shares the host's IPC", flush=True)
    sys.exit(failed)


main()
