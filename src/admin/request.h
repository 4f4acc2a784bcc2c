// Request and Response: what an admin page is asked and what it answers.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stats/export.h"

namespace weir::admin {

/// What follows the '?': percent-decoded, in order; of several values with one name the first counts.
class Query {
 public:
  Query() = default;
  explicit Query(std::string_view text);

  bool has(std::string_view name) const { return get(name).has_value(); }
  std::optional<std::string_view> get(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& all() const { return parameters_; }
  bool empty() const { return parameters_.empty(); }

 private:
  std::vector<std::pair<std::string, std::string>> parameters_;
};

/// The path as pages are found by it: percent-decoded, without "." and ".." segments and doubled slashes.
std::string plain_path(std::string_view path);

/// Every valid %XX replaced by its byte.
std::string percent_decoded(std::string_view text);

struct Request {
  std::string_view method;
  std::string path;  // plain
  Query query;
  std::string body;
  bool from_browser = false;
};

struct Response {
  static constexpr std::string_view kText = "text/plain; charset=UTF-8";
  static constexpr std::string_view kPlain = "text/plain";
  static constexpr std::string_view kHtml = "text/html; charset=UTF-8";
  static constexpr std::string_view kJson = "application/json";

  int status = 200;
  std::string_view content_type = kText;
  std::string body;
  bool repeats_nosniff = false;  // Envoy says x-content-type-options twice there
  /// What comes after `body`, made piece by piece as the client takes it.
  stats::Producer rest;

  static Response text(std::string body) { return {.body = std::move(body)}; }
  static Response json(std::string body) { return {.content_type = kJson, .body = std::move(body)}; }
  static Response error(int status, std::string body) { return {.status = status, .body = std::move(body)}; }
};

}  // namespace weir::admin
