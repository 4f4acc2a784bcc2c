#include "net/tls/tls_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "net/tls/handshake.h"
#include "net/tls/parsed.h"
#include "net/tls/tls_errors.h"

namespace weir::net {

namespace {

constexpr size_t kRecord = 16 * 1024;      // the most that a record can hold
constexpr size_t kSmallRecord = 4 * 1024;  // reaches the peer within the first window of a connection
constexpr size_t kSmallUntil = 64 * 1024;  // sent in small records after a pause
constexpr MonotonicNs kPause = kNsPerSecond;
constexpr size_t kWriteAtOnce = 8 * 1024;
constexpr size_t kCipherLimit = 64 * 1024;  // with more encrypted bytes waiting for the kernel, others stay as they are
constexpr size_t kPlainBuffer = 64 * 1024;

constexpr std::string_view kProtocolVersionAlert{"\x15\x03\x01\x00\x02\x02\x46", 7};

/// What an earlier call on this thread left behind must not be taken for the outcome of the next one.
void forget_errors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

template <size_t N>
void count_name(std::string_view name, const std::string_view (&names)[N], std::array<stats::Counter, N>& counters) {
  const auto found = std::ranges::find(names, name);
  if (found != std::end(names)) counters[static_cast<size_t>(found - names)].add();
}

std::string_view group_name(SSL* ssl) {
  switch (SSL_get_negotiated_group(ssl)) {
    case NID_X25519:
      return "X25519";
    case NID_X9_62_prime256v1:
      return "P-256";
    case NID_secp384r1:
      return "P-384";
    case NID_secp521r1:
      return "P-521";
    default:
      return {};
  }
}

/// The signature that proved the peer's identity, in the words of RFC 8446; "" if it showed none.
std::string signature_name(SSL* ssl) {
  int hash = NID_undef, type = NID_undef;
  if (SSL_get_peer_signature_nid(ssl, &hash) != 1 || SSL_get_peer_signature_type_nid(ssl, &type) != 1) return {};
  const std::string bits = hash == NID_sha256 ? "256" : hash == NID_sha384 ? "384" : hash == NID_sha512 ? "512" : "1";
  switch (type) {
    case EVP_PKEY_RSA_PSS:
      return "rsa_pss_rsae_sha" + bits;
    case EVP_PKEY_RSA:
      return "rsa_pkcs1_sha" + bits;
    case EVP_PKEY_EC:
      return (bits == "256" ? "ecdsa_secp256r1_sha" : bits == "384" ? "ecdsa_secp384r1_sha" : "ecdsa_secp521r1_sha") + bits;
    case EVP_PKEY_ED25519:
      return "ed25519";
    default:
      return {};
  }
}

/// Told of each alert that OpenSSL sends by itself.
void on_state(const SSL* ssl, int where, int alert) {
  if (where == SSL_CB_WRITE_ALERT && (alert & 0xff) == SSL_AD_NO_RENEGOTIATION) {
    TlsHandshake::of(ssl).refused_renegotiation = true;
  }
}

}  // namespace

/// OpenSSL's side of the stream.
struct TlsStream::Session {
  Session(TlsStream& stream, TlsContextPtr context, TlsStats& stats)
      : stream(stream),
        context(std::move(context)),
        info(std::make_shared<TlsInfo>()),
        handshake{*this->context, stats, *info, {}, {}, false, false, false},
        ssl(SSL_new(this->context->impl().ssl.get())) {
    CHECK(ssl != nullptr);
    BIO* bio = BIO_new(method());
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl.get(), bio, bio);
    SSL_set_app_data(ssl.get(), &handshake);
  }

  /// Bytes that came and were not yet decrypted: first those kept, then those just being delivered.
  bool has_input() const { return !stream.kept_.empty() || !stream.incoming_.empty(); }

  static int read(BIO* bio, char* buffer, int size) {
    TlsStream& stream = static_cast<Session*>(BIO_get_data(bio))->stream;
    BIO_clear_retry_flags(bio);
    const bool from_queue = !stream.kept_.empty();
    const std::string_view waiting = from_queue ? stream.kept_.front() : stream.incoming_;
    if (waiting.empty()) {
      if (stream.peer_ended_) return 0;
      BIO_set_retry_read(bio);
      return -1;
    }
    const size_t part = std::min(waiting.size(), static_cast<size_t>(size));
    std::memcpy(buffer, waiting.data(), part);
    if (from_queue) {
      stream.kept_.drain(part);
    } else {
      stream.incoming_.remove_prefix(part);
    }
    return static_cast<int>(part);
  }

