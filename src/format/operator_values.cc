#include "format/operator_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <random>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/json_text.h"
#include "base/text.h"
#include "format/json_string.h"

namespace weir::format::values {

namespace {

using http::HeaderId;
using http::HeaderMap;

Value text_or_missing(std::string_view text) { return text.data() == nullptr ? Value() : Value::of(text); }

/// The first line of the first name, else of the alternative.
std::string_view find(const HeaderMap* headers, const Parameters& parameters) {
  if (headers == nullptr) return {};
  const std::string_view value = http::first_value(*headers, parameters.headers[0]);
  if (value.data() != nullptr || parameters.headers[1].empty()) return value;
  return http::first_value(*headers, parameters.headers[1]);
}

std::string_view before_query(std::string_view path) { return path.substr(0, path.find('?')); }

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  const char l = to_lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

/// %XX becomes the byte; everything else stays.
std::string_view percent_decoded(std::string_view text, Scratch& scratch) {
  if (text.find('%') == std::string_view::npos) return text;
  char* to = scratch.room(text.size());
  size_t size = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
      to[size++] = static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      to[size++] = text[i];
    }
  }
  return {to, size};
}

struct GrpcStatusName {
  std::string_view camel;
  std::string_view snake;
};

// gRPC status codes (grpc/grpc doc/statuscodes.md), by number.
constexpr std::array<GrpcStatusName, 17> kGrpcStatusNames = {{
    {"OK", "OK"},
    {"Canceled", "CANCELLED"},
    {"Unknown", "UNKNOWN"},
    {"InvalidArgument", "INVALID_ARGUMENT"},
    {"DeadlineExceeded", "DEADLINE_EXCEEDED"},
    {"NotFound", "NOT_FOUND"},
    {"AlreadyExists", "ALREADY_EXISTS"},
    {"PermissionDenied", "PERMISSION_DENIED"},
    {"ResourceExhausted", "RESOURCE_EXHAUSTED"},
    {"FailedPrecondition", "FAILED_PRECONDITION"},
    {"Aborted", "ABORTED"},
    {"OutOfRange", "OUT_OF_RANGE"},
    {"Unimplemented", "UNIMPLEMENTED"},
    {"Internal", "INTERNAL"},
    {"Unavailable", "UNAVAILABLE"},
    {"DataLoss", "DATA_LOSS"},
    {"Unauthenticated", "UNAUTHENTICATED"},
}};

/// gRPC over HTTP/2, "HTTP to gRPC Status Code Mapping".
int grpc_status_of_http(int status) {
  switch (status) {
    case 400:
      return 13;
    case 401:
      return 16;
    case 403:
      return 7;
    case 404:
      return 12;
    case 429:
    case 502:
    case 503:
    case 504:
      return 14;
    default:
      return 2;
  }
}

constexpr std::array<std::string_view, 14> kLogTypeNames = {
    "NotSet",
    "TcpUpstreamConnected",
    "TcpPeriodic",
    "TcpConnectionEnd",
    "DownstreamStart",
    "DownstreamPeriodic",
    "DownstreamEnd",
    "UpstreamPoolReady",
    "UpstreamPeriodic",
    "UpstreamEnd",
    "DownstreamTunnelSuccessfullyEstablished",
    "UdpTunnelUpstreamConnected",
    "UdpPeriodic",
    "UdpSessionEnd",
};

constexpr bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

std::optional<int64_t> grpc_status_of(const FormatContext& context) {
  for (const HeaderMap* headers : {context.trailers, context.response}) {
    if (headers == nullptr) continue;
    const http::Header* line = headers->find(HeaderId::kGrpcStatus);
    if (line == nullptr || line->value.empty()) continue;
    const auto another = [&](const http::Header& each) { return &each != line && each.id == HeaderId::kGrpcStatus; };
    if (std::any_of(headers->begin(), headers->end(), another)) return -1;
    std::string_view digits = trim(line->value);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    const auto status = parse_number<uint64_t>(digits);
    return status ? static_cast<int64_t>(*status) : -1;
  }
  if (context.info.response_code == 0) return std::nullopt;
  return grpc_status_of_http(context.info.response_code);
}

