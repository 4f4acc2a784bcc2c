// What /config_dump shows of secrets: as they came, with the files that they name read; the page hides what is secret in them.
#include <algorithm>

#include "config/data_source.h"
#include "control/kept.h"
#include "control/tls_sources.h"
#include "envoy/admin/v3/config_dump.pb.h"

namespace weir::control {

namespace {

using envoy::config::core::v3::DataSource;

/// Envoy's order: certificates, validation contexts, keys of session tickets, others.
int rank(const TlsSources::Secret& secret) {
  if (secret.has_tls_certificate()) return 0;
  if (secret.has_validation_context()) return 1;
  return secret.has_session_ticket_keys() ? 2 : 3;
}

/// As it is used: what is in the file, not its name. Nothing where it cannot be read any more.
void open_file(DataSource& source) {
  if (!source.has_filename()) return;
  config::Diagnostics ignored;
  constexpr size_t kMost = 16 << 20;
  source.set_inline_bytes(config::read_data_source(source, kMost, {}, ignored));
}

void hide_file(DataSource& source) {
  if (source.has_filename()) source.set_inline_bytes("[redacted]");
}

TlsSources::Secret opened(TlsSources::Secret secret) {
  if (secret.has_tls_certificate()) {
    auto& certificate = *secret.mutable_tls_certificate();
    if (certificate.has_certificate_chain()) open_file(*certificate.mutable_certificate_chain());
    if (certificate.has_private_key()) hide_file(*certificate.mutable_private_key());
  } else if (secret.has_validation_context()) {
    auto& context = *secret.mutable_validation_context();
    if (context.has_trusted_ca()) open_file(*context.mutable_trusted_ca());
    if (context.has_crl()) open_file(*context.mutable_crl());
  }
  return secret;
}

}  // namespace

void TlsSources::dump(envoy::admin::v3::SecretsConfigDump& dump) const {
  std::vector<const Entry*> entries;
  for (const auto& [key, entry] : entries_) entries.push_back(entry.get());
  std::ranges::stable_sort(entries, {}, [](const Entry* each) { return each->secret == nullptr ? 4 : rank(*each->secret); });
  for (const Entry* entry : entries) {
    if (entry->subscription == nullptr) {
      auto& into = *dump.add_static_secrets();
      into.set_name(entry->name);
      into.mutable_secret()->PackFrom(*entry->secret);
      continue;
    }
    const bool known = entry->secret != nullptr;
    Secret awaited;
    awaited.set_name(entry->name);
    auto& into = known ? *dump.add_dynamic_active_secrets() : *dump.add_dynamic_warming_secrets();
    into.set_name(entry->name);
    into.set_version_info(known ? entry->version : "uninitialized");
    fill<Secret>({deterministic_bytes(known ? opened(*entry->secret) : awaited), {}, entry->updated}, *into.mutable_secret(),
                 *into.mutable_last_updated());
  }
}

}  // namespace weir::control
