#include "host/mounts.h"

#include <fcntl.h>
#include <mqueue.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include "host/engine.h"
#include "host/error.h"
#include "host/fd.h"
#include "host/file.h"
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
  next_word(line);  // the source
  mount.options = line;
  return mount;
}

// The device of the message queue file system of our IPC namespace, by a mount attached nowhere; 0, with errno, where
// that cannot be had.
dev_t mounted_mqueue_device() {
  const Fd context(fsopen("mqueue", FSOPEN_CLOEXEC));
  if (!context || fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return 0;
  const Fd mount(fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  struct stat stat {};
  return mount && fstat(mount.get(), &stat) == 0 ? stat.st_dev : 0;
}

// The same, which exists whether mounted or not: a queue shows it. 0 where there are no queues for us. Only if none can
// be made is it mounted, for to take that down waits for RCU, which can take milliseconds: queues_max and
// RLIMIT_MSGQUEUE, which the kernel counts by user and for all IPC namespaces, can be used up by others, such as a
// container that runs.
dev_t own_mqueue_device() {
  const std::string name = "/ipcguard-" + std::to_string(getpid());
  mq_attr attributes{};
  attributes.mq_maxmsg = attributes.mq_msgsize = 1;
  Fd queue(mq_open(name.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes));
  const bool ours = static_cast<bool>(queue);
  if (!queue && errno == EEXIST)
    queue = Fd(mq_open(name.c_str(), O_RDONLY | O_CLOEXEC));  // somebody else's does as well
  if (!queue && (errno == ENOSYS || errno == EPERM)) return 0;
  const int why = errno;
  if (ours) mq_unlink(name.c_str());
  struct stat stat {};
  if (queue && fstat(queue.get(), &stat) == 0) return stat.st_dev;
  if (const dev_t device = mounted_mqueue_device(); device != 0) return device;
  throw Error(ErrorKind::unverifiable, "the host's message queues cannot be looked up: " + reason(queue ? errno : why));
}

const Mount* parent_of(const Mount& mount, const std::vector<Mount>& mounts) {
  const auto parent =
      std::find_if(mounts.begin(), mounts.end(), [&](const Mount& one) { return one.id == mount.parent; });
  return parent == mounts.end() ? nullptr : &*parent;
}

// Where `path`, which lies in the mount, is in its file system.
std::string place_below(const std::string& path, const Mount& mount) {
  const std::string below = mount.point == "/" ? path : path.substr(mount.point.size());
  if (mount.root == "/") return below.empty() ? "/" : below;
  return mount.root + (below == "/" ? "" : below);
}

// The parts of `text` between `separator`s before which no backslash stands; without backslashes if `unescape`.
std::vector<std::string> divided(std::string_view text, char separator, bool unescape) {
  std::vector<std::string> parts(1);
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\\' && at + 1 < text.size()) {
      if (!unescape) parts.back() += '\\';
      parts.back() += text[++at];
    } else if (text[at] == separator) {
      parts.emplace_back();
    } else {
      parts.back() += text[at];
    }
  }
  return parts;
}

// The folders that one option of overlay names: of lowerdir several. Where newer kernels take a backslash for itself
// and older ones do not, both.
void add_folders(std::vector<std::string>& folders, std::string_view option) {
  constexpr std::array<std::string_view, 5> names = {"lowerdir", "upperdir", "workdir", "lowerdir+", "datadir+"};
  const std::size_t equals = std::min(option.find('='), option.size());
  const std::string_view name = option.substr(0, equals), value = option.substr(std::min(equals + 1, option.size()));
  if (std::find(names.begin(), names.end(), name) == names.end()) return;
  if (name == "lowerdir") {
    for (std::string& folder : divided(value, ':', true))
      if (!folder.empty()) folders.push_back(std::move(folder));
  } else if (!value.empty()) {
    folders.emplace_back(value);
    if (value.find('\\') != std::string_view::npos) folders.push_back(divided(value, '\0', true).front());
  }
}

void add(std::vector<dev_t>& devices, dev_t device) {
  if (device != 0 && std::find(devices.begin(), devices.end(), device) == devices.end()) devices.push_back(device);
}

// Its mount by proc_pid_fdinfo(5), for kernels before 5.8.
std::optional<int> mount_by_fdinfo(int folder, const std::string& name) {
  const Fd file(name.empty() ? -1 : openat(folder, name.c_str(), O_PATH | O_CLOEXEC));
  const std::string info = kernel_file("/proc/self/fdinfo/" + std::to_string(name.empty() ? folder : file.get()));
  const std::string key = "mnt_id:";
  const std::size_t at = info.find(key);
  if (at == std::string::npos) return std::nullopt;
  return static_cast<int>(std::strtol(info.c_str() + at + key.size(), nullptr, 10));
}

}  // namespace

