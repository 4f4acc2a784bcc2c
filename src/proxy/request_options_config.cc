#include "proxy/request_options_config.h"

#include <algorithm>

#include "base/text.h"
#include "config/schema.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation.pb.h"
#include "envoy/extensions/http/original_ip_detection/custom_header/v3/custom_header.pb.h"
#include "envoy/extensions/http/original_ip_detection/xff/v3/xff.pb.h"
#include "filter/catalog.h"
#include "net/cidr_config.h"
#include "route/header_changes.h"

namespace weir::proxy {

namespace v3 = envoy::extensions::filters::network::http_connection_manager::v3;
using config::FieldPath;
using v3::HttpConnectionManager;
using Xff = envoy::extensions::http::original_ip_detection::xff::v3::XffConfig;
using XffTrustedCidrs = envoy::extensions::http::original_ip_detection::xff::v3::XffTrustedCidrs;
using CustomHeader = envoy::extensions::http::original_ip_detection::custom_header::v3::CustomHeaderConfig;
using EarlyMutation = envoy::extensions::http::early_header_mutation::header_mutation::v3::HeaderMutation;

namespace {

constexpr std::string_view kDetections = "envoy.http.original_ip_detection";
constexpr std::string_view kEarlyMutations = "envoy.http.early_header_mutation";

class Reader {
 public:
  Reader(const HttpConnectionManager& from, const FieldPath& at, config::Diagnostics& diagnostics, HttpConnectionSpec& spec)
      : from_(from), at_(at), diagnostics_(diagnostics), spec_(spec) {}

  bool read(std::string_view node_id) {
    path();
    host();
    detections();
    early_changes();
    proxy_status(node_id);
    upgrades();
    return good_;
  }

 private:
  void wrong(const FieldPath& path, std::string message, std::string hint = "") {
    diagnostics_.error({{}, path.text(), std::move(message), std::move(hint)});
    good_ = false;
  }

  void path() {
    spec_.path_rules.normalize = from_.normalize_path().value();
    spec_.path_rules.merge_slashes = from_.merge_slashes();
    switch (from_.path_with_escaped_slashes_action()) {
      case HttpConnectionManager::REJECT_REQUEST:
        spec_.path_rules.escaped_slashes = EscapedSlashes::kReject;
        break;
      case HttpConnectionManager::UNESCAPE_AND_REDIRECT:
        spec_.path_rules.escaped_slashes = EscapedSlashes::kRedirect;
        break;
      case HttpConnectionManager::UNESCAPE_AND_FORWARD:
        spec_.path_rules.escaped_slashes = EscapedSlashes::kForward;
        break;
      default:  // the implementation's own default is to keep them
        break;
    }
  }

  void host() {
    if (from_.strip_matching_host_port() && from_.strip_any_host_port()) {
      wrong(FieldPath{&at_, "strip_matching_host_port"}, "is set together with strip_any_host_port",
            "strip_any_host_port alone strips every port");
    }
    if (from_.strip_matching_host_port()) spec_.host_rules.port = HostRules::Port::kStripMatching;
    if (from_.strip_any_host_port()) spec_.host_rules.port = HostRules::Port::kStripAny;
    spec_.host_rules.strip_trailing_dot = from_.strip_trailing_host_dot();
  }

  void detections() {
    const FieldPath list{&at_, "original_ip_detection_extensions"};
    const auto& extensions = from_.original_ip_detection_extensions();
    if (extensions.empty()) return;
    if (from_.use_remote_address().value()) {
      return wrong(list, "cannot be used together with use_remote_address",
                   "the peer's address or an extension decides, not both");
    }
    if (from_.xff_num_trusted_hops() > 0) {
      return wrong(list, "cannot be used together with xff_num_trusted_hops",
                   "give the xff extension its own xff_num_trusted_hops");
    }
    for (int i = 0; i < extensions.size(); ++i) {
      const FieldPath item{&list, {}, i}, typed_config{&item, "typed_config"};
      const google::protobuf::Any& config = extensions[i].typed_config();
      if (Xff xff; config.UnpackTo(&xff)) {
        by_list(xff, typed_config);
      } else if (CustomHeader header; config.UnpackTo(&header)) {
        by_header(header);
      } else {
        wrong(typed_config, "there is no IP detection extension with this configuration",
              "original_ip_detection.xff or original_ip_detection.custom_header");
      }
    }
  }

  void by_list(const Xff& xff, const FieldPath& at) {
    ForwardedForDetection detection{.trusted_hops = xff.xff_num_trusted_hops()};
    const FieldPath cidrs{&at, "xff_trusted_cidrs"};
    if (xff.has_xff_trusted_cidrs() && xff.xff_num_trusted_hops() > 0) {
      wrong(cidrs, "is set together with xff_num_trusted_hops", "trust a number of hops or known addresses, not both");
    }
    if (!net::read_cidrs(xff.xff_trusted_cidrs().cidrs(), FieldPath{&cidrs, "cidrs"}, diagnostics_, detection.trusted_proxies)) {
      good_ = false;
    }
    if (xff.has_skip_xff_append()) detection.skip_append = xff.skip_xff_append().value();
    spec_.address_detections.emplace_back(std::move(detection));
  }

