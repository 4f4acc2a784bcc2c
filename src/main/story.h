// Story: what would become of a request, told from the listener to the cluster, with the reasons.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "main/dry_run.h"

namespace weir::main {

/// What is asked.
struct Question {
  std::string method = "GET";
  std::string scheme = "http";
  std::string authority;
  std::string path = "/";
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  uint64_t random = 0;                                       // decides about shares and weighted clusters
  std::string source = "127.0.0.1";                          // the client's address
  std::string listener;                                      // by name; "": by the port of the URL
  bool client_certificate = false;                           // presented and validated

  /// "GET http://host/path", or without the method.
  static Result<Question> parse(const std::string& text);
  uint16_t port() const;
  std::string url() const { return scheme + "://" + authority + path; }
};

/// One header that a step changes; without `before` it is new, without `after` it goes.
struct HeaderChange {
  std::string name;
  std::optional<std::string> before, after;
  std::string by;  // whose doing it is
};

struct Story {
  struct Candidate {
    uint32_t number = 0;  // its position in the virtual host
    std::string name;     // may be ""
    std::string match;    // its conditions, in words
    std::string miss;     // why it was passed over; "" if it took the request
    std::string missed;   // the condition that failed: "path", "header version", …
    std::string at;       // file:line
  };
  struct WeightedCluster {
    std::string name;
    uint64_t weight = 0;
    double percent = 0;
    bool chosen = false;
  };

  // --- in the order in which it happens ---
  std::string listener, listener_address, listener_note;
  size_t chain_number = 0, chain_count = 0;
  std::string chain_name, chain_note;
  std::string ended;                   // why it goes no further: "tcp_proxy: …", "400 …"; "" if it was routed
  std::vector<HeaderChange> received;  // what the connection manager does to the head
  std::string client;                  // whose address counts
  bool internal = false;

  std::string scope;  // with scoped routes: which one, and by what key
  std::string route_table;
  std::string virtual_host, domain, virtual_host_at;
  std::vector<std::string> domains;  // if none fits: those there are
  std::string domain_hint;           // and what may be wrong
  size_t virtual_host_routes = 0;
  std::vector<std::string> matcher;   // what the virtual host's matcher looked at, step by step
  std::vector<Candidate> candidates;  // the last one took the request if `matched`
  bool matched = false;
  std::vector<std::string> filters;

  std::string action;  // "forward", "redirect", "direct response", "no answer from a proxy", "not found"
  int status = 0;      // of answers that are made here
  std::string location, body;

  std::string cluster, cluster_note;  // the note: kind, balancer, endpoints; or why there is none
  bool cluster_exists = false;
  std::vector<WeightedCluster> weighted;
  std::string virtual_cluster;
  std::vector<std::pair<std::string, std::string>> policies;  // timeouts, retries and the like
  std::vector<HeaderChange> request;                          // what the route does to the head
  std::vector<HeaderChange> response;
};

/// What becomes of the request. An error if the question cannot be asked of this configuration.
Result<Story> tell(const DryRun& configuration, const Question& question);

/// For people; with `color` for terminals.
std::string story_text(const Question& question, const Story& story, bool color);
/// For tools.
std::string story_json(const Question& question, const Story& story);

}  // namespace weir::main
