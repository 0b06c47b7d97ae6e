#include "oci/bundle.h"

#include <algorithm>
#include <array>
#include <vector>

#include "host/error.h"
#include "host/sandbox.h"
#include "host/text.h"
#include "host/wire.h"
#include "oci/strict_json.h"

namespace oci {

namespace {

using host::Error;
using host::ErrorKind;

constexpr std::size_t max_text = 4096;  // PATH_MAX, and more than any annotation that we read has
constexpr std::size_t max_answer = 16 * max_text;

constexpr std::array<std::string_view, 5> kept_annotations = {
    "io.kubernetes.cri.container-type",
    "io.kubernetes.cri.sandbox-id",
    "io.kubernetes.cri-o.ContainerType",
    "io.kubernetes.cri-o.SandboxID",
    "org.criu.config",
};

enum Tag { unread, annotation, listed, listed_type, listed_path };

const Shape& config_json() {
  static const Shape shape = object({
      {"annotations", map(annotation)},
      {"linux",
       object({{"namespaces", array(object({{"type", text(listed_type)}, {"path", text(listed_path)}}, listed))}})},
  });
  return shape;
}

class BundleListener final : public Listener {
 public:
  void opened(int tag) override {
    if (tag == listed) entries_.emplace_back();
  }
  void text(int tag, std::string_view value) override {
    if (value.size() >= max_text)
      throw Error(ErrorKind::invalid_config, "a namespace's type or path is longer than a path can be");
    (tag == listed_type ? entries_.back().type : entries_.back().path) = value;
  }
  void entry(int /*tag*/, std::string_view key, std::string_view value) override {
    if (!is_kept_annotation(key)) return;
    if (value.size() >= max_text)
      throw Error(ErrorKind::invalid_config, "the annotation " + host::quoted(key) + " is too long");
    annotations_.emplace(key, value);
  }

  std::string packed() const {
    const auto is_ipc = [](const Entry& entry) { return entry.type == "ipc"; };
    const auto ipc = std::find_if(entries_.begin(), entries_.end(), is_ipc);
    if (std::count_if(entries_.begin(), entries_.end(), is_ipc) > 1)
      throw Error(ErrorKind::ambiguous_config,
                  "linux.namespaces has more than one ipc entry; runtimes read that differently");
    host::Packer facts;
    facts.number(ipc != entries_.end() ? 1 : 0);
    if (ipc != entries_.end()) facts.text(ipc->path);
    facts.map(annotations_);
    return facts.take();
  }

 private:
  struct Entry {
    std::string type, path;
  };
  std::vector<Entry> entries_;
  Annotations annotations_;
};

}  // namespace

Bundle read_bundle(std::string_view document) {
  const std::string answer = host::run_sandboxed(
      [document] {
        BundleListener listener;
        read_strictly(document, config_json(), listener);
        return listener.packed();
      },
      max_answer);
  host::Unpacker facts(answer);
  Bundle bundle;
  if (facts.flag()) bundle.ipc = IpcNamespace{facts.text()};
  bundle.annotations = facts.map();
  facts.end();
  return bundle;
}

bool is_kept_annotation(std::string_view key) {
  return std::find(kept_annotations.begin(), kept_annotations.end(), key) != kept_annotations.end();
}

}  // namespace oci
