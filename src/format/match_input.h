// MatchInput: the one text of a request or connection that a matcher looks at (Envoy's data inputs).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "format/dynamic_metadata.h"
#include "format/operator.h"
#include "format/stream_info.h"
#include "http/header_name.h"

namespace weir::format {

/// What matchers may look at. Missing parts are null: what they would tell is not known yet.
struct MatchData {
  const http::HeaderMap* request = nullptr;
  const http::HeaderMap* response = nullptr;
  const http::HeaderMap* request_trailers = nullptr;
  const http::HeaderMap* response_trailers = nullptr;
  const StreamInfo* info = nullptr;
  const ConnectionInfo* connection = nullptr;  // if there is no `info`
  std::string_view transport_protocol;
  const std::vector<std::string>* application_protocols = nullptr;
};

struct InputValue {
  enum class State : uint8_t { kThere, kMissing, kNotYet };

  State state = State::kMissing;
  std::string_view text;                    // in the request, the arena of its headers, the configuration, or the scratch
  const net::Address* address = nullptr;    // of inputs that are addresses
  const MetadataValue* metadata = nullptr;  // of metadata, which has no text
};

class MatchInput {
 public:
  enum class Kind : uint8_t {
    kRequestHeader,  // repeated lines joined by ","
    kResponseHeader,
    kRequestTrailer,
    kResponseTrailer,
    kQueryParameter,  // the first of that name, percent-decoded
    kDestinationIp,
    kDestinationPort,
    kSourceIp,
    kSourcePort,
    kDirectSourceIp,
    kSourceType,  // "local" or missing
    kServerName,
    kTransportProtocol,
    kApplicationProtocol,  // as Envoy writes lists: 'h2','http/1.1'
    kPeerUriSan,           // of the client's certificate; several with commas between
    kPeerDnsSan,
    kPeerSubject,
    kFilterState,
    kDynamicMetadata,
    kFixed,  // the same for every request, such as an environment variable
  };

  MatchInput() = default;
  /// `name`: of the header, the query parameter, the object; the text of kFixed. A kFixed without text is missing.
  MatchInput(Kind kind, std::string_view name);
  static MatchInput metadata(std::string filter, std::vector<std::string> path);
  static MatchInput missing() { return MatchInput(Kind::kFixed, {}); }

  Kind kind() const { return kind_; }
  /// A text may lie in `scratch` until its next use.
  InputValue get(const MatchData& data, Scratch& scratch) const;
  /// "header x-user", "source IP"
  std::string description() const;

 private:
  Kind kind_ = Kind::kFixed;
  http::HeaderName header_;
  std::string name_;
  std::vector<std::string> path_;
};

}  // namespace weir::format
