// The home page: for people the application in app.html, for everything else every command as a link or a form.
#include "admin/catalog.h"

extern "C" const char weir_admin_app_begin[];
extern "C" const char weir_admin_app_end[];

namespace weir::admin {

namespace {

constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Weir admin</title>
<style>
:root { color-scheme: light dark; --line: #8884; --quiet: #777; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
form { display: grid; grid-template-columns: 16rem 1fr; gap: .3rem 1rem; padding: .5rem 0; border-top: 1px solid var(--line); }
form > a, form > button { font: inherit; justify-self: start; align-self: start; }
form > p, label { margin: 0; color: var(--quiet); }
label { grid-column: 2; }
@media (max-width: 40rem) { form { grid-template-columns: 1fr; } label { grid-column: 1; } }
</style>
</head>
<body>
<h1>Weir admin</h1>
)";

void write_field(std::string& out, const Parameter& parameter) {
  const std::string name(parameter.name);
  out += "<label>";
  switch (parameter.kind) {
    case Parameter::Kind::kFlag:
      out += "<input type=\"checkbox\" name=\"" + name + "\">";
      break;
    case Parameter::Kind::kText:
      out += "<input type=\"text\" name=\"" + name + "\">";
      break;
    case Parameter::Kind::kChoice: {
      out += "<select name=\"" + name + "\">";
      for (std::string_view rest = parameter.choices;;) {
        const size_t end = rest.find(", ");
        out += "<option>" + std::string(rest.substr(0, end)) + "</option>";
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + 2);
      }
      out += "</select>";
    }
  }
  out += " " + name + ": " + escaped(parameter.help) + "</label>\n";
}

void write_command(std::string& out, const Page& page) {
  const std::string path(page.path.substr(1));
  out += "<form action=\"" + path + "\" method=\"" + (page.acts ? "post" : "get") + "\">\n";
  if (page.acts || !page.parameters.empty()) {
    out += "<button>" + path + "</button>";
  } else {
    out += "<a href=\"" + path + "\">" + path + "</a>";
  }
  out += "<p>" + escaped(page.help) + "</p>\n";
  for (const Parameter& parameter : page.parameters) write_field(out, parameter);
  out += "</form>\n";
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

Response home_page(Site&, const Request& request) {
  if (request.from_browser) {
    return {.content_type = Response::kHtml, .body = {weir_admin_app_begin, weir_admin_app_end}};
  }
  std::string html(kHead);
  for (const Page& page : pages()) {
    if (page.path != "/" && page.listed) write_command(html, page);
  }
  html += "</body>\n</html>\n";
  return {.content_type = Response::kHtml, .body = std::move(html)};
}

}  // namespace weir::admin