  void by_header(const CustomHeader& from) {
    CustomHeaderDetection detection{.header = http::HeaderName(from.header_name()),
                                    .trusted = from.allow_extension_to_set_address_as_trusted()};
    if (from.has_reject_with_status()) {
      const int status = from.reject_with_status().code();
      detection.reject_status = status >= 400 ? status : 403;
    }
    spec_.address_detections.emplace_back(std::move(detection));
  }

  void early_changes() {
    const FieldPath list{&at_, "early_header_mutation_extensions"};
    for (int i = 0; i < from_.early_header_mutation_extensions_size(); ++i) {
      const FieldPath item{&list, {}, i}, typed_config{&item, "typed_config"};
      EarlyMutation mutation;
      if (!from_.early_header_mutation_extensions(i).typed_config().UnpackTo(&mutation)) {
        wrong(typed_config, "there is no early header mutation with this configuration", "early_header_mutation.header_mutation");
        continue;
      }
      const FieldPath mutations{&typed_config, "mutations"};
      good_ &= route::read_header_changes(mutation.mutations(), mutations, diagnostics_, true, spec_.early_changes);
    }
  }

  void proxy_status(std::string_view node_id) {
    if (!from_.has_proxy_status_config()) return;
    const HttpConnectionManager::ProxyStatusConfig& config = from_.proxy_status_config();
    ProxyStatusRules& rules = spec_.proxy_status.emplace();
    switch (config.proxy_name_case()) {
      case HttpConnectionManager::ProxyStatusConfig::kUseNodeId:
        rules.name = config.use_node_id() ? std::string(node_id) : spec_.server_name;
        break;
      case HttpConnectionManager::ProxyStatusConfig::kLiteralProxyName:
        rules.name = config.literal_proxy_name();
        break;
      default:
        rules.name = spec_.server_name;
    }
    rules.details = !config.remove_details();
    rules.termination_details = !config.remove_connection_termination_details();
    rules.response_flags = !config.remove_response_flags();
    rules.set_recommended_code = config.set_recommended_response_code();
  }

  void upgrades() {
    const FieldPath list{&at_, "upgrade_configs"};
    for (int i = 0; i < from_.upgrade_configs_size(); ++i) {
      const HttpConnectionManager::UpgradeConfig& from = from_.upgrade_configs(i);
      const FieldPath item{&list, {}, i}, type{&item, "upgrade_type"};
      route::UpgradeConfig upgrade{.type = lower(from.upgrade_type()), .enabled = !from.has_enabled() || from.enabled().value()};
      if (std::ranges::find(spec_.upgrades, upgrade.type, &route::UpgradeConfig::type) != spec_.upgrades.end()) {
        wrong(type, config::quoted(from.upgrade_type()) + " is listed twice");
      } else if (upgrade.enabled && upgrade.type == "connect-udp") {
        wrong(type, "known to Envoy, but Weir does not implement CONNECT-UDP yet",
              "remove it; CONNECT-UDP is then answered with 403");
      } else {
        spec_.upgrades.push_back(std::move(upgrade));
      }
    }
  }

  const HttpConnectionManager& from_;
  const FieldPath& at_;
  config::Diagnostics& diagnostics_;
  HttpConnectionSpec& spec_;
  bool good_ = true;
};

}  // namespace

bool read_request_options(const HttpConnectionManager& from, const FieldPath& at, std::string_view node_id,
                          config::Diagnostics& diagnostics, HttpConnectionSpec& spec) {
  return Reader(from, at, diagnostics, spec).read(node_id);
}

void declare_request_options(config::SupportTable& table) {
  table.message<HttpConnectionManager>()
      .fields({"normalize_path", "merge_slashes", "strip_matching_host_port", "strip_any_host_port", "strip_trailing_host_dot",
               "proxy_status_config", "path_with_escaped_slashes_action", "upgrade_configs"})
      .extensions("original_ip_detection_extensions", kDetections)
      .extensions("early_header_mutation_extensions", kEarlyMutations);
  table.message<HttpConnectionManager::UpgradeConfig>()
      .fields({"upgrade_type", "enabled"})
      .extensions("filters", filter::kHttpFilters);
  table.message<HttpConnectionManager::ProxyStatusConfig>().all_fields();
  table.extension<Xff>(kDetections, "envoy.http.original_ip_detection.xff").all_fields();
  table.message<XffTrustedCidrs>().all_fields();
  table.extension<CustomHeader>(kDetections, "envoy.http.original_ip_detection.custom_header").all_fields();
  table.message<envoy::type::v3::HttpStatus>().all_fields();
  table.extension<EarlyMutation>(kEarlyMutations, "envoy.http.early_header_mutation.header_mutation").all_fields();
}

}  // namespace weir::proxy
