// One question to an engine's local socket.
#pragma once

#include <optional>
#include <string>

namespace engines {

// The body of the answer to GET `target`, if that is 200; none if nobody answers there within 20 s.
std::optional<std::string> http_get(const std::string& socket, const std::string& target);

}  // namespace engines
