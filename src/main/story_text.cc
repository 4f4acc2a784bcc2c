// The story of a request as people read it.
#include <algorithm>
#include <cstdio>

#include "main/story.h"

namespace weir::main {

namespace {

constexpr size_t kFewCandidates = 12;  // more than this, and routes for other paths are only counted
constexpr size_t kLabelWidth = 14;

/// How many columns a text takes on a terminal.
size_t width(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

class Writer {
 public:
  Writer(const Question& question, const Story& story, bool color) : question_(question), story_(story), color_(color) {}

  std::string write() {
    out_ = bold(question_.method + " " + question_.url()) + "\n\n";
    line("Listener", story_.listener + " on " + story_.listener_address, story_.listener_note);
    if (story_.chain_count > 1 && story_.chain_number != 0) {
      line("Filter chain",
           std::to_string(story_.chain_number) + " of " + std::to_string(story_.chain_count) + named(story_.chain_name),
           story_.chain_note);
    }
    if (!story_.ended.empty()) {
      line("Ends here", red(story_.ended), "");
      return std::move(out_);
    }
    line("Client", story_.client, story_.internal ? "internal" : "");
    host();
    candidates();
    outcome();
    headers("Request headers, from the client to the routes", story_.received);
    headers("Request headers, from the routes to the upstream", story_.request);
    headers("Response headers", story_.response);
    return std::move(out_);
  }

 private:
  // --- colors ---
  std::string paint(const char* code, const std::string& text) const {
    return color_ && !text.empty() ? std::string("\033[") + code + "m" + text + "\033[0m" : text;
  }
  std::string bold(const std::string& text) const { return paint("1", text); }
  std::string dim(const std::string& text) const { return paint("2", text); }
  std::string green(const std::string& text) const { return paint("32", text); }
  std::string red(const std::string& text) const { return paint("31", text); }

  static std::string named(const std::string& name) { return name.empty() ? "" : " \"" + name + "\""; }
  static std::string padded(const std::string& text, size_t columns) {
    const size_t taken = width(text);
    return text + std::string(columns > taken ? columns - taken : 0, ' ');
  }

  void line(const std::string& label, const std::string& text, const std::string& note) {
    out_ += dim(padded(label, kLabelWidth)) + text + (note.empty() ? "" : "  " + dim("(" + note + ")")) + "\n";
  }

  void host() {
    if (!story_.scope.empty()) line("Scope", story_.scope, "");
    if (!story_.scope.empty() && story_.route_table.empty()) return;
    if (!story_.virtual_host.empty() || story_.matched || !story_.candidates.empty()) {
      std::string note = "domain " + story_.domain;
      if (!story_.virtual_host_at.empty()) note += ", " + story_.virtual_host_at;
      line("Virtual host", story_.virtual_host, note);
      for (size_t i = 0; i < story_.matcher.size(); ++i) line(i == 0 ? "Matcher" : "", story_.matcher[i], "");
      return;
    }
    line("Virtual host", red("none has the domain " + question_.authority), "");
    std::string domains;
    constexpr size_t kMostDomains = 10;
    for (size_t i = 0; i < std::min(kMostDomains, story_.domains.size()); ++i)
      domains += (i == 0 ? "" : "  ") + story_.domains[i];
    if (story_.domains.size() > kMostDomains) domains += "  … " + std::to_string(story_.domains.size()) + " in all";
    if (!domains.empty()) line("There are", domains, "");
    if (!story_.domain_hint.empty()) line("", story_.domain_hint, "");
  }

  void candidates() {
    const auto& list = story_.candidates;
    if (list.empty()) return;
    out_ += "\n";
    const bool few = list.size() <= kFewCandidates;
    const auto shown = [&](const Story::Candidate& each) { return few || each.missed != "path"; };
    size_t columns = 0;
    for (const Story::Candidate& each : list) {
      if (shown(each)) columns = std::max(columns, std::min<size_t>(width(each.match + named(each.name)), 60));
    }
    for (size_t i = 0; i < list.size(); ++i) {
      size_t end = i;
      while (end < list.size() && !shown(list[end])) ++end;
      if (end != i) {
        out_ += dim("   routes " + std::to_string(list[i].number) + " to " + std::to_string(list[end - 1].number) +
                    " have other paths") +
                "\n";
        i = end - 1;
        continue;
      }
      candidate(list[i], columns);
    }
    const size_t rest = story_.virtual_host_routes - list.size();
    if (story_.matched && rest > 0)
      out_ += dim("   " + std::to_string(rest) + " more " + (rest == 1 ? "route is" : "routes are") + " not asked") + "\n";
    if (!story_.matched) out_ += "   " + red("no route matches") + "\n";
    out_ += "\n";
  }

  void candidate(const Story::Candidate& each, size_t columns) {
    const bool took = each.miss.empty();
    char number[16];
    std::snprintf(number, sizeof number, "%3u", each.number);
    const std::string what = padded(each.match + named(each.name), columns);
    out_ += took ? green(" ▶ " + std::string(number) + "  " + what) : "   " + std::string(number) + "  " + what;
    out_ += "  " +
            (took                    ? green("matches")
             : each.missed == "path" ? dim("another path")
                                     : each.miss) +
            (each.at.empty() ? "" : "  " + dim(each.at)) + "\n";
  }

  void outcome() {
    if (story_.candidates.empty()) out_ += "\n";
    if (story_.action == "forward") {
      line("Goes to", bold(story_.cluster.empty() ? "no cluster" : story_.cluster), "");
      line("", story_.cluster_exists ? story_.cluster_note : red(story_.cluster_note), "");
      for (const Story::WeightedCluster& each : story_.weighted) {
        char percent[16];
        std::snprintf(percent, sizeof percent, "%5.1f %%  ", each.percent);
        const std::string text = percent + each.name;
        line("", each.chosen ? green(text) : text,
             each.chosen ? "chosen by random number " + std::to_string(question_.random) : "");
      }
    } else {
      std::string answer = std::to_string(story_.status);
      if (!story_.location.empty()) answer += " to " + story_.location;
      line("Answer", bold(answer), story_.action);
      if (!story_.body.empty()) line("", one_line(story_.body), "");
    }
    if (!story_.virtual_cluster.empty()) line("Counts as", "virtual cluster " + story_.virtual_cluster, "");
    for (const auto& [name, value] : story_.policies) line(name, value, "");
    if (story_.filters.size() > 1) {
      std::string filters;
      for (const std::string& filter : story_.filters) filters += (filters.empty() ? "" : " → ") + filter;
      line("Filters", filters, "not run here");
    }
  }

  static std::string one_line(const std::string& text) {
    std::string result = text.substr(0, text.find_first_of("\r\n"));
    constexpr size_t kMost = 100;
    const bool cut = result.size() < text.size() || result.size() > kMost;
    if (result.size() > kMost) result.resize(kMost);
    return cut ? result + " …" : result;
  }

  void headers(const std::string& title, const std::vector<HeaderChange>& changes) {
    if (changes.empty()) return;
    out_ += "\n" + dim(title) + "\n";
    for (const HeaderChange& each : changes) {
      const std::string by = each.by.empty() || each.by == "connection manager" ? "" : "  " + dim("(" + each.by + ")");
      if (!each.before) {
        out_ += green("  + " + each.name + ": " + *each.after) + by + "\n";
      } else if (!each.after) {
        out_ += red("  - " + each.name + (each.before->empty() ? "" : ": " + *each.before)) + by + "\n";
      } else {
        out_ += "  ~ " + each.name + ": " + *each.before + " → " + *each.after + by + "\n";
      }
    }
  }

  const Question& question_;
  const Story& story_;
  const bool color_;
  std::string out_;
};

}  // namespace

std::string story_text(const Question& question, const Story& story, bool color) {
  return Writer(question, story, color).write();
}

}  // namespace weir::main
