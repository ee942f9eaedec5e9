#include "rules/text_scan.h"

#include <hs/hs.h>

namespace picket {
namespace {

struct Scan {
  TextScan::Visit visit;
  void* state;
};

int on_match(unsigned int id, unsigned long long /*from*/, unsigned long long to,
             unsigned int /*flags*/, void* context) {
  const auto& scan = *static_cast<const Scan*>(context);
  scan.visit(scan.state, id, static_cast<size_t>(to));
  return 0;
}

}  // namespace

void ScanScratch::Free::operator()(hs_scratch* scratch) const { hs_free_scratch(scratch); }
void TextScan::Free::operator()(hs_database* database) const { hs_free_database(database); }

void ScanScratch::prepare(const TextScan& scan) {
  hs_scratch_t* scratch = scratch_.release();
  hs_alloc_scratch(scan.database_.get(), &scratch);  // grows it where needed
  scratch_.reset(scratch);
}

std::unique_ptr<TextScan> TextScan::make(const std::vector<std::string>& texts) {
  std::vector<const char*> data;
  std::vector<unsigned int> flags(texts.size(), HS_FLAG_CASELESS);
  std::vector<unsigned int> ids;
  std::vector<size_t> sizes;
  for (const std::string& text : texts) {
    data.push_back(text.data());
    ids.push_back(static_cast<unsigned int>(ids.size()));
    sizes.push_back(text.size());
  }
  hs_database_t* database = nullptr;
  hs_compile_error_t* error = nullptr;
  hs_error_t result = hs_compile_lit_multi(data.data(), flags.data(), ids.data(), sizes.data(),
                                           static_cast<unsigned int>(texts.size()), HS_MODE_BLOCK,
                                           nullptr, &database, &error);
  if (result != HS_SUCCESS) {
    hs_free_compile_error(error);
    return nullptr;
  }
  auto scan = std::make_unique<TextScan>();
  scan->database_.reset(database);
  return scan;
}

void TextScan::scan(std::string_view value, const ScanScratch& scratch, Visit visit,
                    void* state) const {
  Scan context{visit, state};
  hs_scan(database_.get(), value.data(), static_cast<unsigned int>(value.size()), 0, scratch.get(),
          on_match, &context);
}

}  // namespace picket
