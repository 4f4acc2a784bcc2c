// Diagnostic: how findings read, and how a misspelt name finds its neighbour.
#include "config/diagnostic.h"

#include <algorithm>

#include "base/text.h"

namespace weir::config {

std::string Diagnostic::text() const {
  std::string result = at.file;
  if (at.line != 0) result += ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
  if (!result.empty()) result += ": ";
  if (!path.empty()) result += path + ": ";
  result += message;
  if (!hint.empty()) result += "; " + hint;
  return result;
}

void Diagnostics::error(Diagnostic diagnostic) {
  if (errors_.size() < kMaxErrors) errors_.push_back(std::move(diagnostic));
}

void Diagnostics::warning(Diagnostic diagnostic) {
  if (warnings_.size() < kMaxWarnings) warnings_.push_back(std::move(diagnostic));
}

std::string Diagnostics::text() const {
  std::string result;
  for (const Diagnostic& error : errors_) {
    if (!result.empty()) result += '\n';
    result += error.text();
  }
  return result;
}

std::string quoted(std::string_view text) {
  constexpr size_t kMost = 60;
  std::string result = "\"";
  for (const char c : text.substr(0, kMost)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      constexpr char kHex[] = "0123456789abcdef";
      result += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      result += c;
    }
  }
  if (text.size() > kMost) {
    while (!result.empty() && (static_cast<unsigned char>(result.back()) & 0xc0) == 0x80) result.pop_back();
    if (!result.empty() && static_cast<unsigned char>(result.back()) >= 0xc0) result.pop_back();
    result += "...";
  }
  return result + "\"";
}

namespace {

std::string plain(std::string_view name) {
  std::string result;
  for (const char c : name) {
    if (c != '_' && c != '-') result += to_lower(c);
  }
  return result;
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), now(b.size() + 1), two_before(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) before[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min({before[j] + 1, now[j - 1] + 1, before[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) now[j] = std::min(now[j], two_before[j - 2] + 1);
    }
    two_before.swap(before);
    before.swap(now);
  }
  return before[b.size()];
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  if (word.size() > 100) return "";
  const std::string wanted = plain(word);
  std::string_view best;
  size_t best_distance = std::max<size_t>(1, wanted.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    const std::string name = plain(candidate);
    const size_t longer = std::max(name.size(), wanted.size()), shorter = std::min(name.size(), wanted.size());
    if (longer - shorter >= best_distance) continue;  // at least as many edits
    const size_t distance = edit_distance(wanted, name);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  // Half of a long name is as good as a misspelt one.
  for (const std::string_view candidate : candidates) {
    if (best.empty() && wanted.size() >= 4 && plain(candidate).starts_with(wanted)) best = candidate;
  }
  return std::string(best);
}

}  // namespace weir::config
