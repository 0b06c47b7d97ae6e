#include "tests/unit/support.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "host/error.h"
#include "host/fd.h"

namespace tests {

namespace {

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error("the test could not be set up: " + what); }

// The ends of a pipe.
struct Pipe {
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) fail("pipe");
    out = host::Fd(ends[0]);
    in = host::Fd(ends[1]);
  }
  host::Fd out, in;
};

std::string drain(int fd) {
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0; (n = read(fd, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(n));
  return text;
}

}  // namespace

TempFolder::TempFolder() : path_("/tmp/ipcguard-unit-XXXXXX") {
  if (mkdtemp(path_.data()) == nullptr || chmod(path_.c_str(), 0755) != 0) fail("mkdtemp");
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempFolder::write(std::string_view name, std::string_view text, mode_t mode) const {
  const std::string path = *this / name;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file || chmod(path.c_str(), mode) != 0) fail("writing " + path);
  return path;
}

Sleeper::Sleeper(Ipc ipc) {
  Pipe ready;
  pid_ = fork();
  if (pid_ < 0) fail("fork");
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const bool set_up = ipc == Ipc::shared || unshare(CLONE_NEWIPC) == 0;
    if (!set_up || write(ready.in.get(), "x", 1) != 1) _exit(1);
    for (;;) pause();
  }
  ready.in.reset();
  char byte = 0;
  if (read(ready.out.get(), &byte, 1) != 1) fail("unshare(CLONE_NEWIPC); the tests run as root");
}

Sleeper::~Sleeper() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

std::string Sleeper::proc(std::string_view file) const {
  return "/proc/" + std::to_string(pid_) + "/" + std::string(file);
}

host::NamespaceId Sleeper::ipc() const { return ipc_of_path(ipc_path()); }

std::uint64_t Sleeper::start_time() const {
  // The command's name is this program's, which has no spaces.
  std::ifstream stat(proc("stat"));
  std::string field;
  for (int at = 1; at <= 22; ++at) stat >> field;
  return std::stoull(field);
}

std::string in_child(const std::function<std::string()>& work) {
  Pipe answer;
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    std::string text;
    try {
      const std::string error = failure([&] { text = work(); });
      if (!error.empty()) text = error;
    } catch (const std::exception& error) {
      text = std::string("exception: ") + error.what();
    }
    _exit(write(answer.in.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  answer.in.reset();
  const std::string text = drain(answer.out.get());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? text : "died";
}

std::string failure(const std::function<void()>& work) {
  try {
    work();
  } catch (const host::Error& error) {
    return std::string(host::name_of(error.kind())) + ": " + error.what();
  }
  return {};
}

std::string kind_of_failure(const std::function<void()>& work) {
  const std::string text = failure(work);
  return text.substr(0, text.find(':'));
}

std::string read_whole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail("reading " + path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string data(std::string_view name) { return read_whole(TESTS_FOLDER "/unit/data/" + std::string(name)); }

std::string as_text(const host::NamespaceId& id) { return std::to_string(id.device) + ":" + std::to_string(id.inode); }

host::NamespaceId ipc_of_path(const std::string& path) {
  struct stat stat {};
  if (::stat(path.c_str(), &stat) != 0) fail("stat of " + path);
  return {stat.st_dev, stat.st_ino};
}

bool has_forbidden_phrase(std::string_view text) {
  std::string small(text);
  std::transform(small.begin(), small.end(), small.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr const char* phrases[] = {"permission denied",         "operation not permitted",
                                     "no such file or directory", "executable file not found",
                                     "not a directory",           "is a directory"};
  return std::any_of(std::begin(phrases), std::end(phrases),
                     [&](const char* phrase) { return small.find(phrase) != std::string::npos; });
}

std::string shown(std::string_view text) { return std::string(text.substr(0, 400)); }

}  // namespace tests
