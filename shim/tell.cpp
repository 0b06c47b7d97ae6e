#include "shim/tell.h"

#include <fcntl.h>
#include <paths.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "host/fd.h"
#include "shim/record.h"

namespace shim {

namespace {

// Writes each line whole with one write(2), so that lines of shims that run at once do not mix in a file opened with
// O_APPEND. spdlog's own file sink buffers in stdio, which cuts long lines in two.
class LineSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit LineSink(int fd) : fd_(fd) {}
  bool failed() const { return failed_; }
  std::size_t written() const { return written_; }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    const ssize_t n = write(fd_, line.data(), line.size());
    failed_ = n != static_cast<ssize_t>(line.size());
    written_ = static_cast<std::size_t>(std::max<ssize_t>(n, 0));
  }
  void flush_() override {}

  int fd_;
  bool failed_ = false;
  std::size_t written_ = 0;
};

// While it lives, a file that has grown to RLIMIT_FSIZE makes a write fail instead of ending us; what the runtime
// inherits is as it was.
class NoFileSizeSignal {
 public:
  NoFileSizeSignal() {
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGXFSZ, &ignore, &before_);
  }
  ~NoFileSizeSignal() { sigaction(SIGXFSZ, &before_, nullptr); }
  NoFileSizeSignal(const NoFileSizeSignal&) = delete;
  NoFileSizeSignal& operator=(const NoFileSizeSignal&) = delete;

 private:
  struct sigaction before_ {};
};

struct Written {
  bool whole;
  std::size_t bytes;
};

Written write_line(int fd, const std::string& line) {
  const NoFileSizeSignal guard;
  const auto sink = std::make_shared<LineSink>(fd);
  spdlog::logger logger("ipcguard", sink);
  logger.set_pattern("%v");
  logger.log(spdlog::level::info, spdlog::string_view_t(line));
  return {!sink->failed(), sink->written()};
}

// Blanks the last `size` bytes that were written to `fd`, which the disk had room for while the rest of their line did
// not fit. That needs no more room and, unlike truncating, hits nobody who has written a line behind them meanwhile.
void blank(int fd, std::size_t size) {
  const off_t end = lseek(fd, 0, SEEK_CUR);
  if (size == 0 || fcntl(fd, F_SETFL, 0) != 0) return;  // without O_APPEND, which pwrite(2) would heed
  const std::string blanks = std::string(size - 1, ' ') + "\n";
  [[maybe_unused]] const ssize_t n = pwrite(fd, blanks.data(), size, end - static_cast<off_t>(size));
}

// To syslog, in the form of syslog(3), which itself would wait for as long as journald does not read.
void write_syslog(const std::string& line) {
  const host::Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_un log{};
  log.sun_family = AF_UNIX;
  std::strcpy(log.sun_path, _PATH_LOG);
  if (!socket || connect(socket.get(), reinterpret_cast<const sockaddr*>(&log), sizeof log) != 0) return;
  const std::string head =
      "<" + std::to_string(LOG_AUTHPRIV | LOG_NOTICE) + ">ipcguard[" + std::to_string(getpid()) + "]: ";
  static_cast<void>(send(socket.get(), (head + line).c_str(), head.size() + line.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
}

// Whether the file's last line has no end: what somebody left so, killed in the middle of it or by a loss of power,
// must not swallow the next. A line that another shim is writing is seen so too, page by page, but only for a moment.
bool is_unended(int fd) {
  for (int look = 0; look < 10; ++look) {
    if (look > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    struct stat stat {};
    char last = '\n';
    if (fstat(fd, &stat) != 0 || stat.st_size == 0 || pread(fd, &last, 1, stat.st_size - 1) != 1 || last == '\n')
      return false;
  }
  return true;
}

bool append_to_file(const std::string& path, const std::string& line) {
  // O_NONBLOCK and the look at what it is: a FIFO or a device in its place must not hold up a container.
  const host::Fd file(
      open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640));
  struct stat stat {};
  if (!file || fstat(file.get(), &stat) != 0 || !S_ISREG(stat.st_mode)) return false;
  const Written written = write_line(file.get(), is_unended(file.get()) ? "\n" + line : line);
  if (!written.whole) blank(file.get(), written.bytes);
  return written.whole;
}

// As logrus writes it, whose text format quotes as Go's %q does: JSON's escapes are among those.
std::string log_line(const std::string& message, bool json) {
  using Json = nlohmann::ordered_json;
  const std::string time = utc(std::chrono::system_clock::now(), false);
  const auto text = [](const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); };
  if (json) return text({{"level", "error"}, {"msg", message}, {"time", time}});
  return "time=\"" + time + "\" level=error msg=" + text(message);
}

}  // namespace

void tell_operator(const std::string& record, const config::Settings::Log& log) {
  const bool in_file = append_to_file(log.file, record);
  if (log.syslog || !in_file) write_syslog(record);
}

void tell_caller(const std::string& message, const Call& call) {
  static_cast<void>(
      signal(SIGPIPE, SIG_IGN));  // no exec follows, and whoever does not listen shall see our exit status all the same
  const std::string line = log_line(message, call.log_json);
  if (!call.log_file) {
    write_line(STDERR_FILENO, line);
    return;
  }
  // As runc opens it (logging.go), but for O_NONBLOCK: nobody may be reading a FIFO.
  const host::Fd file(
      open(call.log_file->c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644));
  if (file) write_line(file.get(), line);
  write_line(STDERR_FILENO, message);
}

}  // namespace shim
