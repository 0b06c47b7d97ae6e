// Days of the calendar, UTC, as texts like "2027-03-31", which compare as the days do.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace config {

// The day that `text` stands for; nullopt if it is none.
std::optional<std::chrono::sys_days> day_of(std::string_view text);

std::string text_of(std::chrono::sys_days day);

}  // namespace config
