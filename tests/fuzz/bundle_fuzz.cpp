// config.json, through the strict reader. What was read once is read alike again.
#include "oci/bundle.h"
#include "tests/fuzz/harness.h"

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
  });
  return 0;
}