std::vector<Mount> parse_mounts(const std::string& text) {
  std::vector<Mount> mounts;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    auto mount = parse_line(std::string_view(text).substr(at, end - at));
    if (!mount)
      throw Error(ErrorKind::unverifiable,
                  "the list of mounts cannot be understood: " + quoted(text.substr(at, end - at)));
    mounts.push_back(std::move(*mount));
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

bool FileSystemPart::lies_in(const FileSystemPart& other) const {
  return device == other.device && host::lies_in(root, other.root);
}

std::optional<FileId> file_id(int folder, const std::string& name) {
  struct statx found {};
  if (statx(folder, name.c_str(), AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_MNT_ID, &found) != 0) return std::nullopt;
  FileId id;
  id.device = makedev(found.stx_dev_major, found.stx_dev_minor);
  id.inode = found.stx_ino;
  id.folder = S_ISDIR(found.stx_mode);
  id.regular = S_ISREG(found.stx_mode);
  id.mount = (found.stx_mask & STATX_MNT_ID) != 0 ? static_cast<int>(found.stx_mnt_id) : mount_by_fdinfo(folder, name);
  return id;
}

std::optional<FileId> find_file(const std::string& path) {
  auto id = file_id(AT_FDCWD, path);
  if (!id && errno != ENOENT && errno != ENOTDIR)
    throw Error(ErrorKind::unverifiable, quoted(path) + " cannot be examined: " + reason(errno));
  return id;
}

bool lies_on(const FileId& id, const Mount& mount) {
  return id.mount ? mount.id == *id.mount : mount.device == id.device;
}

FileSystemPart part_of(const FileId& id, const std::string& path, const std::vector<Mount>& mounts) {
  if (path.empty()) throw Error(ErrorKind::unverifiable, "where a file lies cannot be told");
  const Mount* found = nullptr;
  for (const Mount& mount : mounts) {
    if (lies_on(id, mount) && (id.mount || lies_in(path, mount.point)))
      if (found == nullptr || mount.point.size() >= found->point.size()) found = &mount;
  }
  if (found == nullptr || !lies_in(path, found->point)) return {id.device, "/"};
  return {id.device, place_below(path, *found)};
}

bool came_with_parent(const Mount& mount, const std::vector<Mount>& mounts, const std::vector<Mount>& own) {
  const Mount* parent = parent_of(mount, mounts);
  if (parent == nullptr) return false;
  const std::string place = place_below(mount.point, *parent);
  return std::any_of(own.begin(), own.end(), [&](const Mount& one) {
    if (one.device != mount.device || one.root != mount.root) return false;
    const Mount* host_parent = parent_of(one, own);
    return host_parent != nullptr && host_parent->device == parent->device &&
           place_below(one.point, *host_parent) == place;
  });
}

SharedFileSystems shared_file_systems(const std::vector<Mount>& own, bool with_hidden) {
  SharedFileSystems shared;
  if (const auto id = find_file("/dev/shm")) {
    shared.shm_point = without_links("/dev/shm");
    shared.shm = part_of(*id, shared.shm_point, own);
  }
  for (const Mount& mount : own) {
    shared.shm_is_mount = shared.shm_is_mount || mount.point == shared.shm_point;
    if (mount.type == "mqueue") add(shared.mqueues, mount.device);
    if (mount.type == "proc") add(shared.procs, mount.device);
  }
  if (with_hidden) add(shared.mqueues, own_mqueue_device());
  return shared;
}

std::vector<std::string> overlay_folders(std::string_view options) {
  std::vector<std::string> folders;
  for (const std::string& option : divided(options, ',', false)) add_folders(folders, option);
  return folders;
}

std::vector<std::string> overlay_folders(const Mount& mount) {
  std::vector<std::string> folders;
  if (mount.type != "overlay") return folders;
  std::string_view options = mount.options;  // in which a comma within a folder's name is \054
  while (!options.empty()) {
    const std::size_t end = std::min(options.find(','), options.size());
    add_folders(folders, unescaped(options.substr(0, end)));
    options.remove_prefix(std::min(end + 1, options.size()));
  }
  return folders;
}

namespace {

// Of our own root, where that is an overlay (a node in a container, a live system), the names are another's.
bool is_our_root(const Mount& mount) {
  const auto root = find_file("/");
  return root && root->device == mount.device;
}

void add_layers(std::vector<Layer>& layers, const Mount& overlay, const std::vector<Mount>& mounts, bool strict,
                int depth) {
  const auto fail = [](const std::string& folder, const std::string& why) {
    return Error(ErrorKind::unverifiable, "an overlay whose layer " + quoted(folder) + why +
                                              ": mount it by absolute names that stay, without links");
  };
  strict = strict && !is_our_root(overlay);
  for (std::string folder : overlay_folders(overlay)) {
    const bool relative = !folder.starts_with('/');
    if (relative && strict) throw fail(folder, " has a relative name");
    if (relative) folder.insert(0, "/");  // which is where engines mount from
    const auto id = find_file(folder);
    if (!id && strict) throw fail(folder, " is not there any more");
    if (!id) continue;
    const std::string place = without_links(folder);
    if (strict && host::lies_in(place, "/proc")) throw fail(folder, " is another one for each process");
    layers.push_back({folder, *id});
    // The kernel lets an overlay be a layer of one other (FILESYSTEM_MAX_STACK_DEPTH).
    for (const Mount& mount : mounts)
      if (depth > 0 && mount.type == "overlay" && lies_on(*id, mount))
        add_layers(layers, mount, mounts, strict, depth - 1);
  }
}

}  // namespace

std::vector<Layer> layers_of(const Mount& overlay, const std::vector<Mount>& mounts, bool strict) {
  std::vector<Layer> layers;
  if (overlay.type == "overlay") add_layers(layers, overlay, mounts, strict, 2);
  return layers;
}

}  // namespace host
