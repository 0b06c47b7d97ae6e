#include "oci/runtime_state.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <utility>

#include "host/error.h"
#include "host/file.h"
#include "host/text.h"
#include "host/wire.h"
#include "oci/bundle.h"
#include "oci/sandboxed.h"

namespace oci {

namespace {

using host::Error;
using host::ErrorKind;

constexpr std::size_t max_answer = std::size_t{128} << 10U;

enum Tag {
  unread,
  pid,
  start_time,
  label,
  namespace_entry,
  namespace_type,
  namespace_path,
  bundle,
  status,
  annotation
};

// libcontainer/container_linux.go, State and BaseState; config.labels holds the annotations as "key=value", and last
// "bundle=…".
constexpr Shape label_shape = text(label);
constexpr Shape::Member namespace_members[] = {{"type", text(namespace_type)}, {"path", text(namespace_path)}};
constexpr Shape namespace_shape = object(namespace_members, namespace_entry);
constexpr Shape::Member runc_config_members[] = {{"labels", nullable(array(label_shape))},
                                                 {"namespaces", nullable(array(namespace_shape))}};
constexpr Shape::Member runc_members[] = {{"init_process_pid", number(pid)},
                                          {"init_process_start", number(start_time)},
                                          {"config", object(runc_config_members)}};
constexpr Shape runc_state = object(runc_members);

// libcrun/status.c; the annotations are in the copy of config.json beside it.
constexpr Shape::Member crun_members[] = {
    {"pid", number(pid)}, {"process-start-time", number(start_time)}, {"bundle", text(bundle)}};
constexpr Shape crun_status = object(crun_members);

// The specification's state, which youki's state.json is as well.
constexpr Shape::Member standard_members[] = {{"pid", nullable(number(pid))},
                                              {"status", text(status)},
                                              {"bundle", text(bundle)},
                                              {"annotations", nullable(map(annotation))}};
constexpr Shape standard_state = object(standard_members);

class StateListener final : public Listener {
 public:
  void opened(int tag) override {
    if (tag == namespace_entry) type_.clear(), path_.clear();
  }
  void number(int tag, std::uint64_t value) override { (tag == pid ? pid_ : start_time_) = value; }
  void text(int tag, std::string_view value) override {
    if (tag == label) read_label(value);
    if (tag == bundle) bundle_ = value;
    if (tag == status) status_ = value;
    if (tag == namespace_type) type_ = value;
    if (tag == namespace_path) path_ = value;
    // The two stand in either order; the last one seen completes them.
    if (type_ == "NEWIPC" && !path_.empty()) ipc_path_ = path_;
  }
  void entry(int /*tag*/, std::string_view key, std::string_view value) override {
    if (is_kept_annotation(key)) annotations_.emplace(key, value);
  }

  std::string packed() const {
    host::Packer facts;
    facts.number(pid_);
    facts.number(start_time_);
    facts.text(bundle_);
    facts.text(status_);
    facts.number(ipc_path_ ? 1 : 0);
    if (ipc_path_) facts.text(*ipc_path_);
    facts.map(annotations_);
    return facts.take();
  }

 private:
  void read_label(std::string_view label) {
    const std::size_t equals = label.find('=');
    if (equals == std::string_view::npos) return;
    const std::string_view key = label.substr(0, equals), value = label.substr(equals + 1);
    if (key == "bundle") bundle_ = value;  // runc's own comes last
    if (!is_kept_annotation(key)) return;
    // An annotation "K=V" looks like "K" here: where there are two, neither counts.
    const auto [entry, added] = annotations_.emplace(key, value);
    if (!added) entry->second.clear();
  }

