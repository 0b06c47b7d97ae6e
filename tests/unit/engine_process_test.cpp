// Engines as processes: their checkers, their sockets, their signals.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "engines/daemon.h"
#include "engines/http.h"
#include "engines/program.h"
#include "tests/unit/catch.h"
#include "tests/unit/support.h"

using engines::Daemon;
using engines::http_get;
using engines::run;

namespace {

// A child that does `work` until it is killed at the end of the scope.
class Child {
 public:
  template <class Work>
  explicit Child(Work work) : pid_(fork()) {
    if (pid_ != 0) return;
    work();
    _exit(0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

// A socket at `path` that gives everybody the same answer.
int listen_at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(listen(fd, 8) == 0);
  return fd;
}

std::optional<std::string> answer_to(const std::string& answer) {
  const tests::TempFolder folder;
  const int fd = listen_at(folder / "socket");
  const Child server([&] {
    for (;;) {
      const int client = accept(fd, nullptr, nullptr);
      char request[1024];
      if (read(client, request, sizeof request) > 0 && write(client, answer.data(), answer.size()) < 0) _exit(1);
      close(client);
    }
  });
  close(fd);
  return http_get(folder / "socket", "/info");
}

}  // namespace

TEST_CASE("a program's output and exit status") {
  CHECK(run({"sh", "-c", "echo out; echo err >&2; exit 3"}).output == "out\nerr\n");
  CHECK(run({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"}, false).output == "out\n");
  CHECK(run({"sh", "-c", "exit 3"}).status == 3);
  CHECK(run({"sh", "-c", "kill -9 $$"}).status == 137);
  CHECK(run({"sh", "-c", "cat; echo $PATH $HOME"}).output ==
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n");
  CHECK(run({"no-such-program"}).status == 127);
  CHECK(run({"/no/such/program"}).status == 127);
  const auto late = run({"sleep", "1000"}, true, 1);
  CHECK(late.status == 137);
  CHECK(late.output == "sleep did not end within 1 s");
  CHECK(engines::program_on_path("no-such-program").empty());
}

TEST_CASE("what a socket answers") {
  CHECK(answer_to("HTTP/1.0 200 OK\r\nA: b\r\n\r\n{}") == "{}");
  CHECK(answer_to("HTTP/1.1 200 OK\r\n\r\n") == "");
  CHECK(answer_to("HTTP/1.0 404 Not Found\r\n\r\n{}") == std::nullopt);
  CHECK(answer_to("HTTP/1.0 200 OK\r\n") == std::nullopt);
  CHECK(answer_to("nonsense") == std::nullopt);
  CHECK(answer_to("") == std::nullopt);
  CHECK(http_get("/no/such/socket", "/") == std::nullopt);
  CHECK(http_get(std::string(200, 'x'), "/") == std::nullopt);
}

TEST_CASE("a daemon is found by its name, and is the one that gets the signal", "[needs pidfd_open]") {
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const Child daemon([&] {
    prctl(PR_SET_NAME, "ig-test-daemon");
    signal(SIGHUP, [](int) { _exit(7); });
    if (write(ready[1], "x", 1) == 1)
      for (;;) pause();
  });
  char byte = 0;
  REQUIRE(read(ready[0], &byte, 1) == 1);
  close(ready[0]);
  close(ready[1]);
  const auto found = Daemon::find_all("ig-test-daemon");
  REQUIRE(found.size() == 1);
  CHECK(found[0].pid() == daemon.pid());
  CHECK(found[0].called() == "ig-test-daemon (pid " + std::to_string(daemon.pid()) + ")");
  CHECK(found[0].arguments().size() >= 1);
  found[0].reload();
  int status = 0;
  REQUIRE(waitpid(daemon.pid(), &status, 0) == daemon.pid());
  CHECK(WEXITSTATUS(status) == 7);
  CHECK(tests::failure([&] { found[0].reload(); }).find("cannot be told to reload: the process is gone") !=
        std::string::npos);
  CHECK(Daemon::find_all("ig-test-daemon").empty());
}

TEST_CASE("the values of options") {
  const std::vector<std::string> arguments = {"x", "--a", "1", "--a=2", "--ab", "3", "--a"};
  CHECK(engines::option_values(arguments, "--a") == std::vector<std::string>{"1", "2"});
  CHECK(engines::option_values(arguments, "--b").empty());
}
