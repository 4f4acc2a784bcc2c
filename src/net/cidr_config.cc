#include "net/cidr_config.h"

#include "envoy/config/core/v3/address.pb.h"

namespace weir::net {

bool read_cidrs(const google::protobuf::RepeatedPtrField<envoy::config::core::v3::CidrRange>& ranges, const config::FieldPath& at,
                config::Diagnostics& diagnostics, std::vector<Cidr>& result) {
  bool good = true;
  for (int i = 0; i < ranges.size(); ++i) {
    auto range = Cidr::make(ranges[i].address_prefix(), static_cast<int>(ranges[i].prefix_len().value()));
    if (range) {
      result.push_back(std::move(*range));
      continue;
    }
    diagnostics.error({{}, config::FieldPath{&at, {}, i}.text(), range.error().message, ""});
    good = false;
  }
  return good;
}

}  // namespace weir::net
