// Rules: single `validate.rules` constraints. Each check returns what was expected, or "" if the value is fine.
#pragma once

#include <google/protobuf/message.h>
#include <re2/re2.h>

#include <string>

#include "config/schema.h"
#include "validate/validate.pb.h"

namespace weir::config {

/// A number, string, bytes, bool or enum: the field itself, or its item `index` if it is repeated.
std::string check_scalar(const google::protobuf::Message& message, const google::protobuf::FieldDescriptor& field, int index,
                         const validate::FieldRules& rules, const re2::RE2* pattern);

/// The rules of a field on the present message in it: a wrapper, a duration, a timestamp, an Any.
std::string check_message(const google::protobuf::Message& message, const MessageInfo& info, const validate::FieldRules& rules,
                          const re2::RE2* pattern);

/// A count of `what`s within bounds.
std::string check_size(uint64_t size, bool has_least, uint64_t least, bool has_most, uint64_t most, const std::string& what);

/// A scalar as text, for messages and comparisons.
std::string scalar_text(const google::protobuf::Message& message, const google::protobuf::FieldDescriptor& field, int index);

}  // namespace weir::config
