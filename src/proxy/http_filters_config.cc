#include "proxy/http_filters_config.h"

#include "config/schema.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "filter/catalog.h"
#include "proxy/router_config.h"

namespace weir::proxy {

namespace v3 = envoy::extensions::filters::network::http_connection_manager::v3;
using config::FieldPath;

namespace {

class Reader {
 public:
  Reader(const std::string& stat_prefix, ListenerConfigContext& context, config::Diagnostics& diagnostics, HttpFilterList& result)
      : stat_prefix_(stat_prefix), context_(context), diagnostics_(diagnostics), result_(result) {}

  void read(const v3::HttpFilter& filter, const FieldPath& item, bool last) {
    if (filter.has_config_discovery() && context_.find_filter != nullptr) return dynamic_filter(filter, item, last);
    if (!filter.has_typed_config()) {
      return wrong(FieldPath{&item, "typed_config"}, "the filter " + config::quoted(filter.name()) + " has no configuration",
                   "the @type of typed_config chooses the filter");
    }
    const bool terminal = is_router(filter.typed_config());
    if (terminal != last) {
      return wrong(item,
                   terminal ? "the router ends every chain of filters, but others follow it"
                            : "the last filter must be the router, but " + config::quoted(filter.name()) + " is not",
                   "put envoy.filters.http.router last");
    }
    terminal ? router(filter, item) : http_filter(filter, item);
  }

  bool good() const { return good_; }

 private:
  void wrong(const FieldPath& path, std::string message, std::string hint = "") {
    diagnostics_.error({{}, path.text(), std::move(message), std::move(hint)});
    good_ = false;
  }

  void router(const v3::HttpFilter& filter, const FieldPath& item) {
    if (filter.disabled()) return wrong(FieldPath{&item, "disabled"}, "the router cannot be disabled", "remove it");
    result_.router = &filter.typed_config();
  }

  void dynamic_filter(const v3::HttpFilter& filter, const FieldPath& item, bool last) {
    if (last) {
      return wrong(item, "the last filter must be the router, which stands here and not elsewhere",
                   "put envoy.filters.http.router last");
    }
    const FieldPath discovery{&item, "config_discovery"};
    add(filter, context_.find_filter(filter.config_discovery(), filter.name(), filter_context(), discovery, diagnostics_));
  }

  void http_filter(const v3::HttpFilter& filter, const FieldPath& item) {
    const FieldPath typed_config{&item, "typed_config"};
    const filter::CatalogEntry* entry = filter::find_filter(filter.typed_config().type_url());
    if (entry == nullptr) {
      return wrong(typed_config,
                   "there is no HTTP filter with the configuration " + config::quoted(filter.typed_config().type_url()));
    }
    add(filter, entry->read(filter.typed_config(), typed_config, filter_context(), diagnostics_));
  }

  void add(const v3::HttpFilter& filter, filter::FilterFactoryPtr factory) {
    good_ = good_ && factory != nullptr;
    if (factory != nullptr) result_.filters.push_back({filter.name(), std::move(factory), filter.disabled()});
  }

  filter::FilterContext filter_context() const {
    return {.stats = context_.stats.all(),
            .runtime = context_.runtime,
            .stat_prefix = "http." + stat_prefix_ + ".",
            .service_cluster = context_.service_cluster,
            .check_dns_cache = context_.check_dns_cache};
  }

  const std::string& stat_prefix_;
  ListenerConfigContext& context_;
  config::Diagnostics& diagnostics_;
  HttpFilterList& result_;
  bool good_ = true;
};

}  // namespace

bool read_http_filters(const google::protobuf::RepeatedPtrField<v3::HttpFilter>& from, const FieldPath& at,
                       const std::string& stat_prefix, ListenerConfigContext& context, config::Diagnostics& diagnostics,
                       HttpFilterList& result) {
  Reader reader(stat_prefix, context, diagnostics, result);
  for (int i = 0; i < from.size(); ++i) reader.read(from[i], FieldPath{&at, {}, i}, i + 1 == from.size());
  return reader.good();
}

}  // namespace weir::proxy
