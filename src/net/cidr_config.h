// envoy.config.core.v3.CidrRange becomes Cidr.
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <vector>

#include "config/diagnostic.h"
#include "config/path.h"
#include "net/address.h"

namespace envoy::config::core::v3 {
class CidrRange;
}

namespace weir::net {

/// Appends to `result`; false after reporting errors.
bool read_cidrs(const google::protobuf::RepeatedPtrField<envoy::config::core::v3::CidrRange>& ranges, const config::FieldPath& at,
                config::Diagnostics& diagnostics, std::vector<Cidr>& result);

}  // namespace weir::net
