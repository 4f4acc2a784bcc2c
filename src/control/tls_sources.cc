#include "control/tls_sources.h"

#include <algorithm>
#include <set>

#include "config/duration.h"
#include "control/kept.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "format/matcher_config.h"

namespace weir::control {

using config::FieldPath;
using envoy::config::core::v3::DataSource;

namespace {

/// The folders in which a secret's files may be replaced.
std::set<std::string> folders_of(const TlsSources::Secret& secret) {
  std::set<std::string> folders;
  const auto add = [&](const DataSource& source) {
    if (!source.has_filename()) return;
    const size_t slash = source.filename().rfind('/');
    folders.insert(slash == std::string::npos ? "." : slash == 0 ? "/" : source.filename().substr(0, slash));
  };
  const auto watched = [&](const auto& message) {
    if (message.has_watched_directory()) folders = {message.watched_directory().path()};
  };
  if (secret.has_tls_certificate()) {
    const auto& certificate = secret.tls_certificate();
    for (const DataSource* each : {&certificate.certificate_chain(), &certificate.private_key(), &certificate.pkcs12()})
      add(*each);
    watched(certificate);
  } else if (secret.has_validation_context()) {
    for (const DataSource* each : {&secret.validation_context().trusted_ca(), &secret.validation_context().crl()}) add(*each);
    watched(secret.validation_context());
  }
  return folders;
}

}  // namespace

TlsSources::TlsSources(const Context& context, FileWatch& files) : context_(context), files_(files) {
  config_.read_matcher = [](const auto& matcher, const FieldPath& at, config::Diagnostics& diagnostics) {
    return [compiled = format::MatcherReader{diagnostics}.text(matcher, at)](std::string_view text) {
      return compiled.matches(text);
    };
  };
  config_.find_secret = [this](const SecretConfig& config) -> const Secret* {
    const auto found = entries_.find(key_of(config));
    return found == entries_.end() ? nullptr : found->second->secret.get();
  };
}

std::string TlsSources::key_of(const SecretConfig& config) {
  return config.has_sds_config() ? deterministic_bytes(config.sds_config()) + '\n' + config.name() : config.name();
}

bool TlsSources::load(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, config::Diagnostics& diagnostics) {
  const FieldPath resources{nullptr, "static_resources"}, list{&resources, "secrets"};
  bool good = true;
  for (int i = 0; i < bootstrap.static_resources().secrets_size(); ++i) {
    const Secret& secret = bootstrap.static_resources().secrets(i);
    const FieldPath item{&list, {}, i};
    auto entry = std::make_unique<Entry>();
    entry->name = secret.name();
    entry->secret = std::make_unique<Secret>(secret);
    config::Diagnostics found;  // only who uses a secret needs it to be good, as in Envoy
    net::check_secret(secret, item, config_, found);
    for (const config::Diagnostic& each : found.errors()) diagnostics.warning(each);
    if (secret.type_case() == Secret::TYPE_NOT_SET) {
      diagnostics.error({{}, item.text(), "the secret is of no type", "give it a tls_certificate, a validation_context …"});
      good = false;
    }
    if (!entries_.emplace(secret.name(), std::move(entry)).second) {
      diagnostics.error({{}, item.text(), "there is a second secret named " + config::quoted(secret.name()), ""});
      good = false;
    }
  }
  return good;
}

bool TlsSources::check(const Secret& secret, const FieldPath& at, config::Diagnostics& diagnostics) {
  return net::check_secret(secret, at, config_, diagnostics);
}

TlsSources::Entry* TlsSources::find(const SecretConfig& config, const FieldPath& at, config::Diagnostics& diagnostics) {
  const std::string key = key_of(config);
  if (const auto known = entries_.find(key); known != entries_.end()) return known->second.get();
  if (!config.has_sds_config()) {
    diagnostics.error({{},
                       FieldPath{&at, "name"}.text(),
                       "there is no static secret named " + config::quoted(config.name()),
                       "add it to static_resources.secrets, or give sds_config"});
    return nullptr;
  }
  auto made = std::make_unique<Entry>();
  Entry& entry = *made;
  entry.name = config.name();
  if (!subscribe(entry, config, at, diagnostics)) return nullptr;
  entry.registration = context_.stats.add("sds." + stats::sanitize(entry.name) + ".", [&entry](stats::StatVisitor& visitor) {
    visit(visitor, entry.stats, DiscoveryKind::kListeners);
    if (entry.plane != nullptr) visit(visitor, *entry.plane);
    if (!visitor.resets_counters()) visitor.counter("key_rotation_failed", entry.rotation_failures);
  });
  entries_.emplace(key, std::move(made));
  entry.subscription->note();
  if (entry.plane != nullptr ? started_remote_ : started_) entry.subscription->start();
  return &entry;
}

bool TlsSources::subscribe(Entry& entry, const SecretConfig& config, const FieldPath& at, config::Diagnostics& diagnostics) {
  auto on_update = [this, &entry](const Update& found, config::Diagnostics& errors) { update(entry, found, errors); };
  const FieldPath where{&at, "sds_config"};
  if (!config.sds_config().has_api_config_source()) {
    const auto source = read_source(context_, config.sds_config(), where, diagnostics);
    if (!source) return false;
    entry.answered = true;  // start() reads it at once
    entry.subscription = std::make_unique<FileSubscription>(context_, files_, *source, entry.stats, std::move(on_update));
    return true;
  }
  auto source =
      read_grpc_source(context_, config.sds_config().api_config_source(), FieldPath{&where, "api_config_source"}, diagnostics);
  if (!source) return false;
  constexpr int64_t kUsualWaitMs = 15'000;
  const int64_t wait_ms = config.sds_config().has_initial_fetch_timeout()
                              ? config::milliseconds(config.sds_config().initial_fetch_timeout())
                              : kUsualWaitMs;
  entry.plane = std::make_unique<ControlPlaneStats>();
  entry.subscription = std::make_unique<GrpcSubscription>(
      context_, std::move(*source),
      DiscoveryQuestion{"/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets",
                        "/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets",
                        "type.googleapis.com/" + Secret::descriptor()->full_name(),
                        {entry.name}},
      wait_ms, entry.stats, *entry.plane, std::move(on_update), [this, &entry] { first_answer(entry); });
  return true;
}

template <class Message, class Build>
net::TlsSourcePtr TlsSources::make(const Message& message, const FieldPath& at, config::Diagnostics& diagnostics, Build build) {
  User user;
  const FieldPath common{&at, "common_tls_context"};
  bool good = true;
  for (const SecretConfig* config : net::secrets_of(message)) {
    Entry* entry = find(*config, common, diagnostics);
    good = good && entry != nullptr;
    user.secrets.push_back(entry);
  }
  if (!good) return nullptr;
  const size_t errors = diagnostics.errors().size();
  net::TlsContextPtr context = build(at, diagnostics);
  if (diagnostics.errors().size() != errors) return nullptr;
  auto source = std::make_shared<net::TlsSource>(std::move(context));
  if (user.secrets.empty()) return source;
  user.source = source;
  user.build = [build = std::move(build)](config::Diagnostics& found) { return build(FieldPath{}, found); };
  std::erase_if(users_, [](const User& each) { return each.source.expired(); });
  users_.push_back(std::move(user));
  return source;
}

net::TlsSourcePtr TlsSources::server(const Downstream& message, const std::vector<std::string>& server_names, const FieldPath& at,
                                     config::Diagnostics& diagnostics) {
  return make(message, at, diagnostics, [this, message, server_names](const FieldPath& where, config::Diagnostics& found) {
    return net::read_server_tls(message, server_names, where, config_, found);
  });
}

net::TlsSourcePtr TlsSources::client(const Upstream& message, const FieldPath& at, config::Diagnostics& diagnostics) {
  return make(message, at, diagnostics, [this, message](const FieldPath& where, config::Diagnostics& found) {
    return net::read_client_tls(message, where, config_, found);
  });
}

void TlsSources::start() {
  started_ = true;
  for (auto& [key, entry] : entries_) {
    if (entry->subscription != nullptr && entry->plane == nullptr) entry->subscription->start();
  }
}

void TlsSources::start_remote(std::function<void()> on_answers) {
  started_remote_ = true;
  on_answers_ = std::move(on_answers);
  for (auto& [key, entry] : entries_) {
    if (entry->plane != nullptr) entry->subscription->start();
  }
  check_answers();
}

void TlsSources::first_answer(Entry& entry) {
  entry.answered = true;
  check_answers();
  if (on_answer_) on_answer_();
}

bool TlsSources::awaits_secrets(const net::TlsSourcePtr& source) const {
  if (source == nullptr || !started_remote_) return false;  // at the start, everything waits together
  const auto uses_it = [&](const User& user) { return user.source.lock() == source; };
  const auto user = std::ranges::find_if(users_, uses_it);
  return user != users_.end() &&
         std::ranges::any_of(user->secrets, [](const Entry* each) { return each->subscription != nullptr && !each->answered; });
}

void TlsSources::check_answers() {
  const auto waits = [](const auto& each) { return each.second->subscription != nullptr && !each.second->answered; };
  if (on_answers_ && std::ranges::none_of(entries_, waits)) std::exchange(on_answers_, nullptr)();
}

void TlsSources::update(Entry& entry, const Update& update, config::Diagnostics& diagnostics) {
  auto resources = unpack<Secret>(update, diagnostics);
  if (diagnostics.failed()) return;
  if (resources.size() != 1 || resources[0].message.name() != entry.name) {
    return diagnostics.error({{},
                              "resources",
                              "expected the secret " + config::quoted(entry.name) + " and nothing else",
                              "give one Secret with that name"});
  }
  const FieldPath at{&resources[0].list, {}, 0};
  if (!net::check_secret(resources[0].message, at, config_, diagnostics)) return;
  std::unique_ptr<Secret> before = std::exchange(entry.secret, std::make_unique<Secret>(std::move(resources[0].message)));
  if (!rebuild(entry, diagnostics)) {
    entry.secret = std::move(before);
    return;
  }
  entry.version = resources[0].version;
  entry.updated = wall_now();
  watch_files(entry);
}

/// All users of a secret get new contexts, or none does.
bool TlsSources::rebuild(const Entry& entry, config::Diagnostics& diagnostics) {
  std::vector<std::pair<net::TlsSourcePtr, net::TlsContextPtr>> built;
  const size_t errors = diagnostics.errors().size();
  for (const User& user : users_) {
    net::TlsSourcePtr source = user.source.lock();
    if (source == nullptr || std::ranges::find(user.secrets, &entry) == user.secrets.end()) continue;
    built.emplace_back(std::move(source), user.build(diagnostics));
  }
  if (diagnostics.errors().size() != errors) return false;
  for (auto& [source, context] : built) {
    if (context != nullptr && context != source->context()) source->replace(std::move(context));
  }
  return true;
}

/// Files that a secret names may be replaced without the secret saying so.
void TlsSources::watch_files(Entry& entry) {
  entry.watches.clear();
  for (const std::string& folder : folders_of(*entry.secret)) {
    auto watch = files_.folder(folder, [this, &entry] { on_files_changed(entry); });
    if (watch) {
      entry.watches.push_back(std::move(*watch));
    } else {
      context_.log.warning("secret", "{}: {}; changes will not be noticed", folder, watch.error().message);
    }
  }
}

void TlsSources::on_files_changed(Entry& entry) {
  config::Diagnostics found;
  if (rebuild(entry, found)) return;
  ++entry.rotation_failures;
  context_.log.warning("secret", "{}: the changed files are refused: {}", entry.name, found.text());
}

}  // namespace weir::control
