#include "host/text.h"

#include <cerrno>
#include <cstdint>

namespace host {

std::string reason(int error_number) {
  switch (error_number) {
    case ENOENT: return "it does not exist";
    case EACCES: return "access is denied";
    case EPERM: return "the kernel does not permit it";
    case ENOTDIR: return "a parent of it is not a folder";
    case EISDIR: return "it is a folder";
    case ELOOP: return "it has too many symbolic links";
    case ENXIO: return "nothing is at its other end";
    case ENOSPC: return "the disk is full";
    case EROFS: return "the file system is read-only";
    case EMFILE:
    case ENFILE: return "too many files are open";
    case ENOMEM: return "memory is short";
    case ENAMETOOLONG: return "the name is too long";
    case ENOEXEC: return "it is not a program";
    case ESRCH: return "the process is gone";
    default: return "error number " + std::to_string(error_number);
  }
}

std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
  if (text.empty()) return 0;
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                             : lead >= 0xE0 && lead <= 0xEF ? 3
                             : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                            : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t at = 1; at < length; ++at)
    if ((byte(at) & 0xC0) != 0x80) return 0;
  // Overlong forms, surrogates and what lies beyond U+10FFFF (Unicode 15, table 3-7).
  if ((lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) > 0x9F)) return 0;
  if ((lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) > 0x8F)) return 0;
  return length;
}

std::string printable(std::string_view text, std::size_t limit) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string out;
  while (!text.empty()) {
    if (out.size() >= limit) return out + "…";
    const std::size_t length = utf8_length(text);
    const auto lead = static_cast<std::uint8_t>(text[0]);
    // C1 controls (U+0080 to U+009F) and U+2028/9 also end a line or steer a terminal.
    const bool control = lead < 0x20 || lead == 0x7F ||
                         (length == 2 && lead == 0xC2 && static_cast<std::uint8_t>(text[1]) < 0xA0) ||
                         text.substr(0, 3) == "\xE2\x80\xA8" || text.substr(0, 3) == "\xE2\x80\xA9";
    if (length == 0 || control) {
      const std::size_t raw = length == 0 ? 1 : length;
      for (std::size_t at = 0; at < raw; ++at) {
        const auto byte = static_cast<std::uint8_t>(text[at]);
        out += "\\x";
        out += hex[byte >> 4U];
        out += hex[byte & 15U];
      }
      text.remove_prefix(raw);
    } else {
      out += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return out;
}

std::string quoted(std::string_view text, std::size_t limit) {
  std::string out = "'";
  for (const char letter : printable(text, limit)) out += letter == '\'' ? "\\x27" : std::string(1, letter);
  return out + "'";
}

}  // namespace host
