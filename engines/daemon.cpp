#include "engines/daemon.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "engines/files.h"
#include "host/error.h"
#include "host/file.h"
#include "host/text.h"

namespace engines {

namespace {

std::string proc(pid_t pid, const std::string& file) { return "/proc/" + std::to_string(pid) + "/" + file; }

// 0 where there is none.
pid_t number(const std::string& text) { return static_cast<pid_t>(std::strtol(text.c_str(), nullptr, 10)); }

bool is_roots(pid_t pid, const std::string& name) {
  struct stat stat {};
  return host::kernel_file(proc(pid, "comm")) == name + "\n" && ::stat(proc(pid, "").c_str(), &stat) == 0 &&
         stat.st_uid == 0;
}

bool sees_our_files(pid_t pid) {
  struct stat theirs {
  }, ours{};
  return stat(proc(pid, "ns/mnt").c_str(), &theirs) == 0 && stat("/proc/self/ns/mnt", &ours) == 0 &&
         theirs.st_ino == ours.st_ino;
}

std::vector<std::string> arguments_of(pid_t pid) {
  std::vector<std::string> arguments;
  std::string text = read_text(proc(pid, "cmdline")).value_or("");
  for (std::size_t end = 0; (end = text.find('\0')) != std::string::npos; text.erase(0, end + 1))
    arguments.push_back(text.substr(0, end));
  return arguments;
}

}  // namespace

std::vector<std::string> option_values(const std::vector<std::string>& arguments, const std::string& name) {
  std::vector<std::string> values;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == name && i + 1 < arguments.size()) values.push_back(arguments[i + 1]);
    if (arguments[i].compare(0, name.size() + 1, name + "=") == 0)
      values.push_back(arguments[i].substr(name.size() + 1));
  }
  return values;
}

std::vector<Daemon> Daemon::find_all(const std::string& name, const std::string& pid_file) {
  std::vector<Daemon> found;
  const pid_t recorded = pid_file.empty() ? 0 : number(host::kernel_file(pid_file));
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const pid_t pid = number(entry.path().filename().string());
    if (pid <= 0 || !is_roots(pid, name) || !(sees_our_files(pid) || pid == recorded)) continue;
    host::Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd || !is_roots(pid, name)) continue;  // it is held now, and still what it was
    Daemon daemon(name, pid, std::move(pidfd));
    daemon.arguments_ = arguments_of(pid);
    found.push_back(std::move(daemon));
  }
  return found;
}

std::string Daemon::called() const { return name_ + " (pid " + std::to_string(pid_) + ")"; }

std::optional<std::string> Daemon::path_option(const std::string& name) const {
  const auto values = option_values(arguments_, name);
  if (values.empty()) return std::nullopt;
  std::error_code error;
  return (std::filesystem::read_symlink(proc(pid_, "cwd"), error) / values.back()).string();  // as it is if absolute
}

void Daemon::reload() const {
  if (syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGHUP, nullptr, 0) != 0)
    throw host::Error(host::ErrorKind::unverifiable, called() + " cannot be told to reload: " + host::reason(errno));
}

}  // namespace engines