std::string_view without_spaces(std::string_view text, Scratch& scratch) {
  if (std::none_of(text.begin(), text.end(), is_space)) return text;
  char* to = scratch.room(text.size());
  std::transform(text.begin(), text.end(), to, [](char c) { return is_space(c) ? '_' : c; });
  return {to, text.size()};
}

Value request_header(const Parameters& parameters, const FormatContext& context, Scratch&) {
  return text_or_missing(find(context.request, parameters));
}

Value request_header_without_query(const Parameters& parameters, const FormatContext& context, Scratch&) {
  const std::string_view value = find(context.request, parameters);
  return text_or_missing(value.data() == nullptr ? value : before_query(value));
}

Value response_header(const Parameters& parameters, const FormatContext& context, Scratch&) {
  return text_or_missing(find(context.response, parameters));
}

Value trailer(const Parameters& parameters, const FormatContext& context, Scratch&) {
  return text_or_missing(find(context.trailers, parameters));
}

Value path(const Parameters& parameters, const FormatContext& context, Scratch&) {
  if (context.request == nullptr) return {};
  const auto source = static_cast<PathSource>(parameters.choice);
  std::string_view value;
  if (source != PathSource::kPath) {
    if (const http::Header* line = context.request->find(HeaderId::kEnvoyOriginalPath)) value = line->value;
  }
  if (source != PathSource::kOriginal && value.data() == nullptr) value = context.request->path();
  if (value.data() == nullptr) return {};
  return Value::of(parameters.flag ? value : before_query(value));
}

Value query_parameter(const Parameters& parameters, const FormatContext& context, Scratch& scratch) {
  if (context.request == nullptr) return {};
  std::string_view rest = context.request->path();
  const size_t question = rest.find('?');
  if (question == std::string_view::npos) return {};
  rest = rest.substr(question + 1);
  rest = rest.substr(0, rest.find('#'));
  while (!rest.empty()) {
    const size_t ampersand = rest.find('&');
    const std::string_view pair = rest.substr(0, ampersand);
    rest = ampersand == std::string_view::npos ? std::string_view() : rest.substr(ampersand + 1);
    const size_t equals = pair.find('=');
    if (percent_decoded(pair.substr(0, equals), scratch) != parameters.text) continue;
    return Value::of(equals == std::string_view::npos ? std::string_view("") : percent_decoded(pair.substr(equals + 1), scratch));
  }
  return {};
}

Value start_time(const Parameters& parameters, const FormatContext& context, Scratch& scratch) {
  char* to = scratch.room(TimeFormat::kMaxSize);
  return Value::of({to, parameters.time.write(to, context.info.start_wall)});
}

Value emit_time(const Parameters& parameters, const FormatContext&, Scratch& scratch) {
  char* to = scratch.room(TimeFormat::kMaxSize);
  return Value::of({to, parameters.time.write(to, wall_now())});
}

Value duration(const Parameters&, const FormatContext& context, Scratch&) {
  const MonotonicNs end = context.info.end != 0 ? context.info.end : monotonic_now();
  return Value::of_number((end - context.info.start) / kNsPerMs);
}

Value time_between(const Parameters& parameters, const FormatContext& context, Scratch&) {
  if (parameters.from == nullptr || parameters.to == nullptr) return {};
  const MonotonicNs from = context.info.*parameters.from;
  const MonotonicNs to = context.info.*parameters.to;
  if (from == 0 || to == 0 || to < from) return {};
  return Value::of_number((to - from) / parameters.divisor);
}

Value response_code_details(const Parameters& parameters, const FormatContext& context, Scratch& scratch) {
  const std::string_view details = context.info.response_code_details;
  if (details.empty()) return {};
  return Value::of(parameters.flag ? details : without_spaces(details, scratch));
}

Value response_flags(const Parameters& parameters, const FormatContext& context, Scratch& scratch) {
  const ResponseFlags& flags = context.info.flags;
  if (!flags.any()) return Value::of("-");
  const auto name_of = parameters.flag ? flag_long_name : flag_short_name;
  std::string_view only;
  char* text = nullptr;
  size_t size = 0;
  for (const ResponseFlag flag : flags) {
    const std::string_view name = name_of(flag);
    if (only.empty()) {
      only = name;
      continue;
    }
    if (text == nullptr) {
      text = scratch.room(static_cast<size_t>(ResponseFlag::kCount) * 40);
      put(text, only);
      size = only.size();
    }
    text[size++] = ',';
    put(text + size, name);
    size += name.size();
  }
  return Value::of(text == nullptr ? only : std::string_view(text, size));
}

