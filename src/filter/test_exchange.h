// TestExchange: a request and its response, without anything around them.
#pragma once

#include <optional>
#include <string>

#include "filter/filter.h"

namespace weir::filter {

struct TestExchange final : Exchange {
  TestExchange() : Exchange(request_headers, response_headers, stream_info, memory, chance_source, event_loop, 0) {}
  void proceed_later() override { proceeded = true; }
  void reply_later(const Reply& reply) override { replied = reply; }
  void pass_request_body(const Filter&, std::string_view bytes, bool end_stream) override {
    request_body += bytes;
    request_body_ended = end_stream;
  }
  void pass_response_body(const Filter&, std::string_view bytes, bool end_stream) override {
    response_body += bytes;
    response_body_ended = end_stream;
  }

  std::shared_ptr<void>& kept_for_connection(std::string_view) override { return kept; }

  std::shared_ptr<void> kept;
  FilterFactoryPtr factory;  // headers point into what it was configured with
  Arena memory;
  http::HeaderMap request_headers{memory}, response_headers{memory};
  format::StreamInfo stream_info;
  Random chance_source{1};
  loop::EventLoop event_loop{1};
  bool proceeded = false;
  std::optional<Reply> replied;
  std::string request_body, response_body;
  bool request_body_ended = false, response_body_ended = false;
};

}  // namespace weir::filter
