// config.json, through the strict reader. What is accepted, a plain reader sees too, and written anew it says the same.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "oci/bundle.h"
#include "tests/fuzz/harness.h"

namespace {

std::string told(const std::optional<oci::Namespace>& one) {
  return !one ? "none" : one->path ? "path " + *one->path : "new";
}

// The last entry of the type, by a reader that knows no rules.
std::string plainly(const nlohmann::json& document, const char* type) {
  std::string found = "none";
  if (document.contains("linux") && document["linux"].contains("namespaces"))
    for (const nlohmann::json& entry : document["linux"]["namespaces"])
      if (entry.value("type", "") == type) found = entry.contains("path") ? "path " + entry.value("path", "") : "new";
  return found;
}

bool same(const oci::Bundle& a, const oci::Bundle& b) {
  const auto same_source = [](const oci::MountSource& one, const oci::MountSource& other) {
    return one.name == other.name && one.path == other.path && one.recursive == other.recursive &&
           one.root == other.root;
  };
  return told(a.ipc) == told(b.ipc) && told(a.pid) == told(b.pid) && told(a.mount) == told(b.mount) &&
         a.cgroups_path == b.cgroups_path && a.annotations == b.annotations &&
         std::equal(a.sources.begin(), a.sources.end(), b.sources.begin(), b.sources.end(), same_source);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view document(reinterpret_cast<const char*>(data), size);
  fuzz::survives([&] {
    const oci::Bundle bundle = oci::read_bundle(document);
    for (const auto& [key, value] : bundle.annotations)
      fuzz::require(oci::is_kept_annotation(key), "no annotation is kept but those that are asked for");
    for (const auto* one : {&bundle.ipc, &bundle.pid, &bundle.mount})
      if (*one && (*one)->path) fuzz::require(!(*one)->path->empty(), "a path is not empty");
    fuzz::require(document.find('\0') == std::string_view::npos, "no NUL is accepted");
    fuzz::require(!document.starts_with("\xEF\xBB\xBF"), "no byte order mark is accepted");
    const auto plain = nlohmann::json::parse(document, nullptr, false);
    fuzz::require(!plain.is_discarded(), "what is accepted is JSON");
    fuzz::require(told(bundle.ipc) == plainly(plain, "ipc") && told(bundle.pid) == plainly(plain, "pid") &&
                      told(bundle.mount) == plainly(plain, "mount"),
                  "a plain reader sees the same namespaces");
    fuzz::require(same(bundle, oci::read_bundle(plain.dump())), "written anew it says the same");
  });
  return 0;
}
