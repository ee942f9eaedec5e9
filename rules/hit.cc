#include "rules/hit.h"

#include <cstring>

#include "rules/bytes.h"

namespace picket {

void HitWriter::rules(const std::vector<RuleId>& rules) {
  put_bytes(out_, static_cast<uint32_t>(rules.size()));
  for (RuleId rule : rules) put_bytes(out_, rule);
  count_at_ = out_.size();
  put_bytes(out_, count_);
}

void HitWriter::capture(uint16_t index, std::string_view value) {
  put_bytes(out_, index);
  put_bytes(out_, static_cast<uint32_t>(value.size()));
  out_.append(value);
  ++count_;
}

void HitWriter::finish() { std::memcpy(out_.data() + count_at_, &count_, sizeof(count_)); }

bool HitView::parse(std::string_view record, size_t captures) {
  for (uint16_t place : there_) values_[place] = {};
  there_.clear();
  values_.resize(captures);
  uint32_t rules = 0;
  if (!take_bytes(record, rules) || rules > record.size() / sizeof(RuleId)) return false;
  rules_.resize(rules);
  if (rules > 0) std::memcpy(rules_.data(), record.data(), rules * sizeof(RuleId));
  record.remove_prefix(rules * sizeof(RuleId));
  uint16_t count = 0;
  if (!take_bytes(record, count)) return false;
  for (uint16_t i = 0; i < count; ++i) {
    uint16_t index = 0;
    uint32_t size = 0;
    if (!take_bytes(record, index) || !take_bytes(record, size)) return false;
    if (index >= captures || size > record.size()) return false;
    values_[index] = record.substr(0, size);
    there_.push_back(index);
    record.remove_prefix(size);
  }
  return record.empty();
}

}  // namespace picket