  static int write(BIO* bio, const char* bytes, int size) {
    BIO_clear_retry_flags(bio);
    static_cast<Session*>(BIO_get_data(bio))->stream.below_->out().append({bytes, static_cast<size_t>(size)});
    return size;
  }

  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static const BIO_METHOD* method() {
    static const BIO_METHOD* const made = [] {
      BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir stream");
      BIO_meth_set_read(method, read);
      BIO_meth_set_write(method, write);
      BIO_meth_set_ctrl(method, control);
      return method;
    }();
    return made;
  }

  void choose_key_log(const AddressPtr& local, const AddressPtr& remote) {
    if (context->impl().key_log < 0) return;
    const auto among = [](const std::vector<Cidr>& ranges, const AddressPtr& address) {
      return ranges.empty() || std::ranges::any_of(ranges, [&](const Cidr& range) { return range.contains(*address); });
    };
    const TlsCommonSpec& spec = context->common();
    handshake.logs_keys = among(spec.key_log_local, local) && among(spec.key_log_remote, remote);
  }

  /// What logs tell of a server's handshake that did not come to its end: as much as was agreed on, and in Envoy's way TLS 1.2
  /// if that is nothing.
  void note_unfinished() {
    const int version = SSL_version(ssl.get());
    const SSL_CIPHER* suite = SSL_get_pending_cipher(ssl.get());
    const bool agreed = suite != nullptr ? version <= TLS1_3_VERSION : version < TLS1_3_VERSION;
    info->version = agreed && version >= SSL_get_min_proto_version(ssl.get()) ? SSL_get_version(ssl.get()) : "TLSv1.2";
    if (has_suite && suite != nullptr) info->cipher = SSL_CIPHER_get_name(suite);
    note_shown();
  }

  /// Our own certificate: the one that was chosen, or the first.
  void note_shown() {
    const X509* shown = SSL_get_certificate(ssl.get());
    const std::vector<TlsIdentityPtr>& all = context->common().identities;
    const auto found = std::ranges::find_if(all, [&](const auto& each) { return each->parsed().certificate.get() == shown; });
    if (!all.empty()) info->local_ = (found != all.end() ? *found : all.front())->facts();
  }

  TlsStream& stream;
  const TlsContextPtr context;
  const std::shared_ptr<TlsInfo> info;
  TlsHandshake handshake;
  const SslPtr ssl;
  bool has_suite = true;  // false: what OpenSSL chose, others would not have got to
};

TlsStream::TlsStream(loop::EventLoop& loop, std::unique_ptr<ByteStream> below, TlsContextPtr context, TlsStats& stats)
    : ByteStream(loop),
      below_(std::move(below)),
      session_(std::make_unique<Session>(*this, std::move(context), stats)),
      kept_(loop.blocks()) {
  below_->set_handler(*this);
  below_->set_buffer_limit(kCipherLimit);
}

TlsStream::~TlsStream() { close(); }

std::unique_ptr<TlsStream> TlsStream::accept(loop::EventLoop& loop, std::unique_ptr<ByteStream> below, TlsContextPtr context,
                                             TlsStats& stats, int64_t timeout_ms) {
  std::unique_ptr<TlsStream> stream(new TlsStream(loop, std::move(below), std::move(context), stats));
  SSL_set_accept_state(stream->session_->ssl.get());
  stream->session_->choose_key_log(stream->local_address(), stream->remote_address());
  if (timeout_ms > 0) {
    stream->timer_ = loop::Timer::make<&TlsStream::on_timeout>(loop.timers(), *stream);
    stream->timer_->arm(timeout_ms);
  }
  return stream;
}

