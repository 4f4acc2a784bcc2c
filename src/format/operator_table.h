// Every operator that a format may name, with what may stand behind the name and how its value is found.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "format/operator.h"

namespace weir::format {

/// What may stand behind an operator's name.
enum class Syntax : uint8_t {
  kNothing,           // %PROTOCOL%
  kHeader,            // %REQ(X?Y):Z%
  kTimeUtc,           // %START_TIME(%Y)%
  kTimeLocal,         //
  kDurationBetween,   // %COMMON_DURATION(DS_RX_BEG:DS_RX_END:us)%
  kDetails,           // %RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%
  kGrpcStatus,        // %GRPC_STATUS(SNAKE_STRING)%
  kPath,              // %PATH(NQ:ORIG):Z%
  kRequiredArgument,  // %QUERY_PARAM(X):Z%
  kEnvironment,       // %ENVIRONMENT(X):Z%
  kHostname,          // %HOSTNAME%
  kMetadata,          // %DYNAMIC_METADATA(NAMESPACE:KEY)%
  kTypedMetadata,     // %METADATA(TYPE:NAMESPACE:KEY):Z%
  kFilterState,       // %FILTER_STATE(KEY:PLAIN):Z%
  kExpression,        // %CEL(...):Z%
};

/// An operator as it is known by name.
struct OperatorEntry {
  std::string_view name;
  Syntax syntax;
  Evaluate evaluate;
};

/// Null if there is none.
const OperatorEntry* find_operator(std::string_view name);
/// Sorted by name.
std::span<const OperatorEntry> all_operators();

}  // namespace weir::format
