#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <set>
#include <system_error>

#include "admin/commands.h"
#include "admin/doctor_checks.h"
#include "host/engine.h"
#include "host/error.h"
#include "host/hard_mode.h"
#include "host/mounts.h"
#include "host/namespaces.h"
#include "host/text.h"

namespace admin {

namespace {

constexpr ino_t initial_pid_namespace = 4026531836;  // include/linux/proc_ns.h, PROC_PID_INIT_INO

const std::vector<std::string> shim_places = {"/usr/local/bin/ipcguard-runtime", "/usr/bin/ipcguard-runtime"};

// Where runtimes lie that are on nobody's PATH, but that engines and tools are known to be pointed at.
const std::vector<std::string> side_folders = {"/opt/bin",
                                               "/opt/kata/bin",
                                               "/opt/kata/runtime-rs/bin",
                                               "/opt/nvidia/toolkit",
                                               "/run/nvidia/toolkit",
                                               "/root/bin",
                                               "/snap/docker/current/bin",
                                               "/snap/microk8s/current/bin",
                                               "/usr/lib/cri-o-runc/sbin",
                                               "/usr/lib/docker",
                                               "/usr/lib/podman",
                                               "/usr/libexec",
                                               "/usr/libexec/crio",
                                               "/usr/libexec/docker",
                                               "/usr/libexec/podman",
                                               "/usr/local/libexec",
                                               "/usr/local/nvidia/toolkit",
                                               "/var/lib/k0s/bin",
                                               "/var/lib/rancher/k3s/data/current/bin",
                                               "/var/lib/rancher/rke2/bin"};

// Folders as they are without links, so that each is looked at once. Those that do not exist are left out.
std::set<std::string> without_links(const std::set<std::string>& folders) {
  std::set<std::string> out;
  for (const std::string& folder : folders)
    if (std::string path = host::without_links(folder); !path.empty()) out.insert(std::move(path));
  return out;
}

}  // namespace

void check_sight(Diagnosis& diagnosis) {
  if (geteuid() != 0)
    diagnosis.add("not-root", Severity::critical, "this program",
                  "it runs as user " + std::to_string(geteuid()) + ", who cannot see what engines go by",
                  "sudo ipcguard doctor");
  struct statfs proc {};
  if (statfs("/proc", &proc) != 0 || proc.f_type != PROC_SUPER_MAGIC)
    diagnosis.add("proc-hidden", Severity::critical, "/proc",
                  "it is not the kernel's: engines that run cannot be found", "mount -t proc proc /proc");
  try {
    for (const host::Mount& mount : host::mounts_of(AT_FDCWD)) {
      constexpr std::string_view folder = "/proc/";
      if (!mount.point.starts_with(folder) || std::isdigit(static_cast<unsigned char>(mount.point[folder.size()])) == 0)
        continue;
      diagnosis.add("proc-hidden", Severity::critical, host::quoted(mount.point),
                    "something is mounted there: a process is hidden", "umount " + mount.point);
    }
  } catch (const host::Error& error) {
    diagnosis.add("proc-hidden", Severity::critical, "/proc", error.what(), "mount -t proc proc /proc");
  }
  if (const auto pids = host::own_namespace("pid"); pids && pids->inode != initial_pid_namespace)
    diagnosis.add("pid-namespace", Severity::info, "this program",
                  "it is in a PID namespace of its own: engines outside of it were not seen",
                  "ipcguard doctor, on the host itself");
}

int doctor(const DoctorOptions& options) {
  Diagnosis diagnosis;
  check_sight(diagnosis);
  check_policy(diagnosis);
  check_installation(shim_places, diagnosis);

  std::set<std::string> folders;
  try {
    folders = check_engines(diagnosis);
  } catch (const host::Error& error) {
    diagnosis.add("engine-unreadable", Severity::critical, "engines", error.what(), "sudo ipcguard doctor");
  }
  const char* path = std::getenv("PATH");
  for (const std::string& more : {std::string(path == nullptr ? "" : path), std::string()})
    for (std::string& folder : folders_of(more)) folders.insert(std::move(folder));
  folders = without_links(folders);
  std::set<std::string> beside = without_links({side_folders.begin(), side_folders.end()});
  for (const std::string& folder : folders) beside.erase(folder);
  try {
    check_hard_mode(host::hardened_list, diagnosis);
  } catch (const host::Error& error) {
    diagnosis.add("hard-mode-undone", Severity::critical, "hard mode", error.what(), "ipcguard harden");
  }
  check_copies(shim_places, folders, diagnosis);
  check_raw_runtimes(folders, Severity::critical, diagnosis);
  check_raw_runtimes(beside, Severity::warning, diagnosis);

  diagnosis.sort();
  if (options.json)
    write_json(std::cout, diagnosis);
  else
    write_text(std::cout, diagnosis);
  return diagnosis.bypassable() ? 1 : 0;
}

}  // namespace admin