std::unique_ptr<TlsStream> TlsStream::connect(loop::EventLoop& loop, std::unique_ptr<ByteStream> below, TlsContextPtr context,
                                              const TlsTarget& target, TlsStats& stats, int64_t timeout_ms) {
  std::unique_ptr<TlsStream> stream(new TlsStream(loop, std::move(below), std::move(context), stats));
  stream->state_ = State::kConnecting;
  Session& session = *stream->session_;
  SSL* ssl = session.ssl.get();
  SSL_set_connect_state(ssl);
  session.handshake.expected_sans = target.expected_sans;
  session.info->server_name = target.server_name;
  if (!target.server_name.empty()) SSL_set_tlsext_host_name(ssl, target.server_name.c_str());
  const std::string& alpn = target.alpn.empty() ? session.context->impl().alpn : target.alpn;
  if (!alpn.empty()) {
    SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(alpn.data()), static_cast<unsigned int>(alpn.size()));
  }
  const TlsContext::Impl& shared = session.context->impl();
  if (const std::lock_guard lock(shared.sessions_mutex); !shared.sessions.empty()) {
    SSL_set_session(ssl, shared.sessions.front().get());
    // A ticket of TLS 1.3 is shown once, or the connections could be told to belong together.
    if (SSL_SESSION_get_protocol_version(shared.sessions.front().get()) >= TLS1_3_VERSION) shared.sessions.pop_front();
  }
  if (timeout_ms > 0) {
    stream->timer_ = loop::Timer::make<&TlsStream::on_timeout>(loop.timers(), *stream);
    stream->timer_->arm(timeout_ms);
  }
  return stream;
}

std::shared_ptr<const TlsInfo> TlsStream::tls() const { return session_->info; }

// --- handshake ---

void TlsStream::start() {
  paused_ = false;
  below_->start();
}

void TlsStream::set_ends(const AddressPtr& local, const AddressPtr& remote) { session_->choose_key_log(local, remote); }

void TlsStream::on_connected() {
  state_ = State::kHandshake;
  paused_ = false;
  session_->choose_key_log(local_address(), remote_address());
  shake_hands();
}

/// True if the handshake is over, with success.
bool TlsStream::shake_hands() {
  SSL* ssl = session_->ssl.get();
  forget_errors();
  const int result = SSL_do_handshake(ssl);
  if (result == 1) {
    handshake_done();
    return state_ == State::kOpen;
  }
  switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ:
      below_->want_flush();
      return false;
    default:
      fail();
      return false;
  }
}

void TlsStream::handshake_done() {
  SSL* ssl = session_->ssl.get();
  TlsInfo& info = *session_->info;
  TlsStats& stats = session_->handshake.stats;
  const bool server = session_->context->is_server();
  const bool resumed = SSL_session_reused(ssl) == 1;
  if (resumed) {
    // Whoever was believed then may not be the one that is wanted now.
    X509* peer = SSL_get0_peer_certificate(ssl);
    session_->handshake.keep_peer(peer, SSL_get_peer_cert_chain(ssl));
    int error = 0;
    if (server) {
      info.peer_validated = peer != nullptr && SSL_get_verify_result(ssl) == X509_V_OK;
    } else if (peer != nullptr && !session_->handshake.accept_peer(peer, SSL_get_peer_cert_chain(ssl), error)) {
      ERR_raise(ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED);
      return fail();
    }
  }
  info.version = SSL_get_version(ssl);
  info.cipher = SSL_get_cipher_name(ssl);
  const unsigned char* alpn = nullptr;
  unsigned int alpn_size = 0;
  SSL_get0_alpn_selected(ssl, &alpn, &alpn_size);
  info.alpn.assign(reinterpret_cast<const char*>(alpn), alpn_size);
  if (server) {
    if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) info.server_name = name;
  }
  unsigned int id_size = 0;
  const unsigned char* id = SSL_SESSION_get_id(SSL_get_session(ssl), &id_size);
  if (SSL_version(ssl) < TLS1_3_VERSION) {
    for (unsigned int i = 0; i < id_size; ++i) {
      info.session_id += "0123456789abcdef"[id[i] >> 4];
      info.session_id += "0123456789abcdef"[id[i] & 15];
    }
  }
  session_->note_shown();

  stats.handshake.add();
  if (resumed) stats.session_reused.add();
  if (!info.has_peer()) stats.no_certificate.add();
  count_name(info.version, TlsStats::kVersions, stats.versions);
  count_name(info.cipher, TlsStats::kCiphers, stats.ciphers);
  count_name(group_name(ssl), TlsStats::kCurves, stats.curves);
  count_name(signature_name(ssl), TlsStats::kSignatures, stats.signatures);

  if (SSL_version(ssl) < TLS1_3_VERSION) SSL_set_info_callback(ssl, on_state);
  state_ = State::kOpen;
  timer_.reset();
  // What a server has left to say (tickets) goes with its answer if a request came along.
  if (!session_->has_input() || !server) below_->want_flush();
  handler_->on_connected();
  if (state_ == State::kOpen && (!out_.empty() || finishing_)) want_flush();
  if (state_ == State::kOpen && paused_) below_->pause();
}

