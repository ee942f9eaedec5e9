#include "daemon/http/client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace picket {
namespace {

// What the callbacks of one request share.
struct Exchange {
  HttpAnswerSink& sink;
  bool length_known = false;
};

size_t pass_data(char* data, size_t size, size_t count, void* exchange) {
  const bool wanted = static_cast<Exchange*>(exchange)->sink.on_data({data, size * count});
  return wanted ? size * count : CURL_WRITEFUNC_ERROR;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t first = std::min(text.find_first_not_of(kSpace), text.size());
  text.remove_prefix(first);
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

// "HTTP/1.1 200 OK", then "Name: value" lines. An interim answer (100) begins anew.
size_t pass_header(char* data, size_t size, size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  const std::string_view line(data, size * count);
  const size_t colon = line.find(':');
  if (line.starts_with("HTTP/")) {
    const size_t space = std::min(line.find(' '), line.size());
    exchange.length_known = false;
    exchange.sink.on_status(std::atoi(std::string(line.substr(space)).c_str()));
  } else if (colon != line.npos) {
    std::string name(line.substr(0, colon));
    for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    const std::string_view value = trimmed(line.substr(colon + 1));
    exchange.length_known |=
        name == "content-length" || (name == "transfer-encoding" && value.ends_with("chunked"));
    exchange.sink.on_header(name, value);
  }
  return line.size();
}

int check_stop(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(stop)->load() ? 1 : 0;
}

using Headers = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

// Without "Expect" curl would wait a second for a go-ahead before larger bodies.
Headers header_list(const std::vector<std::string>& headers) {
  curl_slist* list = curl_slist_append(nullptr, "Expect:");
  for (const std::string& header : headers) list = curl_slist_append(list, header.c_str());
  return {list, &curl_slist_free_all};
}

void set_peer(CURL* curl, const HttpClientOptions& options) {
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "picket/" PICKET_VERSION);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout.count()));
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(options.connect_timeout.count()));
  if (!options.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, options.ca_file.c_str());
  if (options.user.empty()) return;
  curl_easy_setopt(curl, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
  curl_easy_setopt(curl, CURLOPT_USERNAME, options.user.c_str());
  curl_easy_setopt(curl, CURLOPT_PASSWORD, options.password.c_str());
}

}  // namespace

HttpClient::HttpClient(HttpClientOptions options, const std::atomic<bool>& stop)
    : options_(std::move(options)), stop_(stop) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  curl_ = curl_easy_init();
}

HttpClient::~HttpClient() {
  curl_easy_cleanup(curl_);
  curl_global_cleanup();
}

HttpOutcome HttpClient::post(const HttpAsk& ask, HttpAnswerSink& sink) {
  HttpOutcome outcome;
  if (curl_ == nullptr) {
    outcome.error = "out of memory";
    return outcome;
  }
  const Headers headers = header_list(ask.headers);
  const std::string url(ask.url);
  Exchange exchange{sink};
  curl_easy_reset(curl_);  // keeps the connection
  set_peer(curl_, options_);
  curl_easy_setopt(curl_, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl_, CURLOPT_POSTFIELDS, ask.body.data());
  curl_easy_setopt(curl_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(ask.body.size()));
  curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, pass_data);
  curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(curl_, CURLOPT_HEADERFUNCTION, pass_header);
  curl_easy_setopt(curl_, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(curl_, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl_, CURLOPT_XFERINFOFUNCTION, check_stop);
  curl_easy_setopt(curl_, CURLOPT_XFERINFODATA, &stop_);
  const CURLcode code = curl_easy_perform(curl_);
  long status = 0;
  curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
  outcome.status = static_cast<int>(status);
  outcome.length_known = exchange.length_known;
  if (code != CURLE_OK) outcome.error = curl_easy_strerror(code);
  return outcome;
}

bool is_base_url(std::string_view url) {
  const size_t scheme = url.starts_with("https://") ? 8 : url.starts_with("http://") ? 7 : 0;
  if (scheme == 0 || url.size() == scheme || url[scheme] == '/' || url[scheme] == ':') return false;
  return std::ranges::all_of(url, [](char c) {
    return c > ' ' && c < 0x7F && c != '@' && c != '?' && c != '#' && c != '\\' && c != '"';
  });
}

}  // namespace picket
