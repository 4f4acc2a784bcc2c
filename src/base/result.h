// Result<T>: a value, or an Error that says what failed and what to do.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace weir {

/// A failure in words a user can act on.
struct Error {
  std::string message;
};

template <class T = void>
using Result = std::expected<T, Error>;

/// `return failure("cannot bind " + address)`.
inline std::unexpected<Error> failure(std::string message) { return std::unexpected(Error{std::move(message)}); }

}  // namespace weir
