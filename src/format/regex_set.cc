#include "format/regex_set.h"

#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>

namespace weir::format {

namespace {

/// For the program and the states that it was in; when they fill it, RE2 begins anew.
constexpr int64_t kMaxMemory = 64 << 20;

re2::RE2::Options options() {
  re2::RE2::Options result(re2::RE2::Quiet);
  result.set_max_mem(kMaxMemory);
  return result;
}

}  // namespace

struct RegexSet::Compiled {
  re2::RE2::Set set{options(), re2::RE2::ANCHOR_BOTH};
};

RegexSet::RegexSet(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
RegexSet::~RegexSet() = default;

std::unique_ptr<const RegexSet> RegexSet::build(std::span<const Regex> regexes) {
  auto compiled = std::make_unique<Compiled>();
  for (const Regex& regex : regexes) {
    const std::string_view pattern = regex.pattern();
    if (compiled->set.Add({pattern.data(), pattern.size()}, nullptr) < 0) return nullptr;
  }
  if (!compiled->set.Compile()) return nullptr;
  return std::unique_ptr<const RegexSet>(new RegexSet(std::move(compiled)));
}

bool RegexSet::find(std::string_view text, std::vector<int>& positions) const {
  re2::RE2::Set::ErrorInfo error{};
  if (!compiled_->set.Match({text.data(), text.size()}, &positions, &error)) return error.kind == re2::RE2::Set::kNoError;
  std::ranges::sort(positions);
  return true;
}

}  // namespace weir::format
