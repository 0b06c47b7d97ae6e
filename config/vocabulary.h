// The product's words, as they stand in settings, allowlists and decision records.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace config {

// One way in which a container would reach IPC that is not its own.
enum class ExposureKind { host_ipc, foreign_ipc, host_shm, host_mqueue, host_shm_recursive, host_proc };
constexpr std::array<std::string_view, 6> exposure_names = {"host-ipc",    "foreign-ipc",        "host-shm",
                                                            "host-mqueue", "host-shm-recursive", "host-proc"};

// What is done about an exposure. `excepted` is never a setting.
enum class Action { allow, warn, refuse, excepted };
constexpr std::array<std::string_view, 4> action_names = {"allow", "warn", "refuse", "excepted"};

enum class Mode { enforce, audit };
constexpr std::array<std::string_view, 2> mode_names = {"enforce", "audit"};

constexpr std::string_view name_of(ExposureKind kind) { return exposure_names[static_cast<std::size_t>(kind)]; }
constexpr std::string_view name_of(Action action) { return action_names[static_cast<std::size_t>(action)]; }
constexpr std::string_view name_of(Mode mode) { return mode_names[static_cast<std::size_t>(mode)]; }

// The value that `name` stands for among the first `count` of `names`; nullopt if none.
template <class Value, std::size_t size>
constexpr std::optional<Value> value_of(const std::array<std::string_view, size>& names, std::string_view name,
                                        std::size_t count = size) {
  for (std::size_t at = 0; at < count; ++at)
    if (names[at] == name) return static_cast<Value>(at);
  return std::nullopt;
}

}  // namespace config
