#include "shim/container_state.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "host/engine.h"
#include "host/error.h"
#include "host/fd.h"
#include "host/hard_mode.h"
#include "host/text.h"

namespace shim {

namespace {

using host::Error;
using host::ErrorKind;

constexpr std::size_t max_output = std::size_t{16} << 20U;
constexpr int max_wait_ms = 10'000;

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }  // npos + 1 is 0

// What a program prints on standard output; nullopt if it fails.
std::optional<std::string> output_of(const std::vector<std::string>& words) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    throw Error(ErrorKind::unverifiable, "the runtime cannot be asked: " + host::reason(errno));
  const host::Fd from(ends[0]);
  host::Fd to(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, to.get(), STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  pid_t child = 0;
  const int failed = posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw Error(ErrorKind::unverifiable, "the runtime cannot be asked: " + host::reason(failed));
  to.reset();
  std::string output;
  char buffer[4096];
  bool ended = false;
  while (output.size() <= max_output) {
    pollfd ready{from.get(), POLLIN, 0};
    const int events = poll(&ready, 1, max_wait_ms);
    if (events < 0 && errno == EINTR) continue;
    const ssize_t n = events > 0 ? read(from.get(), buffer, sizeof buffer) : -1;
    ended = n == 0;
    if (n <= 0) break;
    output.append(buffer, static_cast<std::size_t>(n));
  }
  if (!ended) kill(child, SIGKILL);
  int status = 0;
  pid_t waited = 0;
  while ((waited = waitpid(child, &status, 0)) < 0 && errno == EINTR) continue;
  if (!ended) throw Error(ErrorKind::unverifiable, "the runtime was asked for the container's state and did not end");
  // Where SIGCHLD is ignored there is no status: then a runtime that failed has printed nothing.
  if (waited < 0) return output.empty() ? std::nullopt : std::optional(output);
  if (WIFSIGNALED(status))
    throw Error(ErrorKind::unverifiable, "the runtime was asked for the container's state and died");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return std::nullopt;
  return output;
}

// $XDG_RUNTIME_DIR; an empty one counts as none.
std::optional<std::string> runtime_dir() {
  const char* folder = std::getenv("XDG_RUNTIME_DIR");
  return folder == nullptr || *folder == '\0' ? std::nullopt : std::optional<std::string>(folder);
}

}  // namespace

std::optional<std::string> state_root(const StateQuery& query) {
  if (query.root) return query.root;
  if (geteuid() != 0) return std::nullopt;
  std::string name = file_name(host::without_links(query.runtime));
  if (name.ends_with(host::kept_suffix)) name.resize(name.size() - host::kept_suffix.size());
  const auto user = runtime_dir();
  // Real root's runc does not look at XDG_RUNTIME_DIR, crun does (libcrun/status.c, get_run_directory).
  if (name == "runc" && !user) return "/run/runc";
  if (name == "crun") return user.value_or("/run") + "/crun";
  return std::nullopt;
}

std::vector<std::string> possible_state_roots(const StateQuery& query) {
  if (query.root) return {*query.root};
  std::vector<std::string> roots = {"/run/runc", "/run/crun"};
  if (const auto user = runtime_dir()) roots.insert(roots.end(), {*user + "/runc", *user + "/crun"});
  return roots;
}

std::optional<oci::RuntimeState> find_state(const StateQuery& query, const std::function<void()>& meanwhile) {
  if (const auto root = state_root(query))
    if (auto state = oci::read_runtime_state(*root + "/" + query.id, meanwhile)) return state;
  // Another runtime, or one that keeps its state elsewhere: its own word.
  if (!query.fault.empty()) throw Error(ErrorKind::invalid_policy, query.fault);
  std::vector<std::string> words{query.runtime};
  words.insert(words.end(), query.globals.begin(), query.globals.end());
  words.insert(words.end(), {"state", query.id});
  const auto output = output_of(words);
  if (!output) return std::nullopt;
  try {
    return oci::read_state_output(*output);
  } catch (const Error& error) {
    throw Error(ErrorKind::unverifiable, "the state that the runtime tells: " + std::string(error.what()));
  }
}

}  // namespace shim
