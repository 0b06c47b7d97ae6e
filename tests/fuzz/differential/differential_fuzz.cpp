// The property that matters: what we judge to be private, runc's and crun's own readers see as private too; and nothing
// is bound that we did not look at. RUNC_READER names the program made of runc_reader.go.
#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "host/fd.h"
#include "oci/bundle.h"
#include "tests/fuzz/differential/reading.h"
#include "tests/fuzz/harness.h"

namespace {

class RuncReader {
 public:
  RuncReader() {
    int to[2], from[2];
    const char* const program = std::getenv("RUNC_READER");
    if (program == nullptr || pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) std::abort();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], 0);
    posix_spawn_file_actions_adddup2(&actions, from[1], 1);
    char* argv[] = {const_cast<char*>(program), nullptr};
    pid_t pid = 0;
    if (posix_spawn(&pid, program, &actions, nullptr, argv, environ) != 0) std::abort();
    posix_spawn_file_actions_destroy(&actions);
    close(to[0]), close(from[1]);
    to_ = host::Fd(to[1]), from_ = host::Fd(from[0]);
  }

  std::string read(std::string_view document) {
    const auto size = static_cast<std::uint32_t>(document.size());
    std::string request(reinterpret_cast<const char*>(&size), sizeof size);
    request += document;
    for (std::size_t sent = 0; sent < request.size();) {
      const ssize_t n = write(to_.get(), request.data() + sent, request.size() - sent);
      if (n <= 0) std::abort();
      sent += static_cast<std::size_t>(n);
    }
    std::uint32_t length = 0;
    std::memcpy(&length, take(sizeof length).data(), sizeof length);
    return take(length);
  }

 private:
  std::string take(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t got = 0; got < size;) {
      const ssize_t n = ::read(from_.get(), bytes.data() + got, size - got);
      if (n <= 0) std::abort();
      got += static_cast<std::size_t>(n);
    }
    return bytes;
  }

  host::Fd to_, from_;
};

std::string told(const std::optional<oci::Namespace>& one) {
  if (!one) return "none\n";
  return one->path ? "path " + *one->path + "\n" : "new\n";
}

void compare(const oci::Bundle& ours, const std::string& theirs, const char* runtime) {
  if (theirs == "error\n") return;  // it would refuse
  const std::string namespaces = told(ours.ipc) + told(ours.pid) + told(ours.mount);
  if (!theirs.starts_with(namespaces)) {
    std::cerr << runtime << " sees:\n" << theirs << "ipcguard sees:\n" << namespaces;
    std::abort();
  }
  std::string rest = theirs.substr(namespaces.size());
  // Whatever is bound there is among what we look at; paths with line ends in them are compared piece by piece.
  std::string all = "\n";
  for (const oci::MountSource& source : ours.sources) all += source.path + "\n";
  for (std::size_t at = 0; at < rest.size();) {
    const std::size_t end = rest.find('\n', at);
    const std::string line = rest.substr(at, end - at + 1);
    if (all.find("\n" + line) == std::string::npos) {
      std::cerr << runtime << " binds what ipcguard does not see: " << line;
      std::abort();
    }
    at = end + 1;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static RuncReader runc;
  const std::string_view document(reinterpret_cast<const char*>(data), size);
  fuzz::survives([&] {
    const oci::Bundle ours = oci::read_bundle(document);
    compare(ours, runc.read(document), "runc");
    char* const crun = read_as_crun(document.data(), document.size());
    const std::string theirs = crun;
    std::free(crun);
    compare(ours, theirs, "crun");
  });
  return 0;
}
