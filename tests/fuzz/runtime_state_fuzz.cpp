// What a runtime has on disk, and what its `state` command prints. The first byte chooses which.
#include "oci/runtime_state.h"
#include "tests/fuzz/harness.h"
#include "tests/fuzz/scratch.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Scratch scratch;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 3 == 0) {
    fuzz::survives([&] { oci::read_state_output(text); });
    return 0;
  }
  const char* const name = data[0] % 3 == 1 ? "state.json" : "status";
  scratch.write(name, text);
  fuzz::survives([&] {
    const auto state = oci::read_runtime_state(scratch.path());
    fuzz::require(!state || state->pid > 0, "a state names a process");
  });
  scratch.remove(name);
  return 0;
}
