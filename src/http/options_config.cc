#include "http/options_config.h"

#include <map>
#include <string>

#include "config/duration.h"
#include "envoy/config/core/v3/protocol.pb.h"
#include "envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case.pb.h"

namespace weir::http {

namespace core = envoy::config::core::v3;
using PreserveCase = envoy::extensions::http::header_formatters::preserve_case::v3::PreserveCaseFormatterConfig;

Http1Options read_http1_options(const core::Http1ProtocolOptions& options, bool keep_open) {
  Http1Options result;
  result.accept_http_10 = options.accept_http_10();
  result.default_host_for_http_10 = options.default_host_for_http_10();
  result.enable_trailers = options.enable_trailers();
  result.allow_absolute_url = !options.has_allow_absolute_url() || options.allow_absolute_url().value();
  result.allow_chunked_length = options.allow_chunked_length();
  result.allow_custom_methods = options.allow_custom_methods();
  result.send_fully_qualified_url = options.send_fully_qualified_url();
  result.proper_case = options.header_key_format().has_proper_case_words();
  PreserveCase preserve;
  if (options.header_key_format().stateful_formatter().typed_config().UnpackTo(&preserve)) {
    result.preserve_case = true;
    result.forward_reason_phrase = preserve.forward_reason_phrase();
    result.proper_case_for_added = preserve.formatter_type_on_envoy_headers() == PreserveCase::PROPER_CASE;
  }
  result.keep_open_after_refusal = options.has_override_stream_error_on_invalid_http_message()
                                       ? options.override_stream_error_on_invalid_http_message().value()
                                       : keep_open;
  return result;
}

namespace {

/// What is wrong with announcing `value` (RFC 9113 §6.5.2, RFC 8441, RFC 9218), in words; "" if nothing is.
std::string_view fault_of_setting(const core::Http2ProtocolOptions& options, uint32_t id, uint32_t value) {
  const auto twice = [](bool named) { return named ? "this setting has a field of its own, which is given, too" : ""; };
  switch (id) {
    case 1:
      return twice(options.has_hpack_table_size());
    case 2:
      return value == 0 ? "" : "nothing is pushed, so it cannot be promised";
    case 3:
      return twice(options.has_max_concurrent_streams());
    case 4:
      return twice(options.has_initial_stream_window_size());
    case 5:
      return value >= 16384 && value < 1 << 24 ? "" : "the size of frames is from 16384 to 16777215";
    case 8:
      return "this setting is allow_connect";
    case 9:
      return value <= 1 ? "" : "this setting is 0 or 1";
    default:
      return "";
  }
}

void read_settings(const core::Http2ProtocolOptions& options, const config::FieldPath& at, config::Diagnostics& diagnostics,
                   Http2Options& result) {
  const config::FieldPath list{&at, "custom_settings_parameters"};
  std::map<uint16_t, uint32_t> settings;
  for (int i = 0; i < options.custom_settings_parameters_size(); ++i) {
    const auto& from = options.custom_settings_parameters(i);
    const config::FieldPath item{&list, {}, i};
    const uint32_t id = from.identifier().value(), value = from.value().value();
    if (const std::string_view fault = fault_of_setting(options, id, value); !fault.empty()) {
      diagnostics.error({{}, item.text(), std::string(fault), "remove it"});
      continue;
    }
    const auto [known, added] = settings.emplace(static_cast<uint16_t>(id), value);
    if (!added && known->second != value) {
      diagnostics.error({{}, item.text(), "setting " + std::to_string(id) + " has two values", "remove one"});
    }
    if (id == 1 || id == 3 || id == 4) {
      diagnostics.warning({{}, item.text(), "this setting has a field of its own, whose default is announced", "use the field"});
    }
  }
  for (const uint16_t named : {1, 3, 4}) settings.erase(named);
  if (settings.size() > kMostSettings) {
    diagnostics.error({{}, list.text(), "there are more than " + std::to_string(kMostSettings) + " settings", "remove some"});
    return;
  }
  result.more_settings.assign(settings.begin(), settings.end());
}

}  // namespace

Http2Options read_http2_options(const core::Http2ProtocolOptions& options, const config::FieldPath& at,
                                config::Diagnostics& diagnostics, bool keep_open) {
  Http2Options result;
  read_settings(options, at, diagnostics, result);
  const auto take = [](bool given, const google::protobuf::UInt32Value& value, uint32_t& into) {
    if (given) into = value.value();
  };
  take(options.has_hpack_table_size(), options.hpack_table_size(), result.hpack_table_size);
  take(options.has_max_concurrent_streams(), options.max_concurrent_streams(), result.max_concurrent_streams);
  take(options.has_initial_stream_window_size(), options.initial_stream_window_size(), result.initial_stream_window_size);
  take(options.has_initial_connection_window_size(), options.initial_connection_window_size(),
       result.initial_connection_window_size);
  result.allow_connect = options.allow_connect();
  result.override_stream_error_on_invalid_http_message = options.has_override_stream_error_on_invalid_http_message()
                                                             ? options.override_stream_error_on_invalid_http_message().value()
                                                             : options.stream_error_on_invalid_http_messaging() || keep_open;
  if (options.has_max_metadata_size()) result.max_metadata_size = options.max_metadata_size().value();
  take(options.has_max_outbound_frames(), options.max_outbound_frames(), result.max_outbound_frames);
  take(options.has_max_outbound_control_frames(), options.max_outbound_control_frames(), result.max_outbound_control_frames);
  take(options.has_max_consecutive_inbound_frames_with_empty_payload(),
       options.max_consecutive_inbound_frames_with_empty_payload(), result.max_consecutive_inbound_frames_with_empty_payload);
  take(options.has_max_inbound_priority_frames_per_stream(), options.max_inbound_priority_frames_per_stream(),
       result.max_inbound_priority_frames_per_stream);
  take(options.has_max_inbound_window_update_frames_per_data_frame_sent(),
       options.max_inbound_window_update_frames_per_data_frame_sent(),
       result.max_inbound_window_update_frames_per_data_frame_sent);
  const core::KeepaliveSettings& keepalive = options.connection_keepalive();
  result.ping_interval_ms = config::milliseconds(keepalive.interval());
  result.ping_timeout_ms = config::milliseconds(keepalive.timeout());
  if (keepalive.has_interval_jitter()) result.ping_jitter_percent = keepalive.interval_jitter().value();
  result.ping_after_idle_ms = config::milliseconds(keepalive.connection_idle_interval());
  return result;
}

void declare_protocol_options(config::SupportTable& table) {
  table.message<core::Http1ProtocolOptions>()
      .fields({"allow_absolute_url", "send_fully_qualified_url", "accept_http_10", "default_host_for_http_10",
               "header_key_format", "enable_trailers", "allow_chunked_length", "allow_custom_methods", "ignore_http_11_upgrade",
               "override_stream_error_on_invalid_http_message"})
      .harmless({"use_balsa_parser"});
  constexpr std::string_view kFormatters = "envoy.http.stateful_header_formatters";
  table.message<core::Http1ProtocolOptions::HeaderKeyFormat>()
      .fields({"proper_case_words"})
      .extensions("stateful_formatter", kFormatters);
  table.extension<PreserveCase>(kFormatters, "envoy.http.stateful_header_formatters.preserve_case").all_fields();
  table.message<core::Http1ProtocolOptions::HeaderKeyFormat::ProperCaseWords>();
  table.message<core::Http2ProtocolOptions>()
      .fields({"hpack_table_size", "max_concurrent_streams", "initial_stream_window_size", "initial_connection_window_size",
               "allow_connect", "max_outbound_frames", "max_outbound_control_frames",
               "max_consecutive_inbound_frames_with_empty_payload", "max_inbound_priority_frames_per_stream",
               "max_inbound_window_update_frames_per_data_frame_sent", "stream_error_on_invalid_http_messaging",
               "override_stream_error_on_invalid_http_message", "connection_keepalive"})
      .fields({"custom_settings_parameters", "max_metadata_size"})
      // METADATA is passed on whether allowed or not, as by Envoy.
      .harmless({"allow_metadata", "use_oghttp2_codec"});
  table.message<core::Http2ProtocolOptions::SettingsParameter>().all_fields();
  table.message<core::KeepaliveSettings>().all_fields();
  table.message<envoy::type::v3::Percent>().all_fields();
  table.message<core::HttpProtocolOptions>().fields({"idle_timeout", "max_connection_duration", "max_headers_count",
                                                     "max_stream_duration", "headers_with_underscores_action",
                                                     "max_requests_per_connection", "max_response_headers_kb"});
}

}  // namespace weir::http
