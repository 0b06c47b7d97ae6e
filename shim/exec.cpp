#include "shim/exec.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "host/engine.h"
#include "host/error.h"
#include "host/hard_mode.h"
#include "host/sandbox.h"
#include "host/shim_note.h"
#include "host/text.h"

namespace shim {

namespace {

std::string unusable(const std::string& path, const std::string& why) {
  return "the runtime " + host::quoted(path) + " cannot be run: " + why;
}

std::string see_settings(const std::string& path, const std::string& why) {
  return unusable(path, why + "; see runtimes in " + config::settings_path);
}

Runtime kept_runtime(host::Kept kept) {
  std::string fault = kept.fault.empty() ? std::string() : unusable(kept.path, kept.fault);
  return {std::move(kept.path), std::move(fault), true};
}

std::string named_runtime(const Policy& policy, const std::string& name) {
  const auto& runtimes = policy.settings().runtimes;
  if (const auto found = runtimes.find(name); found != runtimes.end()) return found->second;
  return policy.settings_problems().empty() ? std::string() : config::default_runtime;
}

// A name in the settings that hard mode has given to a copy of this program.
Runtime behind_copy(const std::string& path) {
  if (auto kept = host::kept_beside(host::without_links(path))) {
    Runtime runtime = kept_runtime(std::move(*kept));
    runtime.kept = false;  // the caller called us by our own name
    return runtime;
  }
  return {path, see_settings(path, "it is ipcguard-runtime itself, and no runtime is kept beside it")};
}

// What was kept beside this program, in its place in hard mode, is not there: the runtime was put back meanwhile, or it
// was removed.
Runtime without_kept(const std::string& own) {
  struct stat stat {};
  if (::stat(own.c_str(), &stat) == 0 && !host::is_shim(own)) return {own, {}, true};
  const std::string path = host::kept_path(own);
  return {path, unusable(path, host::reason(ENOENT) + "; install it again, or give it up: ipcguard harden --remove"),
          true};
}

}  // namespace

Runtime choose_runtime(const Policy& policy, const std::string& name, Copies copies) {
  const std::string own = host::own_path();
  if (own.ends_with(host::kept_suffix))  // or two copies of us would call each other for ever
    return {own, unusable(own, "it is ipcguard-runtime; put the real one there")};
  if (auto kept = host::kept_beside(own)) return kept_runtime(std::move(*kept));
  const bool own_name = own.substr(own.rfind('/') + 1).starts_with("ipcguard-runtime");  // npos + 1 is 0
  if (!own_name && host::is_hardened(own)) return without_kept(own);

  const std::string path = named_runtime(policy, name);
  if (path.empty())
    return {{},
            "there is no runtime " + host::quoted(name) + " in " + config::settings_path +
                ": name it there under runtimes"};
  struct stat self {
  }, runtime{};
  if (stat(path.c_str(), &runtime) != 0) return {path, see_settings(path, host::reason(errno))};
  const bool told = stat("/proc/self/exe", &self) == 0;  // or any copy may be us
  // By device and inode, since any name, link or mount may lead to us. A copy is rather one of the same size.
  if (told && self.st_dev == runtime.st_dev && self.st_ino == runtime.st_ino) return behind_copy(path);
  if ((!told || copies == Copies::all || self.st_size == runtime.st_size) && host::is_shim(path))
    return behind_copy(path);
  return {path, {}};
}

void require_usable(const Runtime& runtime) {
  if (!runtime.fault.empty()) throw host::Error(host::ErrorKind::invalid_policy, runtime.fault);
}

void become_runtime(const Runtime& runtime, const std::vector<std::string>& argv) {
  require_usable(runtime);
  const std::string& first = runtime.kept && !argv.empty() ? argv.front() : runtime.path;
  std::vector<char*> words{const_cast<char*>(first.c_str())};  // execv does not write to them (POSIX, exec, RATIONALE)
  for (std::size_t at = 1; at < argv.size(); ++at) words.push_back(const_cast<char*>(argv[at].c_str()));
  words.push_back(nullptr);
  host::reap_sandboxed();
  execv(runtime.path.c_str(), words.data());
  const std::string why = host::reason(errno);
  throw host::Error(host::ErrorKind::invalid_policy,
                    runtime.kept ? unusable(runtime.path, why) : see_settings(runtime.path, why));
}

}  // namespace shim
