// LbCriteria out of the metadata of a configuration.
#pragma once

#include "format/lb_criteria.h"

namespace google::protobuf {
class Struct;
class Value;
}  // namespace google::protobuf
namespace envoy::config::core::v3 {
class Metadata;
}

namespace weir::format {

std::string canonical_value(const google::protobuf::Value& value);
LbCriteria read_lb_criteria(const google::protobuf::Struct& fields);
/// Those of the member `envoy.lb`; empty if there is none.
LbCriteria read_lb_criteria(const envoy::config::core::v3::Metadata& metadata);

}  // namespace weir::format
