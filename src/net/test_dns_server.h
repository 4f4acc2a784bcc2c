// TestDnsServer: a DNS server on loopback for tests, on the loop of the one who asks.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "base/check.h"
#include "loop/event_loop.h"
#include "net/address.h"
#include "net/resolver_spec.h"

namespace weir::net {

/// Answers A and AAAA questions (RFC 1035 §4) from a table that the test may change at any time.
class TestDnsServer final : private loop::Source {
 public:
  explicit TestDnsServer(loop::EventLoop& loop) : loop_(loop), fd_(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    const Address any = *Address::from_ip("127.0.0.1", 0);
    CHECK(bind(fd_, any.get(), any.size()) == 0);
    loop_.watch(fd_, *this, EPOLLIN);
  }
  ~TestDnsServer() {
    loop_.unwatch(fd_, *this);
    close(fd_);
  }

  /// Addresses by name; a name without an entry does not exist.
  std::map<std::string, std::vector<std::string>> hosts;
  uint32_t ttl = 60;
  bool failing = false;  // answers SERVFAIL
  bool silent = false;   // keeps questions until speak()
  int questions = 0;

  /// Answers what has been asked so far.
  void speak() {
    for (const Question& question : unanswered_) {
      const std::string reply = answer(question.packet);
      sendto(fd_, reply.data(), reply.size(), 0, question.from.get(), question.from.size());
    }
    unanswered_.clear();
  }

  ResolverSpec spec() const {
    ResolverSpec spec;
    spec.servers.push_back(std::make_shared<const Address>(Address::local_of(fd_)));
    spec.no_search = true;
    return spec;
  }

 private:
  struct Question {
    std::string packet;
    Address from;
  };

  void on_ready(uint32_t) override {
    char packet[512];
    sockaddr_storage from;
    socklen_t size = sizeof from;
    for (ssize_t got; (got = recvfrom(fd_, packet, sizeof packet, 0, reinterpret_cast<sockaddr*>(&from), &size)) > 0;) {
      ++questions;
      unanswered_.push_back({std::string(packet, static_cast<size_t>(got)), Address::from_sockaddr(from, size)});
    }
    if (!silent) speak();
  }

  std::string answer(std::string_view question) const {
    std::string name;
    size_t at = 12;
    while (question[at] != 0) {
      if (!name.empty()) name += '.';
      const auto length = static_cast<size_t>(question[at]);
      name += question.substr(at + 1, length);
      at += length + 1;
    }
    const bool v6 = question[at + 2] == 28;
    const std::string_view asked = question.substr(12, at + 5 - 12);
    std::string records;
    uint8_t count = 0;
    const auto found = hosts.find(name);
    if (found != hosts.end()) {
      for (const std::string& ip : found->second) {
        char bytes[16];
        if ((ip.find(':') != std::string::npos) != v6) continue;
        CHECK(inet_pton(v6 ? AF_INET6 : AF_INET, ip.c_str(), bytes) == 1);
        const uint32_t network_ttl = htonl(ttl);
        records += std::string("\xc0\x0c\x00", 3) + (v6 ? '\x1c' : '\x01') + std::string("\x00\x01", 2);
        records.append(reinterpret_cast<const char*>(&network_ttl), 4);
        records += std::string(1, '\0') + (v6 ? '\x10' : '\x04') + std::string(bytes, v6 ? 16 : 4);
        ++count;
      }
    }
    const char code = failing ? 2 : found == hosts.end() ? 3 : 0;
    std::string reply(question.substr(0, 2));
    reply += '\x81';
    reply += static_cast<char>(0x80 | code);
    reply += std::string("\x00\x01\x00", 3) + static_cast<char>(failing ? 0 : count) + std::string(4, '\0');
    return reply + std::string(asked) + (failing ? "" : records);
  }

  loop::EventLoop& loop_;
  const int fd_;
  std::vector<Question> unanswered_;
};

}  // namespace weir::net
