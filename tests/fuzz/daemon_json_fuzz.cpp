// Docker's daemon.json, edited as a text. What comes out says what went in and our runtime, and once that is taken out
// what it said before.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "engines/behind.h"
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
  const auto rest = [&](Json file) {
    if (file.contains("runtimes") && file["runtimes"].is_object()) file["runtimes"].erase(wish.name);
    if (file.contains("runtimes") && file["runtimes"].empty()) file.erase("runtimes");
    file.erase("default-runtime");
    return file;
  };
  fuzz::require(rest(is) == rest(was), "all else says what it said");
  if (std::any_of(known.begin(), known.end(), [&](const auto& one) { return engines::is_shim(one.path, wish.shim); }))
    return 0;
  const Json left = read(engines::docker_take(with, text, "f", wish.shim).value_or(""));
  const auto standard = [](const Json& file) { return file.value("default-runtime", Json()); };
  fuzz::require(rest(left) == rest(was) && !left.value("runtimes", Json::object()).contains(wish.name),
                "our runtime is taken out, and nothing else");
  fuzz::require(standard(left) == standard(was) || (standard(left).is_null() && standard(was) == ""),
                "the default is the one that it was");
  return 0;
}
