#include "host/mounts.h"

#include <fcntl.h>
#include <mqueue.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string_view>

#include "host/engine.h"
#include "host/error.h"
#include "host/fd.h"
#include "host/text.h"

namespace host {

namespace {

// The next word of a line, and off it.
std::string_view next_word(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Blanks, tabs, line ends and backslashes are written as \ooo.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto octal = [&](std::size_t i) { return i < text.size() && text[i] >= '0' && text[i] <= '7'; };
    if (text[at] == '\\' && octal(at + 1) && octal(at + 2) && octal(at + 3)) {
      out += static_cast<char>((text[at + 1] - '0') * 64 + (text[at + 2] - '0') * 8 + (text[at + 3] - '0'));
      at += 3;
    } else {
      out += text[at];
    }
  }
  return out;
}

// "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue"
std::optional<Mount> parse_line(std::string_view line) {
  Mount mount;
  const auto id = number_in<int>(next_word(line)), parent = number_in<int>(next_word(line));
  std::string_view device = next_word(line);
  const std::size_t colon = device.find(':');
  if (!id || !parent || colon == std::string_view::npos) return std::nullopt;
  const auto major = number_in<unsigned>(device.substr(0, colon)),
             minor = number_in<unsigned>(device.substr(colon + 1));
  if (!major || !minor) return std::nullopt;
  mount.id = *id;
  mount.parent = *parent;
  mount.device = makedev(*major, *minor);
  mount.root = unescaped(next_word(line));
  mount.point = unescaped(next_word(line));
  const std::size_t dash = line.find(" - ");  // after options and any number of tags
  if (dash == std::string_view::npos) return std::nullopt;
  line.remove_prefix(dash + 3);
  mount.type = next_word(line);
  return mount;
}

// The device of the message queue file system of our IPC namespace, which exists whether mounted or not: a queue shows
// it. (A mount attached nowhere would too, but to take it down waits for RCU, which can take milliseconds.) 0 where we
// may not make one.
dev_t own_mqueue_device() {
  const std::string name = "/ipcguard-" + std::to_string(getpid());
  mq_attr attributes{};
  attributes.mq_maxmsg = attributes.mq_msgsize = 1;
  const Fd queue(mq_open(name.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes));
  if (!queue) return 0;
  mq_unlink(name.c_str());
  struct stat stat {};
  return fstat(queue.get(), &stat) == 0 ? stat.st_dev : 0;
}

void add(std::vector<dev_t>& devices, dev_t device) {
  if (device != 0 && std::find(devices.begin(), devices.end(), device) == devices.end()) devices.push_back(device);
}

}  // namespace

std::vector<Mount> parse_mounts(const std::string& text) {
  std::vector<Mount> mounts;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (auto mount = parse_line(std::string_view(text).substr(at, end - at))) mounts.push_back(std::move(*mount));
    at = end + 1;
  }
  return mounts;
}

std::vector<Mount> mounts_of(int process) {
  const Fd file(openat(process, process == AT_FDCWD ? "/proc/self/mountinfo" : "mountinfo", O_RDONLY | O_CLOEXEC));
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t n = file ? read(file.get(), buffer, sizeof buffer) : -1;
    if (n < 0 && file && errno == EINTR) continue;
    if (n < 0) throw Error(ErrorKind::unverifiable, "the list of mounts cannot be read: " + reason(errno));
    if (n == 0) break;
    text.append(buffer, static_cast<std::size_t>(n));
  }
  return parse_mounts(text);
}

bool lies_in(const std::string& path, const std::string& folder) {
  return folder == "/" || path == folder || (path.starts_with(folder) && path[folder.size()] == '/');
}

bool leads_to_processes(const std::string& root) {
  return root == "/" || (root.size() > 1 && root[1] >= '0' && root[1] <= '9');
}

bool FileSystemPart::meets(const FileSystemPart& other) const {
  return device == other.device && (lies_in(root, other.root) || lies_in(other.root, root));
}

FileSystemPart part_at(const std::string& path, const std::vector<Mount>& own) {
  const Mount* best = nullptr;
  for (const Mount& mount : own)  // of two on one point the later hides the earlier
    if (lies_in(path, mount.point) && (best == nullptr || mount.point.size() >= best->point.size())) best = &mount;
  if (best == nullptr) return {};
  const std::string below = path.substr(best->point == "/" ? 0 : best->point.size());
  return {best->device, best->root == "/" ? (below.empty() ? "/" : below) : best->root + (below == "/" ? "" : below)};
}

SharedFileSystems shared_file_systems(const std::vector<Mount>& own, bool with_hidden) {
  SharedFileSystems shared;
  shared.shm_point = without_links("/dev/shm");
  for (const Mount& mount : own) {
    if (!shared.shm_point.empty() && mount.point == shared.shm_point) {
      shared.shm = FileSystemPart{mount.device, mount.root};
      const auto parent =
          std::find_if(own.begin(), own.end(), [&](const Mount& one) { return one.id == mount.parent; });
      shared.shm_parent = parent == own.end() ? 0 : parent->device;
    }
    if (mount.type == "mqueue") add(shared.mqueues, mount.device);
    if (mount.type == "proc") add(shared.procs, mount.device);
  }
  if (with_hidden) add(shared.mqueues, own_mqueue_device());
  return shared;
}

}  // namespace host
