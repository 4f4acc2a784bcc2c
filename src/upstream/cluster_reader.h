// ClusterReader: what the readers of a cluster's parts have in common (*_config.cc beside it).
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "config/diagnostic.h"
#include "config/path.h"
#include "upstream/spec.h"

namespace envoy::config::cluster::v3 {
class Cluster;
}

namespace weir::upstream {

inline constexpr char kHttpOptionsName[] = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Reads one part of a cluster into its specification. Goes on after an error, so that all are found.
class ClusterReader {
 public:
  ClusterReader(const envoy::config::cluster::v3::Cluster& from, const config::FieldPath& at, ClusterSpec& spec,
                config::Diagnostics& diagnostics)
      : from_(from), at_(at), spec_(spec), diagnostics_(diagnostics) {}

 protected:
  void error(const config::FieldPath& path, std::string message, std::string hint) {
    diagnostics_.error({{}, path.text(), std::move(message), std::move(hint)});
    good_ = false;
  }
  void error(std::string_view field, std::string message, std::string hint) {
    error(config::FieldPath{&at_, field}, std::move(message), std::move(hint));
  }

  const envoy::config::cluster::v3::Cluster& from_;
  const config::FieldPath& at_;
  ClusterSpec& spec_;
  config::Diagnostics& diagnostics_;
  bool good_ = true;
};

}  // namespace weir::upstream