Value grpc_status(const Parameters& parameters, const FormatContext& context, Scratch& scratch) {
  if (context.request == nullptr || !http::is_grpc(*context.request)) return {};
  const std::optional<int64_t> status = grpc_status_of(context);
  if (!status) return {};
  const auto style = static_cast<GrpcStatusStyle>(parameters.choice);
  if (style == GrpcStatusStyle::kNumber) return Value::of_number(*status);
  if (*status >= 0 && *status < static_cast<int64_t>(kGrpcStatusNames.size())) {
    const GrpcStatusName& name = kGrpcStatusNames[static_cast<size_t>(*status)];
    return Value::of(style == GrpcStatusStyle::kCamel ? name.camel : name.snake);
  }
  char* to = scratch.room(24);
  return Value::of({to, static_cast<size_t>(std::to_chars(to, to + 24, *status).ptr - to)});
}

Value unique_id(const Parameters&, const FormatContext&, Scratch& scratch) {
  // Rarely asked for, and it must be unique over processes and restarts: the kernel's randomness is worth its price here.
  std::random_device device;
  std::array<uint32_t, 4> words;
  std::generate(words.begin(), words.end(), [&] { return device(); });
  words[1] = (words[1] & 0xffff0fff) | 0x4000;      // version 4 (RFC 9562 §5.4)
  words[2] = (words[2] & 0x3fffffff) | 0x80000000;  // variant
  char digits[33];
  for (size_t i = 0; i < 32; ++i) digits[i] = "0123456789abcdef"[(words[i / 8] >> (28 - 4 * (i % 8))) & 15];
  char* to = scratch.room(36);
  size_t size = 0;
  for (size_t i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) to[size++] = '-';
    to[size++] = digits[i];
  }
  return Value::of({to, size});
}

Value log_type(const Parameters&, const FormatContext& context, Scratch&) {
  return Value::of(kLogTypeNames[static_cast<size_t>(context.log_type)]);
}

Value fixed(const Parameters& parameters, const FormatContext&, Scratch&) {
  return parameters.flag ? Value() : Value::of(parameters.text);
}

Value filter_state(const Parameters& parameters, const FormatContext& context, Scratch&) {
  const FilterState::Object* object = context.info.filter_state.find(parameters.text);
  return object == nullptr ? Value() : Value::of(object->text);
}

namespace {

void append_json(std::string& out, const MetadataValue& value) {
  using Kind = MetadataValue::Kind;
  switch (value.kind) {
    case Kind::kNull:
      out += "null";
      return;
    case Kind::kNumber:
      append_json_number(out, value.number);
      return;
    case Kind::kText:
      append_json_text(out, value.text);
      return;
    case Kind::kBool:
      out += value.flag ? "true" : "false";
      return;
    case Kind::kList:
    case Kind::kStruct:
      break;
  }
  const bool keyed = value.kind == Kind::kStruct;
  out += keyed ? '{' : '[';
  for (size_t i = 0; i < value.items.size(); ++i) {
    if (i != 0) out += ',';
    if (keyed) {
      append_json_text(out, value.keys[i]);
      out += ':';
    }
    append_json(out, value.items[i]);
  }
  out += keyed ? '}' : ']';
}

}  // namespace

namespace {

/// "FILTER" or "FILTER:KEY:KEY…", taken apart.
struct MetadataPath {
  explicit MetadataPath(std::string_view text) : filter(text.substr(0, text.find(':'))) {
    while (text.find(':') != std::string_view::npos && count < kDeepest) {
      text.remove_prefix(text.find(':') + 1);
      keys[count++] = text.substr(0, text.find(':'));
    }
  }
  std::span<const std::string_view> path() const { return {keys, count}; }