// --- reading ---

void TlsStream::on_bytes(std::string_view bytes) {
  incoming_ = bytes;
  on_next_turn();
  if (state_ != State::kEnded) kept_.append(incoming_);  // we were paused meanwhile
  incoming_ = {};
}

void TlsStream::on_next_turn() {
  if (state_ == State::kHandshake && !shake_hands()) return;
  if (state_ == State::kOpen) read_plaintext();
}

void TlsStream::read_plaintext() {
  char buffer[kPlainBuffer];
  SSL* ssl = session_->ssl.get();
  size_t filled = 0;
  while (state_ == State::kOpen && !paused_) {
    if (!session_->has_input() && !SSL_has_pending(ssl) && !peer_ended_) {
      deliver({buffer, filled});
      return;
    }
    size_t got = 0;
    forget_errors();
    const int result = SSL_read_ex(ssl, buffer + filled, sizeof buffer - filled, &got);
    filled += got;
    if (below_->unsent() != 0) below_->want_flush();  // a renegotiation has something to say
    if (session_->handshake.refused_renegotiation) {
      ERR_raise(ERR_LIB_SSL, SSL_R_NO_RENEGOTIATION);
      fail();
      return;
    }
    if (result == 1) {
      if (sizeof buffer - filled >= kRecord) continue;
      deliver({buffer, std::exchange(filled, 0)});
      continue;
    }
    const int error = SSL_get_error(ssl, result);
    deliver({buffer, std::exchange(filled, 0)});
    if (state_ != State::kOpen) return;
    if (error == SSL_ERROR_WANT_READ) return;
    if (error == SSL_ERROR_ZERO_RETURN || (peer_ended_ && error != SSL_ERROR_SSL)) {
      ERR_clear_error();
      peer_ended_ = true;
      if (!std::exchange(peer_end_told_, true)) handler_->on_end();
      return;
    }
    fail();
    return;
  }
}

void TlsStream::deliver(std::string_view plaintext) {
  if (plaintext.empty()) return;
  bytes_received_ += plaintext.size();
  handler_->on_bytes(plaintext);
}

void TlsStream::on_end() {
  peer_ended_ = true;
  if (state_ == State::kOpen) {
    if (!paused_) read_plaintext();
    return;
  }
  if (state_ == State::kEnded) return;
  // Hanging up in the midst of a handshake is no error that anybody counts.
  end_with({StreamFailure::Kind::kTransport, ""});
}

void TlsStream::pause() {
  paused_ = true;
  if (state_ == State::kOpen) below_->pause();
}

void TlsStream::resume() {
  if (!std::exchange(paused_, false) || state_ != State::kOpen) return;
  below_->resume();
  if (!kept_.empty() || SSL_has_pending(session_->ssl.get()) || peer_ended_) loop_.at_next_turn(*this);
}

// --- writing ---

void TlsStream::write(std::string_view bytes) {
  if (bytes.size() < kWriteAtOnce || state_ != State::kOpen || below_->unsent() > kCipherLimit) {
    out_.append(bytes);
    want_flush();
    return;
  }
  while (!out_.empty() && state_ == State::kOpen) encrypt_queue();
  if (state_ != State::kOpen) return;
  encrypt(bytes);
  if (state_ == State::kOpen) below_->flush();
}

void TlsStream::on_turn_end() {
  if (state_ == State::kEnded) return;
  handler_->before_flush();
  flush();
}

void TlsStream::flush() {
  if (state_ != State::kOpen) return;
  do {
    if (!out_.empty()) encrypt_queue();
    if (state_ != State::kOpen) return;
    below_->flush();
  } while (!out_.empty() && below_->unsent() <= kCipherLimit && state_ == State::kOpen);
  if (state_ != State::kOpen) return;
  if (!out_.empty()) {
    below_->over_limit();  // asks for on_drained()
  } else if (finishing_) {
    finishing_ = false;
    say_goodbye();
    below_->finish();
    below_->flush();
    return;
  }
  if (above_limit_ && out_.size() <= buffer_limit_ / 2) {
    above_limit_ = false;
    handler_->on_drained();
  }
}

