// TlsHandshake: what OpenSSL's callbacks need to know of a connection while its handshake goes on. For this folder only.
#pragma once

#include <unistd.h>

#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "net/tls/context.h"
#include "net/tls/openssl.h"
#include "net/tls/suites.h"
#include "net/tls/tls_info.h"
#include "net/tls/tls_stats.h"

namespace weir::net {

struct TlsContext::Impl {
  SslContextPtr ssl;
  std::string alpn;    // as it goes over the wire
  SuiteGroups suites;  // of a server of TLS 1.2, if some are equally good
  int key_log = -1;    // the file into which secrets of handshakes go

  ~Impl() {
    if (key_log >= 0) close(key_log);
  }

  // Sessions that a client may resume, newest first.
  mutable std::mutex sessions_mutex;
  mutable std::deque<SessionPtr> sessions;
};

/// Found by way of the SSL object's application data.
struct TlsHandshake {
  const TlsContext& context;
  TlsStats& stats;
  TlsInfo& info;
  std::vector<std::string> expected_sans;  // one of them must be in the peer's certificate; empty: no such check
  std::string details;                     // why the peer was refused, in words
  bool logs_keys = false;                  // if the context has a file for them
  bool refused_key_usage = false;          // the server's RSA key is not for signatures
  bool refused_renegotiation = false;      // TLS 1.2: the peer wanted another handshake

  /// Judges the peer: counts, fills `details` and `info`. `error` becomes OpenSSL's reason.
  bool accept_peer(X509* certificate, STACK_OF(X509) * chain, int& error);
  /// Remembers what the peer showed.
  void keep_peer(X509* certificate, STACK_OF(X509) * chain);
  /// Chooses the certificate that a client gets to see.
  const TlsIdentity* choose_identity(SSL* ssl) const;

  static TlsHandshake& of(const SSL* ssl) { return *static_cast<TlsHandshake*>(SSL_get_app_data(ssl)); }
};

/// Makes OpenSSL ask us: about peers, certificates, protocols and sessions.
void install_callbacks(SSL_CTX* ssl, const TlsContext& context);

}  // namespace weir::net
