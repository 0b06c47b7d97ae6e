// Docker's daemon.json, edited as a text. What comes out says what went in and our runtime, and is taken back to the
// byte.
#include <nlohmann/json.hpp>

#include "engines/docker.h"
#include "tests/fuzz/harness.h"

using Json = nlohmann::ordered_json;

namespace {

// Read plainly; `discarded` where it is no JSON.
Json read(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return text.find_first_not_of(" \t\r\n") == text.npos ? Json::object() : Json::parse(text, nullptr, false);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  engines::Wish wish;
  wish.shim = "/usr/local/bin/ipcguard-runtime";
  wish.make_default = true;
  engines::Registrations known;
  fuzz::survives([&] { known = engines::docker_registrations(text, "f"); });
  fuzz::survives([&] { engines::docker_take(text, std::nullopt, "f", wish.shim); });
  engines::Text with;
  if (!fuzz::survives([&] { with = engines::docker_put(text, "f", wish); })) return 0;
  fuzz::require(engines::docker_put(with, "f", wish) == with, "what is there is not put there again");
  for (const engines::Registration& one : engines::docker_registrations(with, "f"))
    fuzz::require(one.is_default == (one.name == wish.name), "our runtime is the default, and no other");
  Json was = read(text), is = read(*with);
  fuzz::require(is.is_object() && was.is_object(), "it was JSON, and is");
  fuzz::require(is["default-runtime"] == wish.name && is["runtimes"].contains(wish.name), "our runtime is there");
  for (Json* one : {&was, &is}) {
    if (one->contains("runtimes") && (*one)["runtimes"].is_object()) (*one)["runtimes"].erase(wish.name);
    if (one->contains("runtimes") && (*one)["runtimes"].empty()) one->erase("runtimes");
    one->erase("default-runtime");
  }
  fuzz::require(is == was, "all else says what it said");
  fuzz::survives([&] { engines::docker_take(with, text, "f", wish.shim); });
  return 0;
}
