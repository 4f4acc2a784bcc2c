// GrpcStream: one bidirectional stream of gRPC messages on a connection of its own, for what the main thread asks of others.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loop/event_loop.h"
#include "upstream/cluster_state.h"

namespace weir::upstream {

/// Where a stream goes.
struct GrpcTarget {
  std::string path;       // "/package.Service/Method"
  std::string authority;  // "" for the name of the cluster
  std::vector<std::pair<std::string, std::string>> metadata;
};

struct GrpcStreamEvents {
  virtual void on_message(std::string_view message) = 0;
  /// Nothing more comes, for that reason (gRPC status codes; 14 if there was no answer). The stream may be destroyed inside.
  virtual void on_closed(int status, std::string_view why) = 0;

 protected:
  ~GrpcStreamEvents() = default;
};

/// Messages are sent in order, as soon as there is a connection. Nobody is told anything any more once this is destroyed.
/// Lives on the loop's thread. gRPC over HTTP/2: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
class GrpcStream {
 public:
  GrpcStream(loop::EventLoop& loop, const ClusterState& cluster, EndpointPtr endpoint, const GrpcTarget& target,
             GrpcStreamEvents& events);
  ~GrpcStream();
  GrpcStream(const GrpcStream&) = delete;
  GrpcStream& operator=(const GrpcStream&) = delete;

  void send(std::string_view message);

 private:
  class Connection;

  loop::EventLoop& loop_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace weir::upstream
