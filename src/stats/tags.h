// Tags: what in a statistic's dotted name is not its name but says whose it is: the cluster, the listener, the response code.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace re2 {
class RE2;
}

namespace weir::stats {

/// Takes names apart as Envoy's default tag rules do, but by looking at the few places where a tag can be instead of running
/// regular expressions; `stats_config.stats_tags` adds its own.
class TagExtractor {
 public:
  struct Tag {
    std::string_view name;   // "envoy.cluster_name"
    std::string_view value;  // a piece of the full name, or a fixed value
  };
  /// Reused from call to call.
  struct Extracted {
    std::string name;  // what is left: "cluster.upstream_rq_total"
    std::vector<Tag> tags;
  };

  /// A TagSpecifier. The regex's first group is removed from the name, its second (if any) is the value; no regex: a fixed value.
  struct Custom {
    std::string tag;
    std::shared_ptr<const re2::RE2> regex;
    std::string fixed_value;
  };

  explicit TagExtractor(bool use_default_tags = true, std::vector<Custom> custom = {})
      : use_default_tags_(use_default_tags), custom_(std::move(custom)) {}

  /// `result` refers to `full_name` and to this extractor.
  void extract(std::string_view full_name, Extracted& result) const;

 private:
  bool use_default_tags_;
  std::vector<Custom> custom_;
};

}  // namespace weir::stats
