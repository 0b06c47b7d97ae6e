// /etc/ipcguard/config.json: problems are data, and with one of them the defaults hold.
#include "config/settings.h"
#include "tests/fuzz/harness.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = config::parse_settings("f", {reinterpret_cast<const char*>(data), size});
  for (const config::Problem& problem : file.problems) fuzz::check_message(problem.text());
  if (!file.problems.empty()) {
    fuzz::require(file.settings.mode == config::Mode::enforce, "broken settings enforce");
    fuzz::require(file.settings.actions == config::Settings().actions, "broken settings keep the defaults");
  }
  return 0;
}
