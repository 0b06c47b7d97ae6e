// Words for people: error numbers and foreign strings, made fit for a one-line message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace host {

// What an errno means, in words that no engine takes for something else: Docker turns "no such file or directory"
// into exit 127 and "permission denied" into 126 (moby, daemon/start.go, translateContainerdStartErr).
std::string reason(int error_number);

// `text` on one line: control characters, quotes and bytes that are not UTF-8 escaped, cut after `limit` bytes.
std::string printable(std::string_view text, std::size_t limit = 512);

// `text` between single quotes, printable, and without any within.
std::string quoted(std::string_view text, std::size_t limit = 512);

// How many bytes the well-formed UTF-8 sequence at the front of `text` has; 0 if there is none.
std::size_t utf8_length(std::string_view text);

}  // namespace host
