#include "config/explain.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "host/text.h"

namespace config {

namespace {

constexpr std::size_t max_listed = 4;  // globs of a condition

std::string alternatives(const Globs& globs) {
  std::string out;
  for (std::size_t at = 0; at < std::min(globs.size(), max_listed); ++at)
    out += (at == 0 ? "" : " or ") + host::quoted(globs[at], 128);
  return globs.size() > max_listed ? out + " or one of " + std::to_string(globs.size() - max_listed) + " more" : out;
}

std::string failure(const std::string& what, const std::optional<std::string>& value, const Globs& globs) {
  return what + (value ? " is " + host::quoted(*value, 256) : " is not known") + ", wanted " + alternatives(globs);
}

std::vector<std::string> failed_of(const Exception& exception, const std::vector<ExposureKind>& wanted,
                                   const Container& container, std::string_view today) {
  std::vector<std::string> failed;
  if (std::find(exception.engines.begin(), exception.engines.end(), container.engine) == exception.engines.end()) {
    std::string engines;
    for (const host::Engine engine : exception.engines)
      engines += (engines.empty() ? "" : " or ") + std::string(host::name_of(engine));
    failed.push_back("engine is " + std::string(host::name_of(container.engine)) + ", wanted " + engines);
  }
  for (const auto& [name, globs] : exception.conditions) {
    const auto texts = texts_of(container, name);
    if (std::none_of(texts.begin(), texts.end(),
                     [&, &any = globs](const auto& text) { return any_matches(any, text); }))
      failed.push_back(failure(name, container.attribute(name), globs));
  }
  for (const auto& [name, globs] : exception.labels) {
    const auto label = container.labels.find(name);
    const auto value = label == container.labels.end() ? std::nullopt : std::optional(label->second);
    if (!value || !any_matches(globs, *value))
      failed.push_back(failure("label " + host::quoted(name, 128), value, globs));
  }
  if (exception.expired(today)) failed.push_back("expired on " + exception.expires);
  std::vector<ExposureKind> told;
  for (const ExposureKind kind : wanted) {
    if (exception.grants(kind) || std::find(told.begin(), told.end(), kind) != told.end()) continue;
    failed.push_back("does not allow " + std::string(name_of(kind)));
    told.push_back(kind);
  }
  return failed;
}

}  // namespace

std::vector<NearMiss> near_misses(const std::vector<ExposureKind>& wanted, const Container& container,
                                  const Allowlist& allowlist, std::string_view today, std::size_t limit) {
  std::vector<NearMiss> misses;
  for (const Exception& exception : allowlist.exceptions)
    if (auto failed = failed_of(exception, wanted, container, today); !failed.empty())
      misses.push_back({&exception, std::move(failed)});
  std::sort(misses.begin(), misses.end(), [](const NearMiss& one, const NearMiss& other) {
    return std::tuple(one.failed.size(), std::string_view(one.exception->name)) <
           std::tuple(other.failed.size(), std::string_view(other.exception->name));
  });
  if (misses.size() > limit) misses.resize(limit);
  return misses;
}

}  // namespace config
