// What holds of every decision, over many random policies and containers. The numbers are the same in every run.

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "config/decision.h"
#include "config/redundancy.h"
#include "tests/unit/catch.h"

using config::Action;
using config::Allowlist;
using config::Container;
using config::decide;
using config::Decision;
using config::Exception;
using config::Exposure;
using config::ExposureKind;
using config::Outcome;
using config::Settings;

namespace {

constexpr int rounds = 3000;

class Dice {
 public:
  std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_); }
  bool coin() { return below(2) == 0; }
  template <class List>
  const auto& one_of(const List& list) {
    return list[below(std::size(list))];
  }
  template <class List>
  void shuffle(List& list) {
    std::shuffle(list.begin(), list.end(), random_);
  }

 private:
  std::mt19937 random_{20261121};
};

const std::vector<std::string> words{"a", "ab", "b", "web", "web-1"}, globs{"a", "a*", "*", "web*", "?", "x", "*b"},
    names{"name", "image", "id", "bundle", "namespace"},
    days{"2026-01-01", "2026-11-20", "2026-11-21", "2026-11-22", "2030-01-01"};

std::vector<ExposureKind> some_kinds(Dice& dice) {
  std::vector<ExposureKind> kinds;
  for (std::size_t kind = 0; kind < config::exposure_names.size(); ++kind)
    if (dice.coin()) kinds.push_back(static_cast<ExposureKind>(kind));
  return kinds;
}

Container some_container(Dice& dice) {
  Container container;
  container.engine = static_cast<host::Engine>(dice.below(host::engine_names.size()));
  for (const std::string& name : names)
    if (dice.coin()) container.attributes[name] = dice.one_of(words);
  if (dice.coin()) container.labels["team"] = dice.one_of(words);
  return container;
}

Exception some_exception(Dice& dice) {
  Exception exception;
  exception.name = dice.one_of(words);
  exception.engines = {static_cast<host::Engine>(dice.below(host::engine_names.size()))};
  if (dice.coin()) exception.engines.push_back(host::Engine::docker);
  do {
    for (const std::string& name : names)
      if (dice.below(4) == 0) exception.conditions[name] = {dice.one_of(globs), dice.one_of(globs)};
    if (dice.below(4) == 0) exception.labels["team"] = {dice.one_of(globs)};
  } while (exception.conditions.empty() && exception.labels.empty());
  exception.allow = some_kinds(dice);
  if (dice.coin()) exception.expires = dice.one_of(days);
  return exception;
}

// A case to decide.
struct Case {
  explicit Case(Dice& dice) : container(some_container(dice)), today(dice.one_of(days)) {
    for (const ExposureKind kind : some_kinds(dice)) exposures.push_back({kind, "seen"});
    for (Action& action : settings.actions) action = static_cast<Action>(dice.below(3));
    for (std::size_t count = dice.below(6); count > 0; --count) allowlist.exceptions.push_back(some_exception(dice));
  }
  Decision decision() const { return decide(exposures, container, settings, allowlist, today); }

  std::vector<Exposure> exposures;
  Container container;
  Settings settings;
  Allowlist allowlist;
  std::string today;
};

// Outcome, and each exposure's action and exception; not the exceptions that expired, whose order is the file's.
std::string as_text(const Decision& decision) {
  std::string out(config::name_of(decision.outcome));
  for (const auto& judged : decision.exposures)
    out += " " + std::string(config::name_of(judged.action)) + "(" +
           (judged.exception ? judged.exception->name : std::string()) + ")";
  return out;
}

}  // namespace

TEST_CASE("the cases are of every sort") {
  Dice dice;
  int count[3] = {}, excepted = 0;
  for (int round = 0; round < rounds; ++round) {
    const Decision decision = Case(dice).decision();
    ++count[static_cast<int>(decision.outcome)];
    for (const auto& judged : decision.exposures) excepted += judged.action == Action::excepted ? 1 : 0;
  }
  for (const int one : count) CHECK(one > rounds / 20);
  CHECK(excepted > rounds / 20);
}

TEST_CASE("an exception that does not match the container changes nothing, wherever it stands") {
  Dice dice;
  int added = 0;
  while (added < rounds) {
    Case one(dice);
    const std::string before = as_text(one.decision());
    // It does not match for one of three reasons, none of which asks Exception::matches.
    Exception other = some_exception(dice);
    const std::size_t why = dice.below(3);
    if (why == 0) {
      const auto engine = (static_cast<std::size_t>(one.container.engine) + 1) % host::engine_names.size();
      other.engines = {static_cast<host::Engine>(engine)};
    } else if (why == 1) {
      other.conditions["pod"] = {"*"};  // the container has none
    } else {
      other.labels["team"] = {"nobody has this", "nor this"};
    }
    auto& list = one.allowlist.exceptions;
    list.insert(list.begin() + static_cast<std::ptrdiff_t>(dice.below(list.size() + 1)), other);
    if (as_text(one.decision()) != before) FAIL_CHECK(before << " became " << as_text(one.decision()));
    ++added;
  }
  CHECK(added == rounds);
}

