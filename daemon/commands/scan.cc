#include "daemon/commands/scan.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "daemon/commands/command.h"
#include "daemon/loader.h"
#include "daemon/log_file.h"
#include "rules/processor.h"

namespace picket {
namespace {

// The place in a log is no place in a text, so there is no line to show.
void report_log(const std::string& path, const std::string& problem) {
  fmt::print(stderr, "{}\n", render({{path, 0, 0}, problem}));
}

// What a configuration adds; false when it is broken.
bool read_config(const ScanOptions& options, LoadRequest& request) {
  if (options.config.empty()) return true;
  Result<ParsedSettings> parsed = load_settings(options.config);
  if (!parsed) {
    print_diagnostics(parsed.error());
    return false;
  }
  print_diagnostics(parsed->diagnostics);
  request = load_request(parsed->settings);
  return !has_errors(parsed->diagnostics);
}

// Text on its way to standard output: append to text(), call written() after each line.
class TextOutput {
 public:
  std::string& text() { return text_; }
  void written() {
    if (text_.size() >= kBufferBytes) flush();
  }
  void flush();
  // Nobody reads any more, or writing failed: error() is empty for a reader who left.
  bool closed() const { return closed_; }
  const std::string& error() const { return error_; }

 private:
  static constexpr size_t kBufferBytes = 1 << 20;
  std::string text_;
  bool closed_ = false;
  std::string error_;
};

void TextOutput::flush() {
  size_t done = 0;
  while (!closed_ && done < text_.size()) {
    const ssize_t count = ::write(STDOUT_FILENO, text_.data() + done, text_.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      closed_ = true;
      const std::error_code error(errno, std::system_category());
      if (errno != EPIPE) error_ = "standard output: " + error.message();
    } else {
      done += static_cast<size_t>(count);
    }
  }
  text_.clear();
}

}  // namespace

void declare_scan_options(OptionSet set, ScanOptions& options) {
  set.text("--schema", options.schema,
           "schema of all lines, by name or file; else each line's own is recognised");
  set.texts("--rules", options.rules, "rule file or folder, instead of those that ship");
  set.texts("--schemas", options.schemas, "schema file or folder, beside those that ship");
  set.size("--max-line", options.max_line, "longer lines become dead letters (16MiB)");
  set.flag("--strict", options.strict, "refuse to start when a single rule is broken");
  set.logs(options.logs);
}

std::shared_ptr<const RuleSet> load_scan_rules(const ScanOptions& options) {
  LoadRequest request;
  if (!read_config(options, request)) return nullptr;
  if (!options.rules.empty()) request.rules = options.rules;
  request.schemas.insert(request.schemas.end(), options.schemas.begin(), options.schemas.end());
  add_schema(options.schema, request);
  auto rules = load_rules(request);
  if (!rules) {
    print_diagnostics(rules.error());
    return nullptr;
  }
  const Diagnostics& rejected = (*rules)->rejected();
  print_diagnostics(rejected);
  const bool none_left = (*rules)->rules().empty();
  if (has_errors(rejected) && (options.strict || none_left)) return nullptr;
  if (Result<int> schema = resolve_schema(**rules, options.schema); !schema) {
    print_diagnostics(schema.error());
    return nullptr;
  }
  return *std::move(rules);
}

class Scan::Impl final : private EventObserver {
 public:
  Impl(std::shared_ptr<const RuleSet> rules, const ScanOptions& options, Write write);

  int run();
  const ScanTotals& totals() const { return totals_; }
  bool closed() const { return output_.closed(); }

 private:
  void on_event(Event& event, const Refusal* refusal,
                const std::vector<RuleId>& detections) override;
  void scan_log(const std::string& path);
  void add_counts();

  const std::shared_ptr<const RuleSet> rules_;
  const ScanOptions& options_;
  const Write write_;
  Processor processor_;
  BatchContext context_;
  HitBatch batch_;
  TextOutput output_;
  ScanTotals totals_;
  EventPlace place_;
  uint64_t lines_before_ = 0;  // in the log, before the batch
};

Scan::Impl::Impl(std::shared_ptr<const RuleSet> rules, const ScanOptions& options, Write write)
    : rules_(std::move(rules)),
      options_(options),
      write_(std::move(write)),
      processor_(rules_, this) {
  // load_scan_rules() has seen to it that the name is known.
  context_.fixed_schema = resolve_schema(*rules_, options.schema).value_or(-1);
}

int Scan::Impl::run() {
  for (const std::string& path : options_.logs) {
    if (!output_.closed()) scan_log(path);
  }
  output_.flush();
  if (!output_.error().empty()) {
    fmt::print(stderr, "picket: {}\n", output_.error());
    return ExitCode::kFailure;
  }
  if (!totals_.decode.balanced()) {
    fmt::print(stderr, "picket: the counts do not balance; this is a bug of picket\n");
    return ExitCode::kFailure;
  }
  return totals_.logs_failed > 0 ? ExitCode::kFailure : ExitCode::kFine;
}

void Scan::Impl::scan_log(const std::string& path) {
  auto log = LogFile::open(path, {.max_line = options_.max_line});
  if (!log) {
    ++totals_.logs_failed;
    report_log(path, log.error().front().message);
    return;
  }
  place_.file = path;
  lines_before_ = 0;
  while (!output_.closed()) {
    std::optional<LineBatch> batch = (*log)->next();
    if (!batch) break;
    processor_.process(*std::move(batch), context_, batch_);
    lines_before_ += batch_.stats.lines;
    add_counts();
    // What comes through a pipe may come slowly, and somebody may be watching.
    if ((*log)->size() == 0) output_.flush();
  }
  if (!(*log)->error().empty()) {
    ++totals_.logs_failed;
    report_log(path, (*log)->error());
  }
}

void Scan::Impl::add_counts() {
  totals_.decode.add(batch_.stats);
  for (const RefusalCount& refusal : batch_.refusals) {
    totals_.causes[refusal.cause] += refusal.count;
  }
}

void Scan::Impl::on_event(Event& event, const Refusal* refusal,
                          const std::vector<RuleId>& detections) {
  if (output_.closed()) return;
  place_.line = lines_before_ + event.line + 1;
  // An event that is not all of its line begins behind a bracket, a comma or a space.
  const char* first = batch_.source.bytes.data();
  const bool whole = event.raw.data() == first || event.raw.data()[-1] == '\n';
  place_.record = whole ? std::nullopt : std::optional(event.record);
  write_(event, refusal, detections, place_, output_.text());
  output_.written();
}

Scan::Scan(std::shared_ptr<const RuleSet> rules, const ScanOptions& options, Write write)
    : impl_(std::make_unique<Impl>(std::move(rules), options, std::move(write))) {}
Scan::~Scan() = default;
int Scan::run() { return impl_->run(); }
const ScanTotals& Scan::totals() const { return impl_->totals(); }
bool Scan::wants_summary() const { return !impl_->closed(); }

std::string ledger_text(const DecodeStats& stats) {
  std::string out = fmt::format("lines read: {} = {} with events + {} blank + {} dead letters\n",
                                stats.lines, stats.event_lines, stats.blank, stats.dead_letters());
  for (size_t i = 0; i < kDecodeErrors; ++i) {
    if (stats.dead[i] == 0) continue;
    out += fmt::format("  {}: {}\n", to_text(static_cast<DecodeError>(i)), stats.dead[i]);
  }
  return out + fmt::format("events: {}\n", stats.events);
}

}  // namespace picket
