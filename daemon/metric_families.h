// How the families of metrics.cc and metrics_sources.cc are put together.
//
// FamilyBuilder collects the samples of one family; a table of rows makes families that differ only
// in name and field.
//
// Invariant: label values are clean text, and no two samples of a family have the same labels.
// Thread rule: plain values.
#pragma once

#include <prometheus/metric_family.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/outputs/label_text.h"
#include "daemon/published.h"

namespace picket {

using Families = std::vector<prometheus::MetricFamily>;
using LabelNames = std::vector<const char*>;

constexpr prometheus::MetricType kCounter = prometheus::MetricType::Counter;
constexpr prometheus::MetricType kGauge = prometheus::MetricType::Gauge;
constexpr size_t kMetricLabelBytesMax = 200;

inline double seconds(Timestamp time) { return static_cast<double>(to_ms(time)) / 1000.0; }
inline double real(uint64_t value) { return static_cast<double>(value); }

struct Described {
  const char* name;
  const char* help;
  prometheus::MetricType type;
};

// Collects the samples of one family. Values whose labels are equal after cleaning are added up: a
// second sample with the same labels would make the whole scrape fail.
class FamilyBuilder {
 public:
  FamilyBuilder(Described described, LabelNames names)
      : described_(described), names_(std::move(names)) {}

  void add(const std::vector<std::string_view>& values, double value) {
    std::vector<std::string> key;
    key.reserve(values.size());
    for (const std::string_view text : values) {
      key.push_back(clean_label_value(text, kMetricLabelBytesMax));
    }
    samples_[std::move(key)] += value;
  }

  void finish(Families& out) {
    prometheus::MetricFamily family{described_.name, described_.help, described_.type, {}};
    family.metric.reserve(samples_.size());
    for (const auto& [key, value] : samples_) {
      prometheus::ClientMetric metric;
      for (size_t i = 0; i < names_.size(); ++i) metric.label.push_back({names_[i], key[i]});
      (described_.type == kCounter ? metric.counter.value : metric.gauge.value) = value;
      family.metric.push_back(std::move(metric));
    }
    out.push_back(std::move(family));
  }

 private:
  Described described_;
  LabelNames names_;
  std::map<std::vector<std::string>, double> samples_;
};

inline void add_single(Families& out, Described described, double value) {
  FamilyBuilder family(described, {});
  family.add({}, value);
  family.finish(out);
}

// A family with one value per item of a list, labelled by the item's name.
template <class T>
struct Row {
  Described described;
  double (*value)(const T&);
};

template <class T, size_t N>
void add_rows(Families& out, const Row<T> (&rows)[N], const std::vector<T>& items,
              const char* label) {
  for (const Row<T>& row : rows) {
    FamilyBuilder family(row.described, {label});
    for (const T& item : items) family.add({item.name}, row.value(item));
    family.finish(out);
  }
}

// The families of sources, inputs and their refusals, in metrics_sources.cc.
void add_source_families(Families& out, const Snapshot& snapshot);

}  // namespace picket
