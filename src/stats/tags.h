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

/// What `stats_config` says about tags.
struct TagRules {
  /// A TagSpecifier. The regex's first group is removed from the name, its second (if any) is the value; no regex: a fixed value.
  struct Custom {
    std::string tag;
    std::shared_ptr<const re2::RE2> regex;
    std::string fixed_value;
  };
  bool all_default_tags = true;
  std::vector<std::string> default_tags;  // those used if not all are
  std::vector<Custom> custom;             // the command line's first
};

/// Takes names apart as Envoy's default tag rules do, but by looking at the few places where a tag can be instead of running
/// regular expressions; only what `stats_config.stats_tags` adds is one. Of two rules for one tag the first that finds something
/// counts; the order is Envoy's: fixed values, rules for any name, rules for names with a certain first token.
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

  explicit TagExtractor(TagRules rules = {});

  /// `result` refers to `full_name` and to this extractor.
  void extract(std::string_view full_name, Extracted& result) const;
  /// Tags that everything has, and their values.
  const std::vector<std::pair<std::string, std::string>>& fixed() const { return fixed_; }
  /// Whether names that differ only in the cluster's are taken apart alike: nobody brought regular expressions.
  bool clusters_are_alike() const { return for_any_name_.empty() && for_first_token_.empty(); }

 private:
  struct Expression {
    std::string tag;
    std::shared_ptr<const re2::RE2> regex;
    std::string first_token;  // "cluster" of a regex that begins with "^cluster\\."; "" if any name may match
  };
  bool all_default_tags_;
  std::vector<std::string> default_tags_;
  std::vector<std::pair<std::string, std::string>> fixed_;
  std::vector<Expression> for_any_name_;
  std::vector<Expression> for_first_token_;
};

}  // namespace weir::stats
