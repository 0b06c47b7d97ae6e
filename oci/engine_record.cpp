#include "oci/engine_record.h"

#include <fcntl.h>

#include "host/error.h"
#include "host/file.h"
#include "host/sandbox.h"
#include "host/text.h"
#include "host/wire.h"
#include "oci/bundle.h"
#include "oci/strict_json.h"

namespace oci {

namespace {

constexpr std::size_t max_answer = std::size_t{1} << 20U;

enum Tag { unread, id, name, image_id, image, label };

// moby, container/container.go: Container and its Config.
constexpr Shape::Member config_members[] = {{"Image", text(image)}, {"Labels", nullable(map(label))}};
constexpr Shape::Member record_members[] = {
    {"ID", text(id)}, {"Name", text(name)}, {"Image", text(image_id)}, {"Config", object(config_members)}};
constexpr Shape config_v2 = object(record_members);

class RecordListener final : public Listener {
 public:
  void text(int tag, std::string_view value) override { texts_[tag] = value; }
  void entry(int /*tag*/, std::string_view key, std::string_view value) override { labels_.emplace(key, value); }

  std::string packed() const {
    host::Packer facts;
    for (const std::string& text : texts_) facts.text(text);
    facts.map(labels_);
    return facts.take();
  }

 private:
  std::string texts_[label];
  std::map<std::string, std::string> labels_;
};

}  // namespace

std::optional<DockerRecord> read_docker_record(const std::string& data_root, const std::string& wanted) {
  const std::string path = data_root + "/containers/" + wanted + "/config.v2.json";
  const std::string shown = "Docker's record " + host::quoted(path);
  constexpr host::FileRules rules{host::Owner::root, max_document, host::ErrorKind::unverifiable};
  const auto file = host::read_file(AT_FDCWD, path, rules, shown);
  if (!file) return std::nullopt;
  const std::string answer = host::run_sandboxed(
      [&] {
        RecordListener listener;
        read_strictly(file->text, config_v2, listener);
        return listener.packed();
      },
      max_answer);
  host::Unpacker facts(answer);
  std::string texts[label];
  for (std::string& text : texts) text = facts.text();
  DockerRecord record{texts[name], texts[image], texts[image_id], facts.map()};
  facts.end();
  if (texts[id] != wanted) throw host::Error(host::ErrorKind::unverifiable, shown + ": it is another container's");
  if (record.name.starts_with('/')) record.name.erase(0, 1);
  return record;
}

}  // namespace oci
