// Changes JSON by its members, beside libFuzzer's changes of bytes, which seldom leave a document: a member comes twice
// or elsewhere, or goes, or its key is spelt in a way that some readers take for the same.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

// Not there under AFL++, which has mutators of its own.
extern "C" [[gnu::weak]] std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

struct Member {
  std::size_t begin, key_end, end;
};

std::size_t skip_blanks(std::string_view text, std::size_t at) {
  return std::min(text.find_first_not_of(" \t\r\n", at), text.size());
}

std::size_t after_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at)
    if (text[at] == '\\') ++at;
  return std::min(at + 1, text.size());
}

std::size_t after_value(std::string_view text, std::size_t at) {
  for (int depth = 0; at < text.size();) {
    const char c = text[at];
    if (depth == 0 && (c == ',' || c == '}' || c == ']')) break;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    at = c == '"' ? after_string(text, at) : at + 1;
  }
  return at;
}

// Those of objects, and the objects in arrays, which have no key.
std::vector<Member> members_of(std::string_view text) {
  std::vector<Member> members;
  char before = 0;
  for (std::size_t at = skip_blanks(text, 0); at < text.size();) {
    const std::size_t end = text[at] == '"' ? after_string(text, at) : at + 1, next = skip_blanks(text, end);
    if (text[at] == '"' && next < text.size() && text[next] == ':')
      members.push_back({at, end, after_value(text, next + 1)});
    if (text[at] == '{' && (before == '[' || before == ',')) members.push_back({at, at, after_value(text, at)});
    before = text[at];
    at = next;
  }
  return members;
}

void take_away(std::string& text, const Member& member) {
  const std::size_t next = skip_blanks(text, member.end);
  const std::size_t before = member.begin == 0 ? text.npos : text.find_last_not_of(" \t\r\n", member.begin - 1);
  const bool comma_before = before != text.npos && text[before] == ',';
  if (next < text.size() && text[next] == ',')
    text.erase(member.begin, next + 1 - member.begin);
  else
    text.erase(comma_before ? before : member.begin, member.end - (comma_before ? before : member.begin));
}

void spell(std::string& text, const Member& member, std::size_t where, std::size_t how) {
  const std::size_t size = member.key_end - member.begin - 2;
  if (member.key_end < member.begin + 3) return;
  const std::size_t at = member.begin + 1 + where % size;
  const char c = text[at];
  constexpr const char* hex = "0123456789abcdef";
  if (how % 3 == 0 && c >= ' ' && c != '\\')
    text.replace(at, 1, std::string("\\u00") + hex[c / 16] + hex[c % 16]);
  else if (how % 3 == 1 && (c == 's' || c == 'k'))
    text.replace(at, 1, c == 's' ? "\u017F" : "\u212A");
  else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
    text[at] = static_cast<char>(c ^ ' ');
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  std::minstd_rand random(seed);
  const auto pick = [&](std::size_t count) { return static_cast<std::size_t>(random()) % count; };
  std::string text(reinterpret_cast<const char*>(data), size);
  const std::vector<Member> members = members_of(text);
  if (members.empty() || pick(2) == 0) return LLVMFuzzerMutate(data, size, max_size);
  const Member one = members[pick(members.size())];
  Member other = members[pick(members.size())];
  if ((one.key_end == one.begin) != (other.key_end == other.begin)) other = one;
  const std::string copy = text.substr(one.begin, one.end - one.begin);
  switch (pick(5)) {
    case 0: text.insert(one.end, "," + copy); break;
    case 1: text.insert(other.end, "," + copy); break;
    case 2: text.insert(other.begin, copy + ","); break;
    case 3: take_away(text, one); break;
    default: spell(text, one, random(), random()); break;
  }
  if (text.empty() || text.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::memcpy(data, text.data(), text.size());
  return text.size();
}
