// How facts travel from the sandboxed child to us: numbers and strings, each with its length, in a fixed order. What
// arrives is checked here for form, and by its reader for sense.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "host/error.h"

namespace host {

class Packer {
 public:
  void number(std::uint64_t value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void text(std::string_view value) {
    number(value.size());
    bytes_ += value;
  }
  void map(const std::map<std::string, std::string>& entries) {
    number(entries.size());
    for (const auto& [key, value] : entries) {
      text(key);
      text(value);
    }
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : rest_(bytes) {}

  std::uint64_t number() {
    std::uint64_t value = 0;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  bool flag() { return checked(number(), 1) == 1; }
  std::string text() { return std::string(take(checked(number(), rest_.size()))); }
  std::map<std::string, std::string> map() {
    std::map<std::string, std::string> entries;
    for (auto left = checked(number(), rest_.size()); left > 0; --left) {
      std::string key = text();
      entries.emplace(std::move(key), text());
    }
    return entries;
  }
  void end() const {
    if (!rest_.empty()) nonsense();
  }

 private:
  [[noreturn]] static void nonsense() {
    throw Error(ErrorKind::unverifiable, "the sandboxed reader answered nonsense");
  }
  static std::uint64_t checked(std::uint64_t value, std::uint64_t most) {
    if (value > most) nonsense();
    return value;
  }
  std::string_view take(std::size_t size) {
    if (size > rest_.size()) nonsense();
    const std::string_view part = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return part;
  }

  std::string_view rest_;
};

}  // namespace host
