// Handshakes and data between two TlsStreams whose bytes are carried by hand.
#include "net/tls/tls_stream.h"

#include <gtest/gtest.h>

#include "net/memory_stream.h"
#include "net/tls/client_hello.h"
#include "net/tls/key_reader.h"
#include "net/tls/test_certificates.h"

namespace weir::net {
namespace {

std::expected<TlsIdentityPtr, TlsIdentity::Problem> load(const TlsCertificateSpec& spec) {
  KeyReader keys;
  return TlsIdentity::load(spec, keys);
}

struct Listening final : ByteStream::Handler {
  void on_connected() override { connected = true; }
  void on_bytes(std::string_view bytes) override {
    received += bytes;
    ++pieces;
  }
  void on_end() override { ended = true; }
  void on_failure(const StreamFailure& what) override { failure = what.reason.empty() ? "(none)" : what.reason; }
  void on_drained() override { ++drained; }
  void on_finished() override { finished = true; }
  bool connected = false, ended = false, finished = false;
  int pieces = 0, drained = 0;
  std::string received, failure;
};

class TlsStreamTest : public testing::Test {
 protected:
  TlsContextPtr server_context(TlsServerSpec spec = {}) {
    if (spec.identities.empty()) spec.identities = {*load(server_.spec())};
    return *TlsContext::server(std::move(spec));
  }
  TlsTrustPtr trust(const TestCertificate& authority) {
    TlsTrustSpec spec;
    spec.trusted_ca = authority.pem();
    return *TlsTrust::load(std::move(spec));
  }

  void connect(TlsContextPtr server_side, TlsContextPtr client_side, const TlsTarget& target = {}) {
    auto server_below = std::make_unique<MemoryStream>(loop_), client_below = std::make_unique<MemoryStream>(loop_);
    server_end_ = server_below.get();
    client_end_ = client_below.get();
    server_tls_ = TlsStream::accept(loop_, std::move(server_below), std::move(server_side), server_stats_, 0);
    client_tls_ = TlsStream::connect(loop_, std::move(client_below), std::move(client_side), target, client_stats_, 0);
    at_server_ = {};
    at_client_ = {};
    server_tls_->set_handler(at_server_);
    client_tls_->set_handler(at_client_);
    server_tls_->start();
    client_end_->deliver_connected();
    carry();
  }

  /// Moves bytes in both directions until nothing moves any more.
  void carry() {
    for (int quiet = 0; quiet < 2;) {
      loop_.turn(0);
      const std::string to_server = client_end_->take_sent(), to_client = server_end_->take_sent();
      if (!to_server.empty() && !server_end_->closed()) server_end_->deliver(to_server);
      if (!to_client.empty() && !client_end_->closed()) client_end_->deliver(to_client);
      wire_ += to_server.size() + to_client.size();
      quiet = to_server.empty() && to_client.empty() ? quiet + 1 : 0;
    }
  }

