#include "oci/runtime_state.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <limits>

#include "host/error.h"
#include "host/file.h"
#include "host/sandbox.h"
#include "host/text.h"
#include "host/wire.h"
#include "oci/bundle.h"
#include "oci/strict_json.h"

namespace oci {

namespace {

using host::Error;
using host::ErrorKind;

constexpr std::size_t max_answer = std::size_t{64} << 10U;

enum Tag { unread, pid, start_time, label };

// libcontainer/container_linux.go, State and BaseState; config.labels holds the annotations as "key=value".
const Shape& runc_state() {
  static const Shape shape = object({{"init_process_pid", number(pid)},
                                     {"init_process_start", number(start_time)},
                                     {"config", object({{"labels", nullable(array(text(label)))}})}});
  return shape;
}

// libcrun/status.c; the annotations are in the copy of config.json beside it.
const Shape& crun_status() {
  static const Shape shape = object({{"pid", number(pid)}, {"process-start-time", number(start_time)}});
  return shape;
}

class StateListener final : public Listener {
 public:
  void number(int tag, std::uint64_t value) override { (tag == pid ? pid_ : start_time_) = value; }
  void text(int /*tag*/, std::string_view label) override {
    const std::size_t equals = label.find('=');
    if (equals == std::string_view::npos || !is_kept_annotation(label.substr(0, equals))) return;
    // An annotation "K=V" looks like "K" here: where there are two, neither counts.
    const auto [entry, added] = annotations_.emplace(label.substr(0, equals), label.substr(equals + 1));
    if (!added) entry->second.clear();
  }

  std::string packed() const {
    host::Packer facts;
    facts.number(pid_);
    facts.number(start_time_);
    facts.map(annotations_);
    return facts.take();
  }

 private:
  std::uint64_t pid_ = 0, start_time_ = 0;
  Annotations annotations_;
};

RuntimeState understand(std::string_view document, const Shape& shape) {
  const std::string answer = host::run_sandboxed(
      [&] {
        StateListener listener;
        read_strictly(document, shape, listener);
        return listener.packed();
      },
      max_answer);
  host::Unpacker facts(answer);
  RuntimeState state;
  const std::uint64_t number = facts.number();
  if (number == 0 || number > static_cast<std::uint64_t>(std::numeric_limits<pid_t>::max()))
    throw Error(ErrorKind::unverifiable, "it names no init process");
  state.pid = static_cast<pid_t>(number);
  state.start_time = facts.number();
  state.annotations = facts.map();
  facts.end();
  return state;
}

}  // namespace

std::optional<RuntimeState> read_runtime_state(const std::string& folder) {
  constexpr host::FileRules rules{host::Owner::root_or_caller, max_document, ErrorKind::unverifiable};
  const auto read = [&](const char* file) {
    const std::string path = folder + "/" + file;
    return host::read_file(AT_FDCWD, path, rules, "the runtime's state " + host::quoted(path));
  };
  if (const auto state = read("state.json")) return understand(state->text, runc_state());
  const auto status = read("status");
  if (!status) return std::nullopt;
  RuntimeState state = understand(status->text, crun_status());
  if (const auto config = read("config.json")) state.annotations = read_bundle(config->text).annotations;
  return state;
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
