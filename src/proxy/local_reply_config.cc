#include "proxy/local_reply_config.h"

#include "config/data_source.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "format/format_config.h"
#include "observe/access_log_config.h"
#include "route/config_reader.h"

namespace weir::proxy {

namespace core = envoy::config::core::v3;
namespace v3 = envoy::extensions::filters::network::http_connection_manager::v3;
using config::FieldPath;

namespace {

constexpr size_t kMaxBodySize = 1 << 20;

std::optional<ReplyFormat> read_reply_format(const core::SubstitutionFormatString& from, const FieldPath& at,
                                             config::Diagnostics& diagnostics) {
  auto format = format::read_format(from, at, diagnostics);
  if (!format) return std::nullopt;
  const char* usual = format->is_json() ? "application/json" : "text/plain";
  return ReplyFormat{std::move(*format), from.content_type().empty() ? usual : from.content_type()};
}

ReplyMapper read_mapper(const v3::ResponseMapper& from, RuntimeValues* runtime, const FieldPath& at,
                        config::Diagnostics& diagnostics) {
  ReplyMapper mapper;
  mapper.filter = observe::read_log_filter(from.filter(), runtime, FieldPath{&at, "filter"}, diagnostics);
  if (from.has_status_code()) mapper.status = static_cast<int>(from.status_code().value());
  if (from.has_body()) mapper.body = config::read_data_source(from.body(), kMaxBodySize, FieldPath{&at, "body"}, diagnostics);
  if (from.has_body_format_override()) {
    mapper.format = read_reply_format(from.body_format_override(), FieldPath{&at, "body_format_override"}, diagnostics);
  }
  const FieldPath headers{&at, "headers_to_add"};
  for (int i = 0; i < from.headers_to_add_size(); ++i) {
    const FieldPath item{&headers, {}, i};
    mapper.headers.add.push_back(
        route::read_header_addition(from.headers_to_add(i), route::Direction::kResponse, item, diagnostics));
  }
  return mapper;
}

}  // namespace

std::shared_ptr<const LocalReplyRules> read_local_replies(const v3::LocalReplyConfig& from, RuntimeValues* runtime,
                                                          const FieldPath& at, config::Diagnostics& diagnostics) {
  const size_t errors = diagnostics.errors().size();
  auto rules = std::make_shared<LocalReplyRules>();
  const FieldPath mappers{&at, "mappers"};
  for (int i = 0; i < from.mappers_size(); ++i) {
    rules->mappers.push_back(read_mapper(from.mappers(i), runtime, FieldPath{&mappers, {}, i}, diagnostics));
  }
  if (from.has_body_format()) rules->format = read_reply_format(from.body_format(), FieldPath{&at, "body_format"}, diagnostics);
  return diagnostics.errors().size() == errors ? std::move(rules) : nullptr;
}

void declare_local_replies(config::SupportTable& table) {
  table.message<v3::HttpConnectionManager>().fields({"local_reply_config"});
  table.message<v3::LocalReplyConfig>().all_fields();
  table.message<v3::ResponseMapper>().all_fields();
}

}  // namespace weir::proxy
