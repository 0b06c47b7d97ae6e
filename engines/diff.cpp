// `diff -u`, for what --dry-run shows.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "engines/configure.h"

namespace engines {

namespace {

constexpr std::size_t context = 3;
// Lines that are compared one with another; beyond that all of the old ones go and all of the new ones come.
constexpr std::size_t max_cells = 25'000'000;

using Lines = std::vector<std::string_view>;

Lines lines_of(const Text& text) {
  Lines lines;
  for (std::string_view rest = text ? std::string_view(*text) : std::string_view(); !rest.empty();) {
    const std::size_t end = rest.find('\n');
    const std::size_t size = end == std::string_view::npos ? rest.size() : end + 1;
    lines.push_back(rest.substr(0, size));
    rest.remove_prefix(size);
  }
  return lines;
}

struct Step {
  char sign;  // ' ', '-' or '+'
  std::string_view line;
};

// By the longest common subsequence, once what begins and ends alike is set aside.
std::vector<Step> steps_of(const Lines& old, const Lines& now) {
  std::size_t head = 0, tail = 0;
  const std::size_t shorter = std::min(old.size(), now.size());
  while (head < shorter && old[head] == now[head]) ++head;
  while (tail < shorter - head && old[old.size() - 1 - tail] == now[now.size() - 1 - tail]) ++tail;
  const std::size_t m = old.size() - head - tail, n = now.size() - head - tail;
  std::vector<std::vector<unsigned>> common(m + 1, std::vector<unsigned>(m * n <= max_cells ? n + 1 : 0));
  if (m * n <= max_cells)
    for (std::size_t i = m; i-- > 0;)
      for (std::size_t j = n; j-- > 0;)
        common[i][j] =
            old[head + i] == now[head + j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
  std::vector<Step> steps;
  for (std::size_t i = 0; i < head; ++i) steps.push_back({' ', old[i]});
  std::size_t i = 0, j = 0;
  while (i < m || j < n) {
    const bool both = i < m && j < n && m * n <= max_cells;
    if (both && old[head + i] == now[head + j]) {
      steps.push_back({' ', old[head + i]});
      ++i, ++j;
    } else if (i < m && (!both || common[i + 1][j] >= common[i][j + 1])) {
      steps.push_back({'-', old[head + i++]});
    } else {
      steps.push_back({'+', now[head + j++]});
    }
  }
  for (std::size_t k = old.size() - tail; k < old.size(); ++k) steps.push_back({' ', old[k]});
  return steps;
}

// "12,3": as diff has it, the line before where there is none.
std::string range(std::size_t line, std::size_t count) {
  return std::to_string(count == 0 ? line - 1 : line) + (count == 1 ? "" : "," + std::to_string(count));
}

std::string hunks(const std::vector<Step>& steps) {
  std::string out;
  std::size_t old_line = 1, new_line = 1;
  for (std::size_t at = 0; at < steps.size();) {
    std::size_t change = at;
    while (change < steps.size() && steps[change].sign == ' ') ++change;
    if (change == steps.size()) break;
    const std::size_t begin = change - std::min(change - at, context);
    std::size_t last = change;  // the last change that is near enough to the one before it
    for (std::size_t i = change; i < steps.size() && i - last <= 2 * context; ++i)
      if (steps[i].sign != ' ') last = i;
    const std::size_t end = std::min(last + 1 + context, steps.size());
    old_line += begin - at;
    new_line += begin - at;
    std::size_t olds = 0, news = 0;
    std::string body;
    for (std::size_t i = begin; i < end; ++i) {
      olds += steps[i].sign != '+';
      news += steps[i].sign != '-';
      body += steps[i].sign + std::string(steps[i].line);
      if (steps[i].line.back() != '\n') body += "\n\\ No newline at end of file\n";
    }
    out += "@@ -" + range(old_line, olds) + " +" + range(new_line, news) + " @@\n" + body;
    old_line += olds;
    new_line += news;
    at = end;
  }
  return out;
}

}  // namespace

std::string unified_diff(const Changes& changes) {
  std::string out;
  for (const Change& change : changes) {
    out += "--- " + (change.before ? change.path : "/dev/null") + "\n+++ " +
           (change.after ? change.path : "/dev/null") + "\n" +
           hunks(steps_of(lines_of(change.before), lines_of(change.after)));
  }
  return out;
}

}  // namespace engines