TEST_CASE("an exception only ever adds: with it the outcome is never worse") {
  Dice dice;
  int better = 0;
  for (int round = 0; round < rounds; ++round) {
    Case one(dice);
    const Outcome before = one.decision().outcome;
    one.allowlist.exceptions.push_back(some_exception(dice));
    if (one.decision().outcome > before) FAIL_CHECK("worse in round " << round);
    if (one.decision().outcome < before) ++better;
  }
  CHECK(better > 0);
}

TEST_CASE("the order of exceptions, and so of files, does not matter") {
  Dice dice;
  for (int round = 0; round < rounds; ++round) {
    Case one(dice);
    const std::string before = as_text(one.decision());
    dice.shuffle(one.allowlist.exceptions);
    if (as_text(one.decision()) != before) FAIL_CHECK(before << " became " << as_text(one.decision()));
  }
  SUCCEED();
}

TEST_CASE("the order of exposures does not change the outcome, nor what becomes of each") {
  Dice dice;
  for (int round = 0; round < rounds; ++round) {
    Case one(dice);
    const Decision before = one.decision();
    std::reverse(one.exposures.begin(), one.exposures.end());
    Decision after = one.decision();
    std::reverse(after.exposures.begin(), after.exposures.end());
    if (as_text(after) != as_text(before)) FAIL_CHECK(as_text(before) << " became " << as_text(after));
  }
  SUCCEED();
}

TEST_CASE("an exception that is there twice changes nothing") {
  Dice dice;
  for (int round = 0; round < rounds; ++round) {
    Case one(dice);
    auto& list = one.allowlist.exceptions;
    if (list.empty()) continue;
    const std::string before = as_text(one.decision());
    const Exception again = dice.one_of(list);
    list.insert(list.begin() + static_cast<std::ptrdiff_t>(dice.below(list.size() + 1)), again);
    if (as_text(one.decision()) != before) FAIL_CHECK(before << " became " << as_text(one.decision()));
  }
  SUCCEED();
}

TEST_CASE("without an exception that is told to be redundant every outcome is the same, today and on later days") {
  Dice dice;
  int taken = 0;
  for (int round = 0; round < 4 * rounds; ++round) {
    Case one(dice);
    Case without = one;
    const auto found = config::redundancies(one.allowlist.exceptions, one.today);
    auto& list = without.allowlist.exceptions;
    list.clear();
    for (const Exception& exception : one.allowlist.exceptions)
      if (std::none_of(found.begin(), found.end(), [&](const auto& told) { return told.redundant == &exception; }))
        list.push_back(exception);
    for (const std::string& day : days) {
      if (day < one.today) continue;
      one.today = without.today = day;
      if (one.decision().outcome != without.decision().outcome) FAIL_CHECK("round " << round << " on " << day);
    }
    taken += static_cast<int>(found.size());
  }
  CHECK(taken > rounds / 100);
}

TEST_CASE("once no exception grants an exposure on a day, none does on a later one") {
  Dice dice;
  int ended = 0;
  for (int round = 0; round < rounds; ++round) {
    Case one(dice);
    std::vector<bool> over(one.exposures.size());
    for (const std::string& day : days) {
      one.today = day;
      const Decision decision = one.decision();
      for (std::size_t at = 0; at < over.size(); ++at) {
        const bool excepted = decision.exposures[at].action == Action::excepted;
        if (excepted && over[at]) FAIL_CHECK("granted again on " << day << " in round " << round);
        if (!excepted && !over[at] && &day != &days.front()) ++ended;
        over[at] = !excepted;
      }
    }
  }
  CHECK(ended > 0);
}

TEST_CASE("as days go by the outcome never gets better") {
  Dice dice;
  int worse = 0;
  for (int round = 0; round < rounds; ++round) {
    Case one(dice);
    Outcome before = Outcome::allow;
    for (const std::string& day : days) {
      one.today = day;
      const Outcome now = one.decision().outcome;
      if (now < before) FAIL_CHECK("better on " << day << " in round " << round);
      if (now > before && &day != &days.front()) ++worse;
      before = now;
    }
  }
  CHECK(worse > 0);
}

TEST_CASE("the outcome is the worst of the actions, and is excepted only by one that stands there and grants it") {
  Dice dice;
  for (int round = 0; round < rounds; ++round) {
    const Case one(dice);
    const Decision decision = one.decision();
    Outcome worst = Outcome::allow;
    REQUIRE(decision.exposures.size() == one.exposures.size());
    for (const auto& judged : decision.exposures) {
      if (judged.action == Action::warn) worst = std::max(worst, Outcome::warn);
      if (judged.action == Action::refuse) worst = std::max(worst, Outcome::refuse);
      if ((judged.action == Action::excepted) == !judged.exception) FAIL_CHECK("round " << round);
      if (!judged.exception) continue;
      const auto& list = one.allowlist.exceptions;
      const bool stands = std::any_of(list.begin(), list.end(), [&](const Exception& exception) {
        return exception.name == judged.exception->name && exception.grants(judged.exposure.kind) &&
               (exception.expires.empty() || exception.expires >= one.today);
      });
      if (!stands) FAIL_CHECK("round " << round);
    }
    if (worst != decision.outcome) FAIL_CHECK("round " << round);
  }
  SUCCEED();
}
