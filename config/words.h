// Reading words out of a closed list from a policy file.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.h"
#include "config/vocabulary.h"
#include "host/text.h"

namespace config {

// The first `count` of `names`, as messages list them.
template <std::size_t size>
std::string listed(const std::array<std::string_view, size>& names, std::size_t count = size) {
  std::string known;
  for (std::size_t at = 0; at < count; ++at) known += (at == 0 ? "" : ", ") + std::string(names[at]);
  return known;
}

// A name out of `names`, of which the first `count` may be given here.
template <class Value, std::size_t size>
void read_name(Document& document, const Node& node, std::string_view what,
               const std::array<std::string_view, size>& names, Value& into, std::size_t count = size) {
  const auto name = document.read_text(node, what);
  if (!name) return;
  if (const auto value = value_of<Value>(names, *name, count)) {
    into = *value;
    return;
  }
  document.problem(node.offset,
                   std::string(what) + " is " + host::quoted(*name) + " and should be one of: " + listed(names, count));
}

// One text or a list of them that must all be names out of `names`.
template <class Value, std::size_t size>
std::vector<Value> read_names(Document& document, const Node& node, std::string_view what,
                              const std::array<std::string_view, size>& names) {
  std::vector<Value> values;
  for (const std::string& text : document.read_texts(node, what)) {
    if (const auto value = value_of<Value>(names, text))
      values.push_back(*value);
    else
      document.problem(node.offset,
                       std::string(what) + " has " + host::quoted(text) + " and may have: " + listed(names));
  }
  return values;
}

}  // namespace config
