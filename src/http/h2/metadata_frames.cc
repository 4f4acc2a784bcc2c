// METADATA on a connection, in both directions: the only frame of unknown type that nghttp2 is asked to pass on.
#include <algorithm>
#include <cstring>
#include <utility>

#include "http/h2/callbacks.h"
#include "http/h2/connection.h"

namespace weir::http::h2 {

// --- out ---

/// What was sent before goes out before. A client's head may have to wait for its number; METADATA follows it then.
void Connection::submit_metadata(H2Stream& stream, std::string_view block) {
  if (dead_) return;
  send_now();
  if (stream.in_session_ && (server() || stream.head_sent_)) {
    queue_metadata(stream.id_, block);
  } else if (!server()) {
    stream.metadata().waiting.emplace_back(block);
  }
}

void Connection::queue_metadata(int32_t id, std::string_view block) {
  if (bytes_.unsent() > kMostUnsent) {
    flood(Flood::kOutbound);
    return want_flush();
  }
  if (metadata_out_ == nullptr) metadata_out_ = std::make_unique<std::list<std::string>>();
  do {
    const std::string_view part = block.substr(0, kMostMetadataInFrame);
    block.remove_prefix(part.size());
    std::string& payload = metadata_out_->emplace_back(part);
    nghttp2_submit_extension(session_, kMetadataFrame, block.empty() ? kEndMetadata : uint8_t{0}, id, &payload);
  } while (!block.empty());
  want_flush();
}

// --- in ---

H2Stream* Callbacks::taker_of_metadata(Connection& self, int32_t id) {
  if (self.dead_ || id == 0) return nullptr;
  if (self.held_stream_ != nullptr) self.deliver_held(false);
  H2Stream* stream = Callbacks::stream(self, id);
  return stream == nullptr || stream->events_ == nullptr || stream->remote_ended_ ? nullptr : stream;
}

int Callbacks::on_metadata_chunk(nghttp2_session*, const nghttp2_frame_hd* header, const uint8_t* data, size_t size,
                                 void* user_data) {
  Connection& self = connection(user_data);
  H2Stream* stream = taker_of_metadata(self, header->stream_id);
  if (stream == nullptr) return 0;
  StreamMetadata& metadata = stream->metadata();
  metadata.received += size;
  if (metadata.received > self.options_.max_metadata_size) return NGHTTP2_ERR_CALLBACK_FAILURE;
  metadata.unfinished.append(reinterpret_cast<const char*>(data), size);
  return 0;
}

/// All of a frame came. Nothing else is to be told of it, which NGHTTP2_ERR_CANCEL says.
int Callbacks::on_metadata_end(nghttp2_session*, void**, const nghttp2_frame_hd* header, void* user_data) {
  Connection& self = connection(user_data);
  if ((header->flags & kEndMetadata) == 0) return NGHTTP2_ERR_CANCEL;
  H2Stream* stream = taker_of_metadata(self, header->stream_id);
  if (stream == nullptr) return NGHTTP2_ERR_CANCEL;
  const std::string block = std::exchange(stream->metadata().unfinished, {});
  const std::optional<std::string> plain = normalise_metadata(block);
  if (!plain) return NGHTTP2_ERR_CALLBACK_FAILURE;
  if (plain->empty()) {
    self.stats_.metadata_empty_frames.add();
  } else {
    stream->events_->on_metadata(*plain);
  }
  return NGHTTP2_ERR_CANCEL;
}

/// Payloads leave in the order in which they came; one that nghttp2 threw away is passed over.
ssize_t Callbacks::pack_metadata(nghttp2_session*, uint8_t* buffer, size_t size, const nghttp2_frame* frame, void* user_data) {
  std::list<std::string>& waiting = *connection(user_data).metadata_out_;
  while (&waiting.front() != frame->ext.payload) waiting.pop_front();
  const size_t length = std::min(size, waiting.front().size());
  std::memcpy(buffer, waiting.front().data(), length);
  waiting.pop_front();
  return static_cast<ssize_t>(length);
}

}  // namespace weir::http::h2
