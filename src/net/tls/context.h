// TlsContext: everything that connections of one TLS configuration share: certificates, trust, parameters, sessions.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "net/tls/identity.h"
#include "net/tls/tls_spec.h"
#include "net/tls/trust.h"

namespace weir::net {

class TlsContext;
using TlsContextPtr = std::shared_ptr<const TlsContext>;

/// Immutable but for the sessions it remembers, which it guards itself; safe for all threads.
class TlsContext {
 public:
  /// A problem with a field of TlsParameters ("cipher_suites" …) or CommonTlsContext.
  struct Problem {
    std::string field;
    std::string message;
  };
  static std::expected<TlsContextPtr, Problem> server(TlsServerSpec spec);
  static std::expected<TlsContextPtr, Problem> client(TlsClientSpec spec);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;

  bool is_server() const { return server_ != nullptr; }
  const TlsCommonSpec& common() const;
  const TlsServerSpec& server_spec() const { return *server_; }
  const TlsClientSpec& client_spec() const { return *client_; }

  /// ALPN as one list of protocol names with their lengths, as it goes over the wire.
  static std::string alpn_wire(const std::vector<std::string>& protocols);

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  TlsContext();
  std::unique_ptr<TlsServerSpec> server_;
  std::unique_ptr<TlsClientSpec> client_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::net