  loop::EventLoop loop_{1};
  TestCertificate ca_{"ca", ""};
  TestCertificate server_{"server", "DNS:server.test,DNS:*.wild.test,URI:spiffe://mesh/server", &ca_};
  TestCertificate client_{"client", "URI:spiffe://mesh/client", &ca_};
  TestCertificate stranger_{"stranger", ""};
  TlsStats server_stats_, client_stats_;
  MemoryStream* server_end_ = nullptr;
  MemoryStream* client_end_ = nullptr;
  std::unique_ptr<TlsStream> server_tls_, client_tls_;
  Listening at_server_, at_client_;
  size_t wire_ = 0;
};

TEST_F(TlsStreamTest, BytesArriveAsTheyWereWritten) {
  connect(server_context(), *TlsContext::client({}));
  EXPECT_TRUE(at_server_.connected && at_client_.connected);
  client_tls_->write("hello");
  server_tls_->write("welcome");
  carry();
  EXPECT_EQ(at_server_.received, "hello");
  EXPECT_EQ(at_client_.received, "welcome");
  EXPECT_EQ(server_stats_.handshake.value(), 1u);
}

TEST_F(TlsStreamTest, ALargeBodyArrivesWholeAndWhatWasQueuedBeforeTheHandshakeToo) {
  std::string large(1'000'000, 'x');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>('a' + i % 23);
  connect(server_context(), *TlsContext::client({}));
  server_tls_->out().append("head");
  server_tls_->want_flush();
  server_tls_->write(large);
  carry();
  EXPECT_EQ(at_client_.received, "head" + large);
}

TEST_F(TlsStreamTest, WritesOfOneTurnBecomeOneRecord) {
  connect(server_context(), *TlsContext::client({}));
  for (int i = 0; i < 10; ++i) server_tls_->write("0123456789");
  wire_ = 0;
  carry();
  EXPECT_EQ(at_client_.received.size(), 100u);
  EXPECT_EQ(at_client_.pieces, 1);
  EXPECT_LT(wire_, 100u + 30);
}

TEST_F(TlsStreamTest, APausedStreamKeepsWhatCame) {
  connect(server_context(), *TlsContext::client({}));
  server_tls_->pause();
  client_tls_->write("hello");
  carry();
  EXPECT_EQ(at_server_.received, "");
  server_tls_->resume();
  carry();
  EXPECT_EQ(at_server_.received, "hello");
}

TEST_F(TlsStreamTest, AFinishedSideIsTheOthersEnd) {
  connect(server_context(), *TlsContext::client({}));
  client_tls_->write("bye");
  client_tls_->finish();
  carry();
  EXPECT_TRUE(at_client_.finished);
  EXPECT_EQ(at_server_.received, "bye");
  EXPECT_TRUE(at_server_.ended);
}

TEST_F(TlsStreamTest, BothSidesKnowEachOther) {
  TlsServerSpec server;
  server.trust = trust(ca_);
  server.require_client_certificate = true;
  TlsClientSpec client;
  client.trust = trust(ca_);
  client.identities = {*load(client_.spec())};
  connect(server_context(std::move(server)), *TlsContext::client(std::move(client)), {.server_name = "server.test"});
  ASSERT_TRUE(at_server_.connected);
  const auto seen = server_tls_->tls();
  EXPECT_EQ(seen->peer().uri_sans, std::vector<std::string>{"spiffe://mesh/client"});
  EXPECT_EQ(seen->local().uri_sans, std::vector<std::string>{"spiffe://mesh/server"});
  EXPECT_EQ(seen->server_name, "server.test");
  EXPECT_EQ(seen->peer().subject, "CN=client");
  EXPECT_TRUE(seen->peer_validated);
  EXPECT_EQ(client_tls_->tls()->peer().issuer, "CN=ca");
  EXPECT_TRUE(client_tls_->tls()->peer_pem().starts_with("-----BEGIN%20CERTIFICATE-----%0A"));
}

TEST_F(TlsStreamTest, AStrangerIsRefusedAndNamed) {
  TlsServerSpec server;
  server.trust = trust(ca_);
  TlsClientSpec client;
  client.identities = {*load(stranger_.spec())};
  connect(server_context(std::move(server)), *TlsContext::client(std::move(client)));
  EXPECT_EQ(at_server_.failure, "TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:TLS_error_end");
  EXPECT_EQ(server_tls_->tls()->peer().subject, "CN=stranger");
  EXPECT_EQ(server_stats_.fail_verify_error.value(), 1u);
  EXPECT_EQ(server_stats_.connection_error.value(), 0u);
}

TEST_F(TlsStreamTest, AWrongNameIsRefusedByTheClient) {
  TlsClientSpec client;
  client.trust = trust(ca_);
  connect(server_context(), *TlsContext::client(std::move(client)), {.server_name = "x", .expected_sans = {"evil.test"}});
  EXPECT_FALSE(at_client_.connected);
  EXPECT_EQ(client_stats_.fail_verify_san.value(), 1u);
}

TEST_F(TlsStreamTest, AWildcardCoversOneLabel) {
  TlsClientSpec client;
  client.trust = trust(ca_);
  const TlsContextPtr context = *TlsContext::client(std::move(client));
  connect(server_context(), context, {.server_name = "a.wild.test", .expected_sans = {"a.wild.test"}});
  EXPECT_TRUE(at_client_.connected);
  connect(server_context(), context, {.server_name = "a.b.wild.test", .expected_sans = {"a.b.wild.test"}});
  EXPECT_FALSE(at_client_.connected);
}

TEST_F(TlsStreamTest, AlpnIsNegotiatedByTheServersOrder) {
  TlsServerSpec server;
  server.alpn = {"h2", "http/1.1"};
  TlsClientSpec client;
  client.alpn = {"http/1.1", "h2"};
  connect(server_context(std::move(server)), *TlsContext::client(std::move(client)));
  EXPECT_EQ(server_tls_->tls()->alpn, "h2");
  EXPECT_EQ(client_tls_->tls()->alpn, "h2");
}

TEST_F(TlsStreamTest, AmongEquallyGoodSuitesTheClientsOrderDecides) {
  const std::string aes = "ECDHE-ECDSA-AES128-GCM-SHA256", chacha = "ECDHE-ECDSA-CHACHA20-POLY1305";
  for (const bool equal : {true, false}) {
    TlsServerSpec server;
    if (!equal) server.ciphers = {aes, chacha};
    const TlsContextPtr context = server_context(std::move(server));
    for (const std::vector<std::string>& order : {std::vector{aes, chacha}, std::vector{chacha, aes}}) {
      TlsClientSpec client;
      client.ciphers = order;
      connect(context, *TlsContext::client(std::move(client)));
      EXPECT_EQ(server_tls_->tls()->cipher, equal ? order.front() : aes);
    }
  }
}

TEST_F(TlsStreamTest, ASessionIsResumedAndItsNamesAreCheckedAgain) {
  const TlsContextPtr server = server_context();
  TlsClientSpec spec;
  spec.trust = trust(ca_);
  spec.max_version = TlsVersion::k1_3;
  const TlsContextPtr client = *TlsContext::client(std::move(spec));
  const TlsTarget good{.server_name = "server.test", .expected_sans = {"server.test"}};
  connect(server, client, good);
  server_tls_->write("x");
  carry();
  connect(server, client, good);
  EXPECT_EQ(client_stats_.session_reused.value(), 1u);
  server_tls_->write("x");
  carry();
  connect(server, client, {.server_name = "server.test", .expected_sans = {"evil.test"}});
  EXPECT_FALSE(at_client_.connected);
}

TEST_F(TlsStreamTest, TicketsOfTheSameKeysResumeInAnotherContext) {
  TlsServerSpec server;
  server.ticket_keys = {std::string(80, '\xfe')};  // no text: random bytes
  TlsServerSpec second = server;
  TlsClientSpec spec;
  spec.max_version = TlsVersion::k1_3;
  const TlsContextPtr client = *TlsContext::client(std::move(spec));
  connect(server_context(std::move(server)), client);
  server_tls_->write("x");
  carry();
  connect(server_context(std::move(second)), client);
  EXPECT_EQ(server_stats_.session_reused.value(), 1u);
}

TEST_F(TlsStreamTest, WithoutTicketsNothingIsResumed) {
  TlsServerSpec server;
  server.tickets = false;
  TlsClientSpec spec;
  spec.max_version = TlsVersion::k1_3;
  const TlsContextPtr context = server_context(std::move(server)), client = *TlsContext::client(std::move(spec));
  for (int i = 0; i < 2; ++i) {
    connect(context, client);
    server_tls_->write("x");
    carry();
  }
  EXPECT_EQ(server_stats_.session_reused.value(), 0u);
}

TEST_F(TlsStreamTest, TheCertificateFollowsTheNameThatTheClientAsksFor) {
  const TestCertificate first("first", "DNS:first.test", &ca_), second("second", "DNS:second.test", &ca_);
  TlsServerSpec server;
  server.identities = {*load(first.spec()), *load(second.spec())};
  const TlsContextPtr context = server_context(std::move(server));
  connect(context, *TlsContext::client({}), {.server_name = "second.test"});
  EXPECT_EQ(client_tls_->tls()->peer().subject, "CN=second");
  for (const std::string name : {"SECOND.test", "other.test", ""}) {
    connect(context, *TlsContext::client({}), {.server_name = name});
    EXPECT_EQ(client_tls_->tls()->peer().subject, "CN=first") << name;
  }
}

TEST_F(TlsStreamTest, GarbageAndAHangUpEndTheHandshake) {
  connect(server_context(), *TlsContext::client({}));
  for (const bool garbage : {true, false}) {
    auto below = std::make_unique<MemoryStream>(loop_);
    MemoryStream* end = below.get();
    TlsStats stats;
    Listening handler;
    auto stream = TlsStream::accept(loop_, std::move(below), server_context(), stats, 0);
    stream->set_handler(handler);
    stream->start();
    if (garbage) {
      end->deliver("GET / HTTP/1.1\r\n\r\n");
    } else {
      end->deliver_end();
    }
    EXPECT_EQ(handler.failure,
              garbage ? "TLS_error:|268435612:SSL routines:OPENSSL_internal:HTTP_REQUEST:TLS_error_end" : "(none)");
    EXPECT_EQ(stats.connection_error.value(), garbage ? 1u : 0u);
    EXPECT_EQ(stream->tls()->version, "TLSv1.2");
    EXPECT_EQ(stream->tls()->local().subject, "CN=server");
  }
}

TEST_F(TlsStreamTest, WhatWentWrongBeforeIsNoErrorOfTheNextCall) {
  connect(server_context(), *TlsContext::client({}));
  ERR_raise(ERR_LIB_USER, 1);  // as reading a broken certificate would
  client_tls_->write("hello");
  carry();
  ERR_raise(ERR_LIB_USER, 1);
  server_tls_->write("welcome");
  carry();
  EXPECT_EQ(at_server_.received, "hello");
  EXPECT_EQ(at_client_.received, "welcome");
  EXPECT_EQ(at_server_.failure + at_client_.failure, "");
}

TEST(KeyReaderTest, ReadsOneKeyAfterAnotherWhateverCameBefore) {
  const TestCertificate one("one", ""), other("other", "");
  KeyReader keys;
  EXPECT_EQ(EVP_PKEY_eq(keys.read(one.key_pem(), "").get(), one.key.get()), 1);
  EXPECT_EQ(keys.read("nonsense", ""), nullptr);
  EXPECT_EQ(keys.read("", ""), nullptr);
  EXPECT_EQ(keys.read(one.pem(), ""), nullptr);
  EXPECT_EQ(EVP_PKEY_eq(keys.read(other.key_pem(), "").get(), other.key.get()), 1);
  EXPECT_EQ(EVP_PKEY_eq(keys.read(one.pem() + one.key_pem(), "").get(), one.key.get()), 1);
}

TEST(KeyReaderTest, AnEncryptedKeyNeedsItsPassword) {
  const TestCertificate one("one", "");
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(bio.get(), one.key.get(), EVP_aes_256_cbc(), "secret", 6, nullptr, nullptr);
  KeyReader keys;
  EXPECT_EQ(keys.read(bio_text(bio.get()), ""), nullptr);
  EXPECT_EQ(keys.read(bio_text(bio.get()), "wrong"), nullptr);
  EXPECT_EQ(EVP_PKEY_eq(keys.read(bio_text(bio.get()), "secret").get(), one.key.get()), 1);
}

TEST(TlsIdentityTest, AKeyThatDoesNotFitIsNamed) {
  const TestCertificate one("one", ""), other("other", "");
  TlsCertificateSpec spec = one.spec();
  spec.key = other.key_pem();
  EXPECT_EQ(load(spec).error().field, "private_key");
  spec.chain = "nonsense";
  EXPECT_EQ(load(spec).error().field, "certificate_chain");
}

TEST(TlsContextTest, ASuiteThatNobodyKnowsIsNamed) {
  const TestCertificate one("one", "");
  TlsServerSpec spec;
  spec.identities = {*load(one.spec())};
  spec.ciphers = {"[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]", "NOT-A-CIPHER"};
  const auto made = TlsContext::server(spec);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().field, "cipher_suites");
  EXPECT_NE(made.error().message.find("NOT-A-CIPHER"), std::string::npos);
}

TEST(ClientHelloTest, ServerNameAndProtocolsAreFoundAlsoInPieces) {
  loop::EventLoop loop{1};
  auto below = std::make_unique<MemoryStream>(loop);
  MemoryStream* end = below.get();
  TlsStats stats;
  Listening handler;
  TlsClientSpec spec;
  spec.alpn = {"h2", "http/1.1"};
  auto stream =
      TlsStream::connect(loop, std::move(below), *TlsContext::client(std::move(spec)), {.server_name = "Some.Test"}, stats, 0);
  stream->set_handler(handler);
  end->deliver_connected();
  loop.turn(0);
  const std::string bytes = end->take_sent();
  for (size_t size = 0; size < bytes.size(); ++size) {
    ClientHello hello;
    ASSERT_EQ(read_client_hello(std::string_view(bytes).substr(0, size), hello), Sniff::kMore) << size;
  }
  ClientHello hello;
  ASSERT_EQ(read_client_hello(bytes, hello), Sniff::kFound);
  EXPECT_EQ(hello.server_name, "some.test");
  EXPECT_EQ(hello.alpn, (std::vector<std::string>{"h2", "http/1.1"}));
  EXPECT_EQ(read_client_hello("GET / HTTP/1.1", hello), Sniff::kOther);
}

}  // namespace
}  // namespace weir::net
