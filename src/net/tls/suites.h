// Cipher suites of TLS 1.2 and below: how configurations name them, and who chooses among equally good ones.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "net/tls/openssl.h"

namespace weir::net {

/// Suites in the order of preference; those of one group are equally good.
using SuiteGroups = std::vector<std::vector<std::string>>;

/// What the entries of cipher_suites mean (the default if there are none), or what is wrong with them. As in BoringSSL an entry
/// may be a list, A:B, in which [A|B] are equally good.
std::expected<SuiteGroups, std::string> read_suites(const std::vector<std::string>& entries);

/// As OpenSSL wants them.
std::string cipher_list(const SuiteGroups& suites);

/// Puts the suites of each group into the order of the client that shakes hands.
void let_client_choose(SSL* ssl, const SuiteGroups& suites);

}  // namespace weir::net
