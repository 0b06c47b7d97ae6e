#include "engines/containers.h"

#include <fcntl.h>
#include <glob.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string_view>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>

#include "host/fd.h"
#include "host/file.h"
#include "host/mounts.h"
#include "host/process.h"
#include "oci/engine_record.h"

namespace engines {

namespace {

namespace fs = std::filesystem;

// The kernel's name for containerd-shim-runc-v2, which has 15 bytes.
constexpr std::string_view shim_name = "containerd-shim";
// What a container's init has for a parent while its engine lives; a runtime in the foreground is one too.
constexpr std::array<std::string_view, 6> parent_names = {shim_name, "conmon", "conmonrs", "runc", "crun", "youki"};

bool is_parent(const ProcessFacts& process) {
  return std::find(parent_names.begin(), parent_names.end(), process.name) != parent_names.end();
}

// How long a container may be in the making before it is told as it is.
constexpr int max_looks = 100;
constexpr auto between_looks = std::chrono::milliseconds(50);

// Whether its program, by its name, is not the container's yet.
bool is_runtime(const ProcessFacts& init) { return init.name.starts_with("runc:[") || init.name == "crun"; }

std::vector<std::string> matches(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> paths;
  if (glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0)
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  return paths;
}

std::vector<std::string> folders_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error, gone;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (entry->is_directory(gone)) names.push_back(entry->path().filename().string());
  return names;
}

std::vector<std::string> words_of(const std::string& command_line) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < command_line.size();) {
    const std::size_t end = std::min(command_line.find('\0', at), command_line.size());
    words.push_back(command_line.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

std::string word_after(const std::vector<std::string>& words, std::string_view option) {
  const auto found = std::find(words.begin(), words.end(), option);
  return found == words.end() || found + 1 == words.end() ? std::string() : *(found + 1);
}

// What a shim, a monitor or a runtime was told of where the state is.
std::vector<std::string> roots_told(const ProcessFacts& process, const std::string& folder) {
  const auto words = words_of(host::kernel_file(folder + "/cmdline"));
  if (process.name == shim_name) {
    const std::string root = oci::read_shim_root(folder + "/cwd");  // it works in its bundle
    return {(root.empty() ? "/run/containerd/runc" : root) + "/" + word_after(words, "-namespace")};
  }
  std::vector<std::string> roots{word_after(words, "--root")};
  constexpr std::string_view option = "--root=";  // conmon is told it so, for the runtime
  for (const std::string& word : words)
    if (word.starts_with(option)) roots.push_back(word.substr(option.size()));
  return roots;
}

// The part of a file system that is mounted at the root of a process; device 0 if that cannot be told.
host::FileSystemPart root_of(const std::string& folder) {
  const host::Fd process(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  host::FileSystemPart part;
  try {
    for (const host::Mount& mount : process ? host::mounts_of(process.get()) : std::vector<host::Mount>())
      if (mount.point == "/") part = {mount.device, mount.root};  // the last one lies on top
  } catch (const host::Error&) {
    // It has ended. If it has not, it is no container as far as can be told.
  }
  return part;
}

// The first processes of mount namespaces that a container must be in: another root than the host's was put there, and
// either it is the first in a cgroup of its own, as runtimes make one, or its parent is one that containers have. So a
// service with a private view of the host's files, a shell under unshare(1), and the sandboxes of browsers and of
// Flatpak are none.
std::vector<std::pair<const ProcessFacts*, std::string>> first_processes(const Snapshot& processes,
                                                                         const std::string& proc) {
  std::set<ino_t> namespaces = processes.host;
  std::set<std::string_view> cgroups;
  std::map<pid_t, const ProcessFacts*> by_pid;
  for (const ProcessFacts& process : processes.all) by_pid[process.pid] = &process;
  const host::FileSystemPart own = root_of(proc + "/self"), init = root_of(proc + "/1");
  std::vector<std::pair<const ProcessFacts*, std::string>> first;
  for (const ProcessFacts& process : processes.all) {
    const bool first_in_cgroup = cgroups.insert(process.cgroup).second;
    if (!namespaces.insert(process.mount.inode).second) continue;
    const auto parent = by_pid.find(process.parent);
    std::string id = id_in_cgroup(process.cgroup);
    if ((id.empty() || !first_in_cgroup) && (parent == by_pid.end() || !is_parent(*parent->second))) continue;
    const auto root = root_of(proc + "/" + std::to_string(process.pid));
    const auto is = [&](const host::FileSystemPart& other) {
      return root.device == other.device && root.root == other.root;
    };
    if (root.device != 0 && !is(own) && !is(init)) first.emplace_back(&process, std::move(id));
  }
  return first;
}

// The process that a state names, if it lives. Without a start time (youki) its number may be another's by now: not one
// in the host's mount namespace then.
const ProcessFacts* init_of(const oci::RuntimeState& state, const Snapshot& processes) {
  const auto found = std::find_if(processes.all.begin(), processes.all.end(),
                                  [&](const ProcessFacts& process) { return process.pid == state.pid; });
  if (found == processes.all.end()) return nullptr;
  if (state.start_time ? *state.start_time != found->started : processes.host.contains(found->mount.inode))
    return nullptr;
  return &*found;
}

}  // namespace

Snapshot read_processes(const std::string& proc) {
  Snapshot processes;
  for (const char* one : {"/self", "/1"})
    if (const auto id = host::namespace_at(proc + one + "/ns/mnt")) processes.host.insert(id->inode);
  for (const std::string& name : folders_in(proc)) {
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string folder = proc + "/" + name;
    const auto stat = host::parse_stat(host::kernel_file(folder + "/stat"));
    if (!stat || stat->ended) continue;
    const auto pid = static_cast<pid_t>(std::strtol(name.c_str(), nullptr, 10));
    if (const auto mount = host::namespace_at(folder + "/ns/mnt"))
      processes.all.push_back(
          {pid, stat->parent, stat->started, stat->name, *mount, host::kernel_file(folder + "/cgroup")});
    else if (errno != ENOENT && errno != ESRCH)
      processes.unreadable.push_back(pid);
  }
  std::sort(processes.all.begin(), processes.all.end(), [](const ProcessFacts& one, const ProcessFacts& other) {
    return std::tie(one.started, one.pid) < std::tie(other.started, other.pid);
  });
  return processes;
}

std::string id_in_cgroup(const std::string& text) {
  // "4:memory:/docker/ID", a line for each hierarchy: containers are deepest where their runtime put them.
  std::string path;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    if (const std::size_t slash = line.find(":/"); slash != std::string::npos && line.size() - slash > path.size())
      path = line.substr(slash + 1);
    at = end + 1;
  }
  std::string last = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
  for (const char* unit : {".service", ".slice", ".socket", ".mount", ".swap"})
    if (last.ends_with(unit)) return {};
  constexpr std::size_t id_size = 64;
  constexpr std::string_view hex = "0123456789abcdef";
  for (std::size_t end = path.find_last_of(hex); end != std::string::npos;) {
    const std::size_t before = path.find_last_not_of(hex, end), begin = before == std::string::npos ? 0 : before + 1;
    if (end - begin + 1 == id_size) return path.substr(begin, id_size);
    end = begin == 0 ? std::string::npos : path.find_last_of(hex, begin - 1);
  }
  constexpr std::string_view scope = ".scope";
  if (!last.ends_with(scope)) return last;
  for (const std::string_view runtime : {"runc-", "crun-", "youki-"})  // their own, where no other name is asked for
    if (last.starts_with(runtime)) return last.substr(runtime.size(), last.size() - runtime.size() - scope.size());
  return {};
}

std::set<std::string> state_roots(const Snapshot& processes, const host::EngineFolders& folders,
                                  const std::string& proc) {
  std::vector<std::string> roots{"/run/runc", "/run/crun", "/run/youki"};
  std::vector<std::string> patterns{"/run/user/*/runc", "/run/user/*/crun", "/run/containerd/runc/*"};
  for (const std::string& exec_root : folders.docker_exec_root) patterns.push_back(exec_root + "/runtime-*/*");
  for (const std::string& pattern : patterns)
    for (std::string& root : matches(pattern)) roots.push_back(std::move(root));
  for (const ProcessFacts& process : processes.all) {
    if (!is_parent(process)) continue;
    try {
      for (std::string& root : roots_told(process, proc + "/" + std::to_string(process.pid)))
        roots.push_back(std::move(root));
    } catch (const host::Error&) {
      // The options of a user's own shim: that user's state would not be believed either.
    }
  }
  std::set<std::string> real;
  for (const std::string& root : roots)
    if (root.starts_with('/')) real.insert(host::without_links(root));
  std::erase_if(real, [](const std::string& root) { return !host::only_root_can_change(root); });
  return real;
}

Found running_containers(const Snapshot& processes, const host::EngineFolders& folders, const std::string& proc) {
  Found found;
  std::set<ino_t> namespaces;  // mount namespaces of those that were found
  std::set<pid_t> pids;
  for (const std::string& root : state_roots(processes, folders, proc)) {
    for (const std::string& id : folders_in(root)) {
      try {
        auto state = oci::read_runtime_state(root + "/" + id);
        const ProcessFacts* init = state ? init_of(*state, processes) : nullptr;
        if (init == nullptr || !pids.insert(init->pid).second) continue;
        namespaces.insert(init->mount.inode);
        if (state->waits) continue;
        found.in_the_making = found.in_the_making || is_runtime(*init);
        found.containers.push_back({*init, id, root, std::move(*state)});
      } catch (const host::Error& error) {
        found.problems.push_back(error);
      }
    }
  }
  for (auto& [init, id] : first_processes(processes, proc)) {
    if (namespaces.contains(init->mount.inode)) continue;
    oci::RuntimeState state;
    state.pid = init->pid;
    state.start_time = init->started;
    found.in_the_making = found.in_the_making || is_runtime(*init);
    found.containers.push_back({*init, std::move(id), std::nullopt, std::move(state)});
  }
  return found;
}

Found running_containers(const host::EngineFolders& folders) {
  for (int look = 1;; ++look) {
    const Snapshot processes = read_processes();
    Found found = running_containers(processes, folders);
    found.unreadable = processes.unreadable;
    if (!found.in_the_making || look == max_looks) return found;
    std::this_thread::sleep_for(between_looks);
  }
}

}  // namespace engines
