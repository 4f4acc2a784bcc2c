// What the admin page shows of one request: where it came from, what was decided, where it went, and how long each part took.
#pragma once

#include <string>

namespace weir::proxy {

class HttpConnection;
class Pipeline;

/// A JSON object. The request has just ended.
std::string describe_request(const Pipeline& pipeline, HttpConnection& connection);

}  // namespace weir::proxy
