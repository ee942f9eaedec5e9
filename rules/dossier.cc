#include "rules/dossier.h"

#include <algorithm>
#include <cstring>

#include "rules/bytes.h"

namespace picket {
namespace {

constexpr size_t kHeadBytes = sizeof(int64_t) + EvidenceView::kTexts * sizeof(uint16_t);
constexpr size_t kCauseHead = sizeof(uint32_t) + sizeof(uint16_t);
// Beyond this a std::string has its text elsewhere, with what the allocator adds.
constexpr size_t kInlineText = 15;
constexpr size_t kBlockOverhead = 16;

std::array<std::string EvidenceItem::*, EvidenceView::kTexts> text_members() {
  return {&EvidenceItem::request_id, &EvidenceItem::method, &EvidenceItem::path,
          &EvidenceItem::status,     &EvidenceItem::code,   &EvidenceItem::cause,
          &EvidenceItem::target};
}

// At most kTextMax bytes, not ending inside a character.
std::string_view bounded(std::string_view text) {
  if (text.size() <= Dossier::kTextMax) return text;
  size_t size = Dossier::kTextMax;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

// Takes one packed record off. False when the bytes are none.
bool take_record(std::string_view& in, EvidenceView& view) {
  int64_t time = 0;
  std::array<uint16_t, EvidenceView::kTexts> sizes{};
  if (!take_bytes(in, time) || !take_bytes(in, sizes)) return false;
  view.time = timestamp_ms(time);
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] > in.size()) return false;
    view.texts[i] = in.substr(0, sizes[i]);
    in.remove_prefix(sizes[i]);
  }
  return true;
}

size_t record_size(const char* record) {
  std::array<uint16_t, EvidenceView::kTexts> sizes;
  std::memcpy(&sizes, record + sizeof(int64_t), sizeof(sizes));
  size_t size = kHeadBytes;
  for (uint16_t text : sizes) size += text;
  return size;
}

bool take_cause(std::string_view& in, std::string_view& cause, uint32_t& count) {
  uint16_t size = 0;
  if (!take_bytes(in, count) || !take_bytes(in, size) || size > in.size()) return false;
  cause = in.substr(0, size);
  in.remove_prefix(size);
  return true;
}

// Whether `records` are `count` records and no more.
bool are_records(std::string_view records, size_t count) {
  EvidenceView view;
  for (size_t i = 0; i < count; ++i) {
    if (!take_record(records, view)) return false;
  }
  return records.empty();
}

size_t text_bytes(const std::string& text) {
  return text.capacity() > kInlineText ? text.capacity() + 1 + kBlockOverhead : 0;
}

}  // namespace

EvidenceView EvidenceView::of(const EvidenceItem& item) {
  EvidenceView view{.time = item.time};
  for (size_t i = 0; i < kTexts; ++i) view.texts[i] = item.*text_members()[i];
  return view;
}

EvidenceItem EvidenceView::to_item() const {
  EvidenceItem item{.time = time};
  for (size_t i = 0; i < kTexts; ++i) item.*text_members()[i] = texts[i];
  return item;
}

void Dossier::add(const EvidenceView& item, size_t keep) {
  count(item);
  this->keep(item, keep);
}

void Dossier::add_match(const Evidence& items, size_t keep) {
  count(EvidenceView::of(items.back()));
  const std::vector<EvidenceItem> known = evidence();
  for (const EvidenceItem& item : items) {
    if (std::ranges::find(known, item) == known.end()) this->keep(EvidenceView::of(item), keep);
  }
}

void Dossier::count(const EvidenceView& item) {
  ++events_;
  if (!item.texts[EvidenceView::kCause].empty()) {
    count_cause(bounded(item.texts[EvidenceView::kCause]));
  }
}

void Dossier::keep(const EvidenceView& item, size_t keep) {
  size_t first_max = std::min<size_t>((keep + 1) / 2, UINT16_MAX);
  size_t last_max = std::min<size_t>(keep - (keep + 1) / 2, UINT16_MAX);
  // Later ones may be there already when the state of a rule that kept fewer was restored.
  if (first_count_ < first_max && last_count_ == 0) {
    append(item);
    ++first_count_;
    first_end_ = last_at_ = static_cast<uint32_t>(items_.size());
  } else if (last_max > 0) {
    if (last_count_ < last_max) {
      ++last_count_;
    } else {
      last_at_ += static_cast<uint32_t>(record_size(items_.data() + last_at_));
    }
    append(item);
  }
}

