// What engines have on disk about a container. The first byte chooses whose.
#include "oci/engine_record.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/scratch.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Scratch docker("containers/x"), storage, shim;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 3 == 0) {
    shim.write("options.json", text);
    fuzz::survives([&] { oci::read_shim_root(shim.path()); });
  } else if (data[0] % 3 == 2) {
    docker.write("config.v2.json", text);
    fuzz::survives([&] { oci::read_docker_record(docker.root(), "x"); });
  } else {
    storage.write("containers.json", text);
    fuzz::survives([&] { oci::read_storage_record(storage.path(), "x"); });
  }
  return 0;
}
