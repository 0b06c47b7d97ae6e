#include "oci/engine_record.h"

#include <fcntl.h>

#include <utility>

#include "host/error.h"
#include "host/file.h"
#include "host/text.h"
#include "host/wire.h"
#include "oci/bundle.h"
#include "oci/sandboxed.h"

namespace oci {

namespace {

constexpr std::size_t max_answer = std::size_t{1} << 20U;

enum Tag { unread, id, name, image_id, image, label };

// moby, container/container.go: Container and its Config.
constexpr Shape::Member config_members[] = {{"Image", text(image)}, {"Labels", nullable(map(label))}};
constexpr Shape::Member record_members[] = {
    {"ID", text(id)}, {"Name", text(name)}, {"Image", text(image_id)}, {"Config", object(config_members)}};
constexpr Shape config_v2 = object(record_members);

// containers/storage, containers.go, Container. Its metadata is the engine's own JSON, as text: Podman's
// (libpod/storage.go, containerData) or CRI-O's (internal/storage/runtime.go, RuntimeContainerMetadata).
enum StorageTag {
  nothing,
  one_record,
  record_id,
  record_name,
  record_image,
  metadata,
  image_name,
  pod_id,
  pod_name,
  own_name
};
constexpr Shape storage_name = text(record_name);
constexpr Shape::Member storage_members[] = {{"id", text(record_id)},
                                             {"names", nullable(array(storage_name))},
                                             {"image", text(record_image)},
                                             {"metadata", text(metadata)}};
constexpr Shape storage_record = object(storage_members, one_record);
constexpr Shape containers_json = array(storage_record);
constexpr Shape::Member metadata_members[] = {{"image-name", text(image_name)},
                                              {"pod-id", text(pod_id)},
                                              {"pod-name", text(pod_name)},
                                              {"metadata-name", text(own_name)}};
constexpr Shape metadata_json = object(metadata_members);

// containers/storage, images.go, Image.
constexpr Shape::Member image_members[] = {{"id", text(record_id)}, {"names", nullable(array(storage_name))}};
constexpr Shape image_record = object(image_members, one_record);
constexpr Shape images_json = array(image_record);

// containerd, api/types/runc/options.
constexpr Shape::Member options_members[] = {{"root", text(id)}};
constexpr Shape options_json = object(options_members);

class OptionsListener final : public Listener {
 public:
  void text(int /*tag*/, std::string_view value) override { root_ = value; }
  std::string packed() const { return root_; }

 private:
  std::string root_;
};

class MetadataListener final : public Listener {
 public:
  void text(int tag, std::string_view value) override {
    if (tag == image_name) image = value;
    marks_ += tag != image_name && !value.empty() ? 1 : 0;
  }
  bool is_crios() const { return marks_ == 3; }
  std::string image;

 private:
  int marks_ = 0;
};

class StorageListener final : public Listener {
 public:
  explicit StorageListener(const std::string& wanted) : wanted_(wanted) {}

  void opened(int tag) override {
    if (tag == one_record) finish();
  }
  void text(int tag, std::string_view value) override {
    if (tag == record_name && !name_) name_ = value;
    if (tag == record_id) id_ = value;
    if (tag == record_image) image_ = value;
    if (tag == metadata) metadata_ = value;
  }

  std::string packed() {
    finish();
    return std::move(found_);
  }

 private:
  // What was collected is one record: kept if it is the one that is wanted.
  void finish() {
    if (id_ == wanted_) {
      if (!found_.empty()) throw host::Error(host::ErrorKind::unverifiable, "it has two records of the container");
      MetadataListener more;
      if (!metadata_.empty()) read_strictly(metadata_, metadata_json, more);
      host::Packer facts;
      for (const std::string& text : {name_.value_or(""), more.image, image_}) facts.text(text);
      facts.number(more.is_crios() ? 1 : 0);
      found_ = facts.take();
    }
    id_.clear(), image_.clear(), metadata_.clear(), name_.reset();
  }