  std::uint64_t pid_ = 0, start_time_ = 0;
  std::string bundle_, status_, type_, path_;
  std::optional<std::string> ipc_path_;
  Annotations annotations_;
};

struct Understood {
  RuntimeState state;
  std::string status;
};

Understood understand(std::string_view document, const Shape& shape, const std::function<void()>& meanwhile = {}) {
  const std::string answer = read_sandboxed(document, shape, StateListener(), max_answer, meanwhile);
  host::Unpacker facts(answer);
  Understood understood;
  RuntimeState& state = understood.state;
  const std::uint64_t number = facts.number();
  if (number > static_cast<std::uint64_t>(std::numeric_limits<pid_t>::max()))
    throw Error(ErrorKind::unverifiable, "it names no process that there could be");
  state.pid = static_cast<pid_t>(number);
  if (const std::uint64_t started = facts.number(); started != 0) state.start_time = started;
  state.bundle = facts.text();
  understood.status = facts.text();
  if (facts.flag()) state.ipc_path = facts.text();
  state.annotations = facts.map();
  facts.end();
  return understood;
}

Bundle copy_of_bundle(std::string_view document, const std::string& shown) {
  try {
    return read_bundle(document);
  } catch (const Error& error) {
    throw Error(ErrorKind::unverifiable, shown + ": " + error.what());
  }
}

}  // namespace

bool waits_to_start(const std::string& folder) {
  const std::string fifo = folder + "/exec.fifo";
  struct stat stat {};
  if (lstat(fifo.c_str(), &stat) == 0) return true;
  // Where we may not look (rootless, in root's folder) the runtime may not either.
  if (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG || errno == EACCES) return false;
  throw Error(ErrorKind::unverifiable,
              "the runtime's state " + host::quoted(fifo) + " cannot be examined: " + host::reason(errno));
}

std::optional<RuntimeState> read_runtime_state(const std::string& folder, const std::function<void()>& meanwhile) {
  constexpr host::FileRules rules{host::Owner::root_or_caller, max_document, ErrorKind::unverifiable};
  const auto shown = [&](const char* file) { return "the runtime's state " + host::quoted(folder + "/" + file); };
  const auto read = [&](const char* file) {
    return host::read_file(AT_FDCWD, folder + "/" + file, rules, shown(file));
  };
  const auto read_as = [&](const host::Bytes& bytes, const char* file, const Shape& shape) {
    try {
      return understand(bytes.text, shape, meanwhile);
    } catch (const Error& error) {
      throw Error(ErrorKind::unverifiable, shown(file) + ": " + error.what());
    }
  };
  const bool waits = waits_to_start(folder);
  if (const auto file = read("state.json")) {
    // youki's has the specification's form, runc's has no member "pid".
    Understood runc = read_as(*file, "state.json", runc_state);
    if (runc.state.pid != 0) {
      runc.state.waits = waits;
      return runc.state;
    }
    Understood standard = read_as(*file, "state.json", standard_state);
    if (standard.state.pid == 0) return std::nullopt;
    standard.state.waits = standard.status == "created";
    return standard.state;
  }
  const auto status = read("status");
  if (!status) return std::nullopt;
  RuntimeState state = read_as(*status, "status", crun_status).state;
  if (state.pid == 0) return std::nullopt;
  state.waits = waits;
  if (const auto config = read("config.json")) {
    Bundle copy = copy_of_bundle(config->text, shown("config.json"));
    state.annotations = std::move(copy.annotations);
    if (copy.ipc) state.ipc_path = std::move(copy.ipc->path);
  }
  return state;
}

std::optional<RuntimeState> read_state_output(std::string_view output) {
  Understood understood = understand(output, standard_state);
  understood.state.waits = understood.status == "created";
  if (understood.state.pid == 0) return std::nullopt;
  return understood.state;
}

bool is_id(std::string_view id) {
  constexpr std::array<std::string_view, 4> taken = {".", "..", "h", "help"};
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '+' ||
           c == '-' || c == '.';
  };
  return !id.empty() && id.front() != '-' && std::all_of(id.begin(), id.end(), allowed) &&
         std::find(taken.begin(), taken.end(), id) == taken.end();
}

}  // namespace oci
