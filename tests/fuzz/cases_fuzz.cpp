// The cases of `ipcguard test`: with a problem in the file there are none; those that there are can be judged.
#include "config/cases.h"
#include "tests/fuzz/harness.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const config::Cases cases = config::parse_cases("f", {reinterpret_cast<const char*>(data), size});
  for (const config::Problem& problem : cases.problems) fuzz::check_message(problem.text());
  fuzz::require(cases.problems.empty() != cases.cases.empty(), "there are cases, or there is a problem");
  for (const config::Case& one : cases.cases) {
    fuzz::require(!one.name.empty(), "a case has a name");
    fuzz::require(one.container.has_value() == one.bundle.empty(), "it is of a container, or of a bundle");
    fuzz::require(one.container || one.exposures.empty(), "a bundle has the exposures that it declares");
  }
  return 0;
}