  const std::string& wanted_;
  std::string id_, image_, metadata_, found_;
  std::optional<std::string> name_;
};

// Of a record, the names can come before the id.
class ImageListener final : public Listener {
 public:
  ImageListener(const std::string& wanted, const std::string& name) : wanted_(wanted), name_(name) {}

  void opened(int tag) override {
    if (tag == one_record) finish();
  }
  void text(int tag, std::string_view value) override {
    if (tag == record_id) is_wanted_ = value == wanted_;
    if (tag == record_name) has_name_ = has_name_ || value == name_;
  }

  std::string packed() {
    finish();
    host::Packer facts;
    facts.number(found_ ? 1 : 0);
    return facts.take();
  }

 private:
  void finish() {
    found_ = found_ || (is_wanted_ && has_name_);
    is_wanted_ = has_name_ = false;
  }

  const std::string& wanted_;
  const std::string& name_;
  bool is_wanted_ = false, has_name_ = false, found_ = false;
};

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

// What `listener` makes of the file at `path`, called `shown`; nullopt if there is none. Throws as the header says.
template <class PackingListener>
std::optional<std::string> packed(const std::string& path, const std::string& shown, host::Owner owner,
                                  const Shape& shape, PackingListener listener) {
  const host::FileRules rules{owner, max_document, host::ErrorKind::unverifiable};
  const auto file = host::read_file(AT_FDCWD, path, rules, shown);
  if (!file) return std::nullopt;
  try {
    return read_sandboxed(file->text, shape, std::move(listener), max_answer);
  } catch (const host::Error& error) {
    throw host::Error(host::ErrorKind::unverifiable, shown + ": " + error.what());
  }
}

}  // namespace

std::optional<DockerRecord> read_docker_record(const std::string& data_root, const std::string& wanted) {
  const std::string path = data_root + "/containers/" + wanted + "/config.v2.json";
  const std::string shown = "Docker's record " + host::quoted(path);
  constexpr host::FileRules rules{host::Owner::root, max_document, host::ErrorKind::unverifiable};
  const auto file = host::read_file(AT_FDCWD, path, rules, shown);
  if (!file) return std::nullopt;
  const std::string answer = read_sandboxed(file->text, config_v2, RecordListener(), max_answer);
  host::Unpacker facts(answer);
  std::string texts[label];
  for (std::string& text : texts) text = facts.text();
  DockerRecord record{texts[name], texts[image], texts[image_id], facts.map()};
  facts.end();
  if (texts[id] != wanted) throw host::Error(host::ErrorKind::unverifiable, shown + ": it is another container's");
  if (record.name.starts_with('/')) record.name.erase(0, 1);
  return record;
}

std::optional<StorageRecord> read_storage_record(const std::string& folder, const std::string& id) {
  // Containers that do not outlive a boot are in the second (containers/storage 1.45 and later): all of CRI-O's, and
  // those of `podman run --rm`.
  for (const char* name : {"/containers.json", "/volatile-containers.json"}) {
    const std::string path = folder + name;
    const auto answer = packed(path, "the record " + host::quoted(path), host::Owner::root_or_caller, containers_json,
                               StorageListener(id));
    if (!answer || answer->empty()) continue;
    host::Unpacker facts(*answer);
    StorageRecord record{facts.text(), facts.text(), facts.text(), facts.flag()};
    facts.end();
    return record;
  }
  return std::nullopt;
}

bool is_image_named(const std::string& folder, const std::string& id, const std::string& image_name) {
  const std::string path = folder + "/images.json";
  const auto answer =
      packed(path, "the record " + host::quoted(path), host::Owner::root, images_json, ImageListener(id, image_name));
  if (!answer) return false;
  host::Unpacker facts(*answer);
  const bool is_named = facts.flag();
  facts.end();
  return is_named;
}

std::string read_shim_root(const std::string& folder) {
  const std::string path = folder + "/options.json";
  return packed(path, "the options of containerd's shim " + host::quoted(path), host::Owner::root, options_json,
                OptionsListener())
      .value_or("");
}

}  // namespace oci
