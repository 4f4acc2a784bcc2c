#include "format/operator.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "format/operator_table.h"
#include "format/operator_values.h"

namespace weir::format {

namespace {

struct TimePointName {
  std::string_view name;
  MonotonicNs StreamInfo::*field;
};

// Unknown names are accepted (filters may set points of their own) and have no value.
constexpr TimePointName kTimePoints[] = {
    {"DS_RX_BEG", &StreamInfo::start},
    {"DS_RX_END", &StreamInfo::request_complete},
    {"US_CX_BEG", &StreamInfo::upstream_connect_start},
    {"US_CX_END", &StreamInfo::upstream_connect_complete},
    {"US_HS_END", &StreamInfo::upstream_handshake_complete},
    {"US_TX_BEG", &StreamInfo::upstream_request_start},
    {"US_TX_END", &StreamInfo::upstream_request_complete},
    {"US_RX_BEG", &StreamInfo::upstream_response_start},
    {"US_RX_END", &StreamInfo::upstream_response_complete},
    {"DS_TX_BEG", &StreamInfo::response_start},
    {"DS_TX_END", &StreamInfo::response_complete},
};

MonotonicNs StreamInfo::*time_point(std::string_view name) {
  for (const TimePointName& point : kTimePoints) {
    if (point.name == name) return point.field;
  }
  return nullptr;
}

constexpr bool is_header_character(char c) {
  return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

std::unexpected<Error> wrong(std::string_view name, std::string_view what) {
  return failure("%" + std::string(name) + "%: " + std::string(what));
}

/// "X-MY-HEADER" or "X-FIRST?X-SECOND".
Result<> compile_headers(std::string_view name, std::string_view argument, Parameters& parameters) {
  if (argument.find_first_of("\n\r") != std::string_view::npos) return wrong(name, "a header name must not hold a line break");
  if (std::ranges::count(argument, '?') > 1) {
    return wrong(name, "'" + std::string(argument) + "' has more than one alternative header; at most X?Y is possible");
  }
  const size_t question = argument.find('?');
  const std::string_view first = argument.substr(0, question);
  const std::string_view second = question == std::string_view::npos ? std::string_view() : argument.substr(question + 1);
  for (std::string_view header : {first, second}) {
    const std::string_view after_colon = header.starts_with(':') ? header.substr(1) : header;
    if (!std::ranges::all_of(after_colon, is_header_character)) {
      return wrong(name, "'" + std::string(header) + "' cannot be the name of a header");
    }
  }
  parameters.headers = {http::HeaderName(first), http::HeaderName(second)};
  return {};
}

Result<> compile_time_points(std::string_view name, std::string_view argument, Parameters& parameters) {
  const size_t colons = static_cast<size_t>(std::ranges::count(argument, ':'));
  if (colons < 1 || colons > 2) {
    return wrong(name,
                 "'" + std::string(argument) + "' should be START:END or START:END:PRECISION, such as DS_RX_BEG:DS_RX_END:ms");
  }
  std::string_view rest = argument;
  parameters.from = time_point(next_token(rest, ':'));
  parameters.to = time_point(next_token(rest, ':'));
  const std::string_view precision = colons == 2 ? rest : "ms";
  if (precision == "ms") {
    parameters.divisor = kNsPerMs;
  } else if (precision == "us") {
    parameters.divisor = 1000;
  } else if (precision != "ns") {
    return wrong(name, "the precision '" + std::string(precision) + "' should be ms, us or ns");
  }
  return {};
}

Result<> compile_grpc_status(std::string_view name, std::string_view argument, Parameters& parameters) {
  using values::GrpcStatusStyle;
  if (argument.empty() || argument == "CAMEL_STRING") {
    parameters.choice = static_cast<uint8_t>(GrpcStatusStyle::kCamel);
  } else if (argument == "SNAKE_STRING") {
    parameters.choice = static_cast<uint8_t>(GrpcStatusStyle::kSnake);
  } else if (argument == "NUMBER") {
    parameters.choice = static_cast<uint8_t>(GrpcStatusStyle::kNumber);
  } else {
    return wrong(name, "'" + std::string(argument) + "' should be CAMEL_STRING, SNAKE_STRING or NUMBER");
  }
  return {};
}

/// "WQ" or "NQ", then ":ORIG", ":PATH" or ":ORIG_OR_PATH"; what follows is ignored, as Envoy does.
Result<> compile_path(std::string_view name, std::string_view argument, Parameters& parameters) {
  using values::PathSource;
  const std::string_view query = next_token(argument, ':');
  const std::string_view source = next_token(argument, ':');
  if (!query.empty() && query != "WQ" && query != "NQ") {
    return wrong(name, "'" + std::string(query) + "' should be WQ (with query) or NQ (no query)");
  }
  parameters.flag = query != "NQ";
  if (source.empty() || source == "ORIG_OR_PATH") {
    parameters.choice = static_cast<uint8_t>(PathSource::kOriginalOrPath);
  } else if (source == "ORIG") {
    parameters.choice = static_cast<uint8_t>(PathSource::kOriginal);
  } else if (source == "PATH") {
    parameters.choice = static_cast<uint8_t>(PathSource::kPath);
  } else {
    return wrong(name, "'" + std::string(source) + "' should be ORIG, PATH or ORIG_OR_PATH");
  }
  return {};
}

/// "KIND:FILTER:KEY…"
Result<> compile_metadata_type(std::string_view name, std::string_view argument, Parameters& parameters) {
  const std::string_view type = next_token(argument, ':');
  parameters.text = argument;
  uint8_t source = 0;  // values::MetadataSource
  for (std::string_view known : {"DYNAMIC", "CLUSTER", "ROUTE", "UPSTREAM_HOST", "LISTENER", "VIRTUAL_HOST"}) {
    parameters.choice = source++;
    if (type == known) return {};
  }
  return wrong(name, "'" + std::string(type) +
                         "' is no kind of metadata; expected DYNAMIC, CLUSTER, ROUTE, UPSTREAM_HOST, LISTENER or VIRTUAL_HOST");
}

/// "KEY", "KEY:PLAIN", "KEY:TYPED" or "KEY:FIELD:NAME".
Result<> compile_filter_state(std::string_view name, std::string_view argument) {
  const std::string_view key = next_token(argument, ':');
  if (key.empty()) return wrong(name, "needs a key, as in %" + std::string(name) + "(KEY)%");
  if (argument.empty()) return {};
  const std::string_view style = next_token(argument, ':');
  if (style == "FIELD" && argument.empty()) return wrong(name, "FIELD needs the name of the field: (KEY:FIELD:NAME)");
  if (style != "PLAIN" && style != "TYPED" && style != "FIELD") {
    return wrong(name, "'" + std::string(style) + "' should be PLAIN, TYPED or FIELD");
  }
  if (style != "FIELD" && !argument.empty()) return wrong(name, "only FIELD takes a third part");
  return {};
}

/// What may stand behind the name, before its meaning is looked at.
struct Allowance {
  bool arguments_required = false;
  bool arguments = false;
  bool length = false;
};

Allowance allowance(Syntax syntax) {
  switch (syntax) {
    case Syntax::kNothing:
    case Syntax::kHostname:
      return {};
    case Syntax::kHeader:
    case Syntax::kRequiredArgument:
    case Syntax::kEnvironment:
      return {.arguments_required = true, .arguments = true, .length = true};
    case Syntax::kTimeUtc:
    case Syntax::kTimeLocal:
    case Syntax::kDetails:
    case Syntax::kGrpcStatus:
      return {.arguments = true};
    case Syntax::kDurationBetween:
    case Syntax::kMetadata:
      return {.arguments_required = true, .arguments = true};
    case Syntax::kPath:
    case Syntax::kTypedMetadata:
    case Syntax::kFilterState:
    case Syntax::kExpression:
      return {.arguments = true, .length = true};
  }
  return {};
}

std::string host_name() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

Result<> compile_arguments(const OperatorEntry& entry, std::string_view argument, Parameters& parameters) {
  switch (entry.syntax) {
    case Syntax::kHeader:
      return compile_headers(entry.name, argument, parameters);
    case Syntax::kTimeUtc:
    case Syntax::kTimeLocal: {
      Result<TimeFormat> time =
          TimeFormat::compile(argument, entry.syntax == Syntax::kTimeLocal ? TimeZone::kLocal : TimeZone::kUtc);
      if (!time) return wrong(entry.name, time.error().message);
      parameters.time = std::move(*time);
      return {};
    }
    case Syntax::kDurationBetween:
      return compile_time_points(entry.name, argument, parameters);
    case Syntax::kDetails:
      parameters.flag = argument == "ALLOW_WHITESPACES";
      return {};
    case Syntax::kGrpcStatus:
      return compile_grpc_status(entry.name, argument, parameters);
    case Syntax::kPath:
      return compile_path(entry.name, argument, parameters);
    case Syntax::kEnvironment: {
      const char* value = std::getenv(std::string(argument).c_str());
      parameters.text = value == nullptr ? "-" : value;
      return {};
    }
    case Syntax::kHostname:
      parameters.text = host_name();
      parameters.flag = parameters.text.empty();
      return {};
    case Syntax::kTypedMetadata:
      return compile_metadata_type(entry.name, argument, parameters);
    case Syntax::kFilterState:
      parameters.text = argument.substr(0, argument.find(':'));
      return compile_filter_state(entry.name, argument);
    case Syntax::kRequiredArgument:
    case Syntax::kMetadata:
      parameters.text = argument;
      return {};
    case Syntax::kExpression:
      return wrong(entry.name, "known to Envoy, but Weir does not implement it yet; REQ, RESP and others say much of it");
    case Syntax::kNothing:
      if (entry.name == "RESPONSE_FLAGS_LONG") parameters.flag = true;
      if (entry.name == "GRPC_STATUS_NUMBER") parameters.choice = static_cast<uint8_t>(values::GrpcStatusStyle::kNumber);
      return {};
  }
  return {};
}

}  // namespace

Result<Operator> Operator::compile(std::string_view name, std::optional<std::string_view> arguments, std::optional<size_t> length,
                                   const OperatorSet& set) {
  const OperatorEntry* entry = find_operator(name);
  if (entry == nullptr || (entry->name == "REQ_WITHOUT_QUERY" && !set.req_without_query)) {
    return wrong(name, entry == nullptr ? "unknown operator" : "needs the formatter envoy.formatter.req_without_query");
  }
  const Allowance allowed = allowance(entry->syntax);
  const std::string_view argument = arguments.value_or("");
  if (allowed.arguments_required && argument.empty()) return wrong(name, "needs an argument in parentheses");
  if (!allowed.arguments && !argument.empty()) return wrong(name, "takes no argument");
  if (!allowed.length && length) return wrong(name, "takes no length");

  Operator op;
  op.evaluate_ = entry->evaluate;
  if (length) op.max_length_ = *length;
  if (Result<> compiled = compile_arguments(*entry, argument, op.parameters_); !compiled)
    return std::unexpected(compiled.error());
  return op;
}

}  // namespace weir::format