/// One piece of the queue, up to what may wait for the kernel.
void TlsStream::encrypt_queue() {
  char gathered[kRecord];
  size_t room = kCipherLimit;
  while (!out_.empty() && room > 0 && state_ == State::kOpen) {
    std::string_view piece = out_.front();
    if (piece.size() < kRecord && piece.size() < out_.size()) {  // one record rather than several
      iovec entries[8];
      const int count = out_.fill_iovec(entries, 8);
      size_t filled = 0;
      for (int i = 0; i < count && filled < kRecord; ++i) {
        const size_t part = std::min(entries[i].iov_len, kRecord - filled);
        std::memcpy(gathered + filled, entries[i].iov_base, part);
        filled += part;
      }
      piece = {gathered, filled};
    }
    piece = piece.substr(0, std::min(kRecord, room));
    encrypt(piece);
    if (state_ != State::kOpen) return;
    out_.drain(piece.size());
    room -= piece.size();
  }
}

void TlsStream::encrypt(std::string_view plaintext) {
  const MonotonicNs now = loop_.now();
  if (now - last_sent_ > kPause) sent_since_pause_ = 0;
  last_sent_ = now;
  SSL* ssl = session_->ssl.get();
  while (!plaintext.empty()) {
    const size_t most = sent_since_pause_ < kSmallUntil && plaintext.size() > kSmallRecord ? kSmallRecord : kRecord;
    size_t written = 0;
    forget_errors();
    if (SSL_write_ex(ssl, plaintext.data(), std::min(plaintext.size(), most), &written) != 1) {
      fail();
      return;
    }
    sent_since_pause_ += written;
    bytes_sent_ += written;
    plaintext.remove_prefix(written);
  }
}

void TlsStream::on_drained() { want_flush(); }

void TlsStream::finish() {
  finishing_ = true;
  want_flush();
}

void TlsStream::on_finished() {
  if (state_ == State::kOpen) handler_->on_finished();
}

// --- the end ---

void TlsStream::say_goodbye() {
  if (state_ != State::kOpen || std::exchange(goodbye_said_, true)) return;
  SSL_shutdown(session_->ssl.get());
  forget_errors();
}

/// OpenSSL has given up: says why, after what it still wanted to tell the peer (an alert).
void TlsStream::fail() {
  TlsFailure failure = take_tls_failure(session_->ssl.get());
  if (session_->handshake.refused_key_usage) failure = {.text = kKeyUsage};  // OpenSSL calls it a failed verification
  TlsStats& stats = session_->handshake.stats;
  if (failure.missing_certificate) stats.fail_verify_no_cert.add();
  if (!failure.text.empty() && !failure.counted) {
    stats.connection_error.add();
    if (state_ == State::kOpen && !failure.told) {  // as in Envoy it counts twice
      stats.connection_error.add();
      failure.text += kNoGoodbye;
    }
  }
  goodbye_said_ = true;
  if (failure.no_tls && state_ == State::kHandshake && session_->context->is_server() && below_->unsent() == 0) {
    below_->out().append(kProtocolVersionAlert);  // OpenSSL would say nothing
  }
  below_->flush();
  if (failure.no_signature) session_->has_suite = false;
  end_with({StreamFailure::Kind::kTransport, failure.text});
}

void TlsStream::on_failure(const StreamFailure& failure) {
  if (state_ != State::kEnded) end_with(failure);
}

void TlsStream::on_timeout() { end_with({StreamFailure::Kind::kConnectTimeout, "connect timeout"}); }

void TlsStream::end_with(const StreamFailure& failure) {
  if (state_ == State::kHandshake && session_->context->is_server()) session_->note_unfinished();
  close();
  handler_->on_failure(failure);
}

void TlsStream::close() {
  if (state_ == State::kEnded) return;
  if (state_ == State::kOpen && !below_->closed()) {
    say_goodbye();
    below_->flush();
  }
  state_ = State::kEnded;
  timer_.reset();
  TurnEnd::unlink();
  NextTurn::unlink();
  out_.clear();
  kept_.clear();
  below_->close();
}

void TlsStream::abort() {
  if (state_ == State::kEnded) return;
  below_->abort();
  close();
}

}  // namespace weir::net
