#include "shim/exec.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "host/error.h"
#include "host/sandbox.h"
#include "host/text.h"

namespace shim {

namespace {

host::Error unusable(const std::string& path, const std::string& why) {
  return {host::ErrorKind::invalid_policy, "the runtime " + host::quoted(path) + " cannot be run: " + why +
                                               "; see runtimes in " + config::settings_path};
}

}  // namespace

std::string named_runtime(const Policy& policy, const std::string& name) {
  const auto& runtimes = policy.settings().runtimes;
  if (const auto found = runtimes.find(name); found != runtimes.end()) return found->second;
  return policy.settings_problems().empty() ? std::string() : config::default_runtime;
}

std::string find_runtime(const Policy& policy, const std::string& name) {
  std::string path = named_runtime(policy, name);
  if (path.empty())
    throw host::Error(host::ErrorKind::invalid_policy, "there is no runtime " + host::quoted(name) + " in " +
                                                           config::settings_path + ": name it there under runtimes");
  struct stat self {
  }, runtime{};
  if (stat(path.c_str(), &runtime) != 0) throw unusable(path, host::reason(errno));
  // By device and inode, since any name, link or mount may lead to us.
  if (stat("/proc/self/exe", &self) == 0 && self.st_dev == runtime.st_dev && self.st_ino == runtime.st_ino)
    throw unusable(path, "it is ipcguard-runtime itself");
  return path;
}

void become_runtime(const std::string& path, const std::vector<std::string>& argv) {
  std::vector<char*> words{const_cast<char*>(path.c_str())};  // execv does not write to them (POSIX, exec, RATIONALE)
  for (std::size_t at = 1; at < argv.size(); ++at) words.push_back(const_cast<char*>(argv[at].c_str()));
  words.push_back(nullptr);
  host::reap_sandboxed();
  execv(path.c_str(), words.data());
  throw unusable(path, host::reason(errno));
}

}  // namespace shim