void Dossier::append(const EvidenceView& item) {
  std::array<std::string_view, EvidenceView::kTexts> texts;
  std::array<uint16_t, EvidenceView::kTexts> sizes;
  size_t need = kHeadBytes;
  for (size_t i = 0; i < texts.size(); ++i) {
    texts[i] = bounded(item.texts[i]);
    sizes[i] = static_cast<uint16_t>(texts[i].size());
    need += texts[i].size();
  }
  if (items_.size() + need > items_.capacity() && last_at_ > first_end_) {
    items_.erase(first_end_, last_at_ - first_end_);
    last_at_ = first_end_;
  }
  const size_t at = items_.size();
  items_.resize(at + need);
  char* to = items_.data() + at;
  int64_t time = to_ms(item.time);
  std::memcpy(to, &time, sizeof(time));
  std::memcpy(to + sizeof(time), &sizes, sizeof(sizes));
  to += kHeadBytes;
  for (std::string_view text : texts) to = std::copy(text.begin(), text.end(), to);
}

void Dossier::count_cause(std::string_view cause) {
  size_t known = 0;
  for (size_t at = 0; at < causes_.size(); ++known) {
    uint32_t count = 0;
    uint16_t size = 0;
    std::memcpy(&count, causes_.data() + at, sizeof(count));
    std::memcpy(&size, causes_.data() + at + sizeof(count), sizeof(size));
    if (std::string_view(causes_).substr(at + kCauseHead, size) == cause) {
      count += count < UINT32_MAX;
      std::memcpy(causes_.data() + at, &count, sizeof(count));
      return;
    }
    at += kCauseHead + size;
  }
  if (known >= kCausesMax) return;
  put_bytes(causes_, uint32_t{1});
  put_bytes(causes_, static_cast<uint16_t>(cause.size()));
  causes_.append(cause);
}

std::vector<EvidenceItem> Dossier::evidence() const {
  std::vector<EvidenceItem> items;
  std::string_view all = items_;
  EvidenceView view;
  for (std::string_view part : {all.substr(0, first_end_), all.substr(last_at_)}) {
    while (take_record(part, view)) items.push_back(view.to_item());
  }
  return items;
}

std::vector<std::pair<std::string, uint64_t>> Dossier::causes() const {
  std::vector<std::pair<std::string, uint64_t>> causes;
  std::string_view in = causes_;
  std::string_view cause;
  uint32_t count = 0;
  while (take_cause(in, cause, count)) causes.emplace_back(cause, count);
  std::sort(causes.begin(), causes.end());
  return causes;
}

size_t Dossier::bytes() const { return text_bytes(items_) + text_bytes(causes_); }

void Dossier::encode(std::string& out) const {
  std::string_view all = items_;
  put_bytes(out, events_);
  put_text(out, causes_);
  put_bytes(out, first_count_);
  put_text(out, all.substr(0, first_end_));
  put_bytes(out, last_count_);
  put_text(out, all.substr(last_at_));
}

bool Dossier::decode(std::string_view& in) {
  std::string_view first;
  std::string_view last;
  if (!take_bytes(in, events_) || !take_text(in, causes_) || !take_bytes(in, first_count_) ||
      !take_text(in, first) || !take_bytes(in, last_count_) || !take_text(in, last)) {
    return false;
  }
  if (!are_records(first, first_count_) || !are_records(last, last_count_)) return false;
  std::string_view rest = causes_;
  for (size_t known = 0; !rest.empty(); ++known) {
    std::string_view cause;
    uint32_t count = 0;
    if (known == kCausesMax || !take_cause(rest, cause, count)) return false;
  }
  items_.assign(first).append(last);
  first_end_ = last_at_ = static_cast<uint32_t>(first.size());
  return true;
}

void encode_evidence(const std::vector<EvidenceItem>& items, std::string& out) {
  put_bytes(out, static_cast<uint32_t>(items.size()));
  for (const EvidenceItem& item : items) {
    put_bytes(out, to_ms(item.time));
    for (auto member : text_members()) put_text(out, item.*member);
  }
}

bool decode_evidence(std::string_view& in, std::vector<EvidenceItem>& items) {
  uint32_t count = 0;
  if (!take_bytes(in, count) || count > in.size()) return false;
  items.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    int64_t time = 0;
    EvidenceItem& item = items.emplace_back();
    if (!take_bytes(in, time)) return false;
    item.time = timestamp_ms(time);
    for (auto member : text_members()) {
      if (!take_text(in, item.*member)) return false;
    }
  }
  return true;
}

}  // namespace picket
