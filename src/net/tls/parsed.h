// The OpenSSL objects inside TlsIdentity and TlsTrust, for the files of this folder only.
#pragma once

#include "net/tls/identity.h"
#include "net/tls/openssl.h"
#include "net/tls/trust.h"

namespace weir::net {

struct TlsIdentity::Parsed {
  X509Ptr certificate;
  X509StackPtr chain;  // without the certificate itself
  PrivateKeyPtr key;
  int curve_nid = NID_undef;  // of an EC key
};

struct TlsTrust::Parsed {
  X509StorePtr store;  // null: no chain is checked
  std::vector<std::pair<std::string, X509StorePtr>> trust_domains;
  X509StackPtr authorities;  // whom we name when we ask for a certificate
};

}  // namespace weir::net
