// Filters: HTTP filters whose configuration stands in files of their own (ECDS).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/context.h"
#include "control/file_watch.h"
#include "control/kept.h"
#include "control/subscription.h"
#include "filter/context.h"
#include "filter/dynamic.h"

namespace envoy::admin::v3 {
class EcdsConfigDump;
}
namespace envoy::config::core::v3 {
class ExtensionConfigSource;
}

namespace weir::control {

struct FilterConfigStats {
  stats::Counter config_conflict, config_fail, config_reload;
};

class Filters {
 public:
  Filters(const Context& context, FileWatch& files) : context_(context), files_(files) {}

  /// The filter that `name` stands for in that source; the same for all who ask for the same. Null after reporting an error.
  filter::FilterFactoryPtr find(const envoy::config::core::v3::ExtensionConfigSource& config, const std::string& name,
                                const filter::FilterContext& needs, const config::FieldPath& at,
                                config::Diagnostics& diagnostics);

  /// Reads the files of all filters found so far, and from now on those of new ones at once.
  void start();
  /// Lets go of filters that nobody uses any more.
  void sweep();

  bool empty() const { return entries_.empty(); }
  void dump(envoy::admin::v3::EcdsConfigDump& dump) const;

 private:
  struct Entry {
    explicit Entry(filter::FilterContext needs) : needs(std::move(needs)) {}
    std::weak_ptr<filter::DynamicFilter> filter;
    std::string name;
    std::vector<std::string> types;  // that the configuration may have
    filter::FilterContext needs;
    Kept kept;
    SubscriptionStats stats;
    FilterConfigStats own_stats;
    std::unique_ptr<FileSubscription> subscription;
    stats::Registry::Registration registration;
  };
  void update(Entry& entry, const Update& update, config::Diagnostics& diagnostics);

  const Context& context_;
  FileWatch& files_;
  bool started_ = false;
  std::map<std::string, std::unique_ptr<Entry>> entries_;  // by file, name and types
};

/// Declares ExtensionConfigSource.
void declare_filter_discovery(config::SupportTable& table);

}  // namespace weir::control
