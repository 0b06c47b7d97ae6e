// Who a container is, as far as that is established. What is absent matches nothing.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "host/engine.h"

namespace config {

// What an exception can name besides engine and labels.
constexpr std::array<std::string_view, 8> attribute_names = {"id",       "bundle",    "name", "image",
                                                             "image_id", "namespace", "pod",  "container"};

struct Container {
  host::Engine engine = host::Engine::unknown;
  std::map<std::string, std::string, std::less<>> attributes;  // by attribute_names; `image` as the engine knows it
  std::map<std::string, std::string, std::less<>> labels;
  std::string
      unestablished;  // why the engine's own record of it could not be used; empty if it could, or there is none

  std::optional<std::string> attribute(std::string_view name) const {
    const auto found = attributes.find(name);
    return found == attributes.end() ? std::nullopt : std::optional(found->second);
  }
};

}  // namespace config
