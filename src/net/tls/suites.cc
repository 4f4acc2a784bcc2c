#include "net/tls/suites.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/check.h"

namespace weir::net {

namespace {

/// Those between | are equally good: the client chooses.
constexpr char kDefaultCiphers[] =
    "[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]:[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";

/// Suites that BoringSSL, and so Envoy, knows too.
constexpr std::pair<std::string_view, std::string_view> kCipherNames[] = {
    {"AES128-GCM-SHA256", "TLS_RSA_WITH_AES_128_GCM_SHA256"},
    {"AES128-SHA", "TLS_RSA_WITH_AES_128_CBC_SHA"},
    {"AES256-GCM-SHA384", "TLS_RSA_WITH_AES_256_GCM_SHA384"},
    {"AES256-SHA", "TLS_RSA_WITH_AES_256_CBC_SHA"},
    {"ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"},
    {"ECDHE-ECDSA-AES128-SHA", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"},
    {"ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
    {"ECDHE-ECDSA-AES256-SHA", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"},
    {"ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"},
    {"ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
    {"ECDHE-RSA-AES128-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"},
    {"ECDHE-RSA-AES128-SHA", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"},
    {"ECDHE-RSA-AES256-GCM-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
    {"ECDHE-RSA-AES256-SHA", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"},
    {"ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
};

/// Words that stand for many suites, or change the list.
constexpr std::string_view kCipherWords[] = {"ALL",    "DEFAULT", "DES-CBC3-SHA", "HIGH",    "FIPS",   "SHA",    "SHA1",
                                             "SHA256", "SHA384",  "AES",          "AES128",  "AES256", "AESGCM", "CHACHA20",
                                             "ECDHE",  "EECDH",   "kECDHE",       "kEECDH",  "ECDSA",  "aECDSA", "RSA",
                                             "kRSA",   "aRSA",    "TLSv1",        "TLSv1.2", "SSLv3"};

/// One entry of a list of suites in OpenSSL's words, or several that BoringSSL calls equally good: [A|B]. Empty if there is none
/// of that name.
std::vector<std::string> cipher_rules(std::string_view entry) {
  std::vector<std::string> rules;
  if (entry.starts_with('[') && entry.ends_with(']')) entry = entry.substr(1, entry.size() - 2);
  while (!entry.empty()) {
    const size_t bar = entry.find('|');
    std::string_view name = entry.substr(0, bar);
    entry.remove_prefix(bar == std::string_view::npos ? entry.size() : bar + 1);
    std::string mark;
    if (name.starts_with('-') || name.starts_with('!') || name.starts_with('+')) {
      mark = name.front();
      name.remove_prefix(1);
    }
    const auto known =
        std::ranges::find_if(kCipherNames, [&](const auto& each) { return each.first == name || each.second == name; });
    if (known != std::end(kCipherNames)) {
      name = known->first;
    } else if (std::ranges::find(kCipherWords, name) == std::end(kCipherWords)) {
      return {};
    }
    rules.push_back(mark + std::string(name));
  }
  return rules;
}

}  // namespace

std::expected<SuiteGroups, std::string> read_suites(const std::vector<std::string>& entries) {
  SuiteGroups suites;
  const auto read = [&suites](std::string_view left) -> std::expected<void, std::string> {
    while (!left.empty()) {
      const size_t colon = left.find(':');
      const std::string_view one = left.substr(0, colon);
      left.remove_prefix(colon == std::string_view::npos ? left.size() : colon + 1);
      suites.push_back(cipher_rules(one));
      if (suites.back().empty()) {
        return std::unexpected("there is no cipher suite '" + std::string(one) + "' for TLS 1.2 and below");
      }
    }
    return {};
  };
  if (entries.empty()) CHECK(read(kDefaultCiphers));
  for (const std::string& entry : entries) {
    if (auto good = read(entry); !good) return std::unexpected(good.error());
  }
  return suites;
}

std::string cipher_list(const SuiteGroups& suites) {
  std::string list;
  for (const std::vector<std::string>& group : suites) {
    for (const std::string& each : group) (list += list.empty() ? "" : ":") += each;
  }
  return list;
}

void let_client_choose(SSL* ssl, const SuiteGroups& suites) {
  const STACK_OF(SSL_CIPHER)* theirs = SSL_get_client_ciphers(ssl);
  const auto rank = [theirs](const std::string& name) {
    int i = 0;
    while (i < sk_SSL_CIPHER_num(theirs) && name != SSL_CIPHER_get_name(sk_SSL_CIPHER_value(theirs, i))) ++i;
    return i;
  };
  if (std::ranges::all_of(suites, [&](const auto& group) { return std::ranges::is_sorted(group, {}, rank); })) return;
  SuiteGroups sorted = suites;
  for (std::vector<std::string>& group : sorted) std::ranges::stable_sort(group, {}, rank);
  SSL_set_cipher_list(ssl, cipher_list(sorted).c_str());
}

}  // namespace weir::net
