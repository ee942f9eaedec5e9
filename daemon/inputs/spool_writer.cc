#include "daemon/inputs/spool_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/failpoint.h"
#include "daemon/inputs/file_names.h"

namespace picket {
namespace {

uint64_t payload_bytes(const SpoolRecord& record) {
  uint64_t bytes = 0;
  for (const std::string_view part : record.parts) bytes += part.size();
  return bytes;
}

}  // namespace

Result<std::unique_ptr<SpoolWriter>> SpoolWriter::open(Disk& disk, SpoolOptions options,
                                                       uint64_t resume) {
  std::unique_ptr<SpoolWriter> spool(new SpoolWriter(disk, std::move(options)));
  const std::string& folder = spool->options_.folder;
  Diagnostics diagnostics;
  std::error_code error = disk.make_folders(folder);
  // The folder's own name and that of the one above must last as well.
  if (!error) error = disk.sync_folder(folder_of(folder));
  if (!error) error = disk.sync_folder(folder_of(folder_of(folder)));
  if (!error) error = spool->find_segments(diagnostics);
  if (has_errors(diagnostics)) return std::unexpected(std::move(diagnostics));
  if (!error) error = spool->find_end();
  if (error) {
    return fail({folder, 0, 0}, fmt::format("the spool cannot be used: {}", error.message()));
  }
  spool->end_.offset = std::max(spool->end_.offset, resume);
  spool->release(resume);
  spool->count();
  return spool;
}

// All segments with what the next one's name leaves of them.
std::error_code SpoolWriter::find_segments(Diagnostics& diagnostics) {
  const auto begins = list_segments(disk_, options_.folder);
  if (!begins) return begins.error();
  for (const uint64_t begin : *begins) {
    const auto file = disk_.open(path(begin), {Symlinks::Refuse, options_.folder.size()});
    if (!file) return file.error();
    char header[kSegmentHeaderBytes];
    const auto info = (*file)->info();
    const auto got = (*file)->read_at(0, header, sizeof(header));
    if (!info) return info.error();
    if (!got) return got.error();
    if (check_segment_header({header, *got}) == HeaderState::OtherVersion) {
      diagnostics.push_back({{path(begin), 0, 0},
                             "was written by another version of picket",
                             "let that version read it to its end, or move it away"});
    }
    if (!segments_.empty()) segments_.back().end = begin;
    segments_.push_back({begin, begin, info->size});
  }
  return {};
}

// Where the last segment's good records end. A bad one in front of a good one was damaged later and
// is the reader's business; what follows the last good one was never acknowledged.
std::error_code SpoolWriter::find_end() {
  if (segments_.empty()) return {};
  Segment& last = segments_.back();
  end_ = {last.begin, last.begin};
  const auto file = disk_.open(path(last.begin), {Symlinks::Refuse, options_.folder.size()});
  if (!file) return file.error();
  uint64_t at = kSegmentHeaderBytes;
  uint64_t offset = last.begin;
  uint64_t good = std::min<uint64_t>(at, last.bytes);
  for (;;) {
    const auto head = read_record_head(**file, at, offset);
    if (!head) return head.error();
    if (!*head) break;
    const auto intact = payload_is_good(**file, at, **head, offset);
    if (!intact) return intact.error();
    at += kRecordHeadBytes + (*head)->size;
    offset += (*head)->size;
    if (!*intact) continue;
    good = at;
    end_.offset = offset;
  }
  last.end = end_.offset;
  stats_.damaged_bytes += last.bytes - good;
  return {};
}

SpoolVerdict SpoolWriter::write(std::span<const SpoolRecord> records) {
  uint64_t payload = 0;
  for (const SpoolRecord& record : records) payload += payload_bytes(record);
  const uint64_t needed = payload + records.size() * kRecordHeadBytes + kSegmentHeaderBytes;
  if (stats_.bytes + needed > options_.bytes_max) return SpoolVerdict::Full;

  if (file_ && segments_.back().bytes >= options_.segment_bytes) file_.reset();
  failpoint(Failpoint::SpoolWrite);
  std::error_code error = file_ ? std::error_code() : begin_segment();
  uint64_t offset = end_.offset;
  for (const SpoolRecord& record : records) {
    if (error) break;
    error = append(record, offset);
    offset += payload_bytes(record);
  }
  if (!error) {
    failpoint(Failpoint::SpoolWritten);
    ++stats_.syncs;
    error = file_->sync();
  }
  if (error) {
    failed(error);
    abandon();
    return SpoolVerdict::DiskError;
  }
  failpoint(Failpoint::SpoolSynced);
  end_.offset = offset;
  segments_.back().end = offset;
  synced_bytes_ = segments_.back().bytes;
  stats_.records += records.size();
  stats_.last_error.clear();
  count();
  return SpoolVerdict::Durable;
}

bool SpoolWriter::probe() {
  std::error_code error;
  if (!file_) {
    error = begin_segment();
    if (!error) error = file_->sync();
  }
  if (error) {
    failed(error);
    abandon();
    return false;
  }
  stats_.last_error.clear();
  count();
  return true;
}

std::error_code SpoolWriter::begin_segment() {
  const uint64_t begin = end_.offset;
  if (!segments_.empty() && segments_.back().begin == begin) {
    // Nothing in it counts: it is all damage, or was refused and could not be removed then.
    const std::error_code error = disk_.remove(path(begin));
    if (error && error != std::errc::no_such_file_or_directory) return error;
    segments_.pop_back();
  }
  auto file = disk_.create(path(begin));
  if (!file) return file.error();
  const std::string header = segment_header();
  const std::string_view parts[] = {header};
  std::error_code error = (*file)->append(parts);
  failpoint(Failpoint::SpoolSegment);
  if (!error) error = disk_.sync_folder(options_.folder);
  if (error) {
    disk_.remove(path(begin));
    return error;
  }
  file_ = *std::move(file);
  segments_.push_back({begin, begin, header.size()});
  synced_bytes_ = 0;
  end_ = {begin, begin};
  return {};
}

std::error_code SpoolWriter::append(const SpoolRecord& record, uint64_t offset) {
  PayloadCheck check(offset);
  for (const std::string_view part : record.parts) check.add(part);
  const RecordHead head{.size = static_cast<uint32_t>(payload_bytes(record)),
                        .kind = record.kind,
                        .arrival = record.arrival,
                        .line_length = record.line_length,
                        .payload_check = check.value()};
  const std::string encoded = encode_record_head(head, offset);
  std::vector<std::string_view> parts = {encoded};
  parts.insert(parts.end(), record.parts.begin(), record.parts.end());
  segments_.back().bytes += encoded.size() + head.size;
  return file_->append(parts);
}

// Ends the segment at what counts in it. Cutting the rest off is a courtesy: it frees the space,
// and a restart before the next segment begins would count what was refused. An empty segment goes.
void SpoolWriter::abandon() {
  if (!file_) return;
  Segment& segment = segments_.back();
  if (segment.end == segment.begin) {
    if (!disk_.remove(path(segment.begin))) segments_.pop_back();
    end_.segment = segments_.empty() ? 0 : segments_.back().begin;
  } else if (!file_->truncate(synced_bytes_)) {
    segment.bytes = synced_bytes_;
    file_->sync();
  }
  file_.reset();
  count();
}

void SpoolWriter::release(uint64_t offset) {
  while (!segments_.empty() && segments_.front().end <= offset) {
    if (file_ && segments_.size() == 1) break;
    failpoint(Failpoint::SpoolRemove);
    const std::error_code error = disk_.remove(path(segments_.front().begin));
    failpoint(Failpoint::SpoolRemoved);
    if (error && error != std::errc::no_such_file_or_directory) {
      failed(error);
      break;
    }
    segments_.pop_front();
  }
  count();
}

void SpoolWriter::failed(std::error_code error) {
  ++stats_.write_errors;
  stats_.last_error = options_.folder + ": " + error.message();
}

void SpoolWriter::count() {
  stats_.segments = segments_.size();
  stats_.bytes = 0;
  for (const Segment& segment : segments_) stats_.bytes += segment.bytes;
}

std::string SpoolWriter::path(uint64_t offset) const {
  return path_in(options_.folder, segment_name(offset));
}

}  // namespace picket