  static constexpr size_t kDeepest = 16;
  std::string_view filter;
  std::string_view keys[kDeepest];
  size_t count = 0;
};

/// A text as it is, null as nothing, anything else as JSON.
Value shown(const MetadataValue* value, Scratch& scratch) {
  if (value == nullptr || value->kind == MetadataValue::Kind::kNull) return {};
  if (value->kind == MetadataValue::Kind::kText) return Value::of(value->text);
  std::string json;
  append_json(json, *value);
  char* const to = scratch.room(json.size());
  json.copy(to, json.size());
  return Value::of_json({to, json.size()});
}

/// All that was noted for a filter: later notes replace single members of earlier ones.
Value all_notes(const DynamicMetadata& metadata, std::string_view filter, Scratch& scratch) {
  std::vector<std::string_view> keys;
  std::vector<MetadataValue> items;
  size_t notes = 0;
  metadata.for_each(filter, [&](const MetadataValue& note) {
    ++notes;
    for (size_t i = 0; i < note.keys.size(); ++i) {
      const auto place = std::ranges::lower_bound(keys, note.keys[i]);
      if (place != keys.end() && *place == note.keys[i]) continue;
      items.insert(items.begin() + (place - keys.begin()), note.items[i]);
      keys.insert(place, note.keys[i]);
    }
  });
  if (notes == 0) return {};
  MetadataValue all;
  all.kind = MetadataValue::Kind::kStruct;
  all.items = items;
  all.keys = keys;
  return shown(&all, scratch);
}

const StaticMetadata* static_metadata(MetadataSource source, const StreamInfo& info) {
  switch (source) {
    case MetadataSource::kDynamic:
      break;
    case MetadataSource::kCluster:
      return info.cluster_metadata.get();
    case MetadataSource::kRoute:
      return info.route_metadata;
    case MetadataSource::kUpstreamHost:
      return info.host_metadata.get();
    case MetadataSource::kListener:
      return info.connection == nullptr ? nullptr : info.connection->listener_metadata;
    case MetadataSource::kVirtualHost:
      return info.virtual_host_metadata;
  }
  return nullptr;
}

Value metadata_at(MetadataSource source, std::string_view text, const FormatContext& context, Scratch& scratch) {
  const MetadataPath path(text);
  if (source == MetadataSource::kDynamic) {
    const DynamicMetadata& metadata = context.info.metadata;
    if (path.count == 0) return all_notes(metadata, path.filter, scratch);
    return shown(metadata.find(path.filter, path.path()), scratch);
  }
  const StaticMetadata* metadata = static_metadata(source, context.info);
  return metadata == nullptr ? Value() : shown(metadata->find(path.filter, path.path()), scratch);
}

}  // namespace

Value dynamic_metadata(const Parameters& parameters, const FormatContext& context, Scratch& scratch) {
  return metadata_at(MetadataSource::kDynamic, parameters.text, context, scratch);
}

Value cluster_metadata(const Parameters& parameters, const FormatContext& context, Scratch& scratch) {
  return metadata_at(MetadataSource::kCluster, parameters.text, context, scratch);
}

Value upstream_metadata(const Parameters& parameters, const FormatContext& context, Scratch& scratch) {
  return metadata_at(MetadataSource::kUpstreamHost, parameters.text, context, scratch);
}

Value metadata(const Parameters& parameters, const FormatContext& context, Scratch& scratch) {
  return metadata_at(static_cast<MetadataSource>(parameters.choice), parameters.text, context, scratch);
}

/// A request's id; what is no request has one made of its connection's number and its time. The router's tries have none.
Value stream_id(const Parameters&, const FormatContext& context, Scratch& scratch) {
  const StreamInfo& info = context.info;
  if (info.connection == nullptr) return {};
  if (context.request != nullptr) return Value::of_nonempty(context.request->get(HeaderId::kRequestId));
  if (info.start == 0) return {};
  uint64_t words[2] = {static_cast<uint64_t>(info.start) * 0x9e3779b97f4a7c15, (info.connection->id + 1) * 0xbf58476d1ce4e5b9};
  words[0] = (words[0] & ~uint64_t{0xf000}) | 0x4000;  // version 4 and its variant (RFC 9562 §5.4)
  words[1] = (words[1] & ~(uint64_t{3} << 62)) | uint64_t{2} << 62;
  char* to = scratch.room(36);
  size_t size = 0;
  for (size_t i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) to[size++] = '-';
    to[size++] = "0123456789abcdef"[words[i / 16] >> (60 - 4 * (i % 16)) & 15];
  }
  return Value::of({to, size});
}

Value missing(const Parameters&, const FormatContext&, Scratch&) { return {}; }

}  // namespace weir::format::values
