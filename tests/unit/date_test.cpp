#include "config/date.h"

#include "tests/unit/catch.h"

using config::day_of;

TEST_CASE("days are read and written alike") {
  for (const char* day : {"1970-01-01", "2024-02-29", "2026-11-21", "9999-12-31", "0001-01-01"}) {
    REQUIRE(day_of(day));
    CHECK(config::text_of(*day_of(day)) == day);
  }
  CHECK(config::text_of(*day_of("2026-11-22") + std::chrono::days(90)) == "2027-02-20");
}

TEST_CASE("what is no day of the calendar is none") {
  for (const char* text :
       {"", "2026", "2026-11-1", "2026-11-211", "2026-13-01", "2026-00-01", "2026-02-30", "2025-02-29", "2100-02-29",
        "2026/11/21", "+026-11-21", "2026-11-2x", "0000-01-01", "2026-11-00"})
    CHECK_FALSE(day_of(text));
}
