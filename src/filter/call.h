// Call: asking a service over gRPC, through a cluster like any other.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "format/formatter.h"

namespace weir::filter {

/// Which method of which service, and how. Lives with the configuration.
struct CallSpec {
  std::string cluster;
  std::string path;        // "/package.Service/Method"
  std::string authority;   // "" for the cluster's name
  int64_t timeout_ms = 0;  // 0: none
  struct Header {
    std::string name;
    format::Formatter value;
  };
  std::vector<Header> metadata;
};

/// Told once, never from inside the call that asks.
class CallEvents {
 public:
  /// The answer's message, valid until this returns.
  virtual void on_answer(std::string_view message) = 0;
  virtual void on_call_failed(int grpc_status, std::string_view text) = 0;

 protected:
  ~CallEvents() = default;
};

/// A call under way; destroying it gives it up.
class Call {
 public:
  virtual ~Call() = default;
};

}  // namespace weir::filter
