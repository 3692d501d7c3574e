#include "node/records.h"

#include "node/environment.h"

namespace zerosend {

void write_record(Mailbox& mailbox, size_t at, uint32_t handle, const Record& record) {
  double* out = mailbox.batch + Mailbox::kRecordSize * at;
  out[0] = handle;
  out[1] = record.kind;
  out[2] = static_cast<double>(record.first);
  out[3] = static_cast<double>(record.last);
}

size_t collect(Mailbox& mailbox, uint32_t handle, Socket& socket, size_t at, bool* more) {
  Record records[64];
  *more = true;
  while (*more && at < Mailbox::kRecords) {
    const size_t room = Mailbox::kRecords - at;
    const size_t count = socket.take(records, room < 64 ? room : 64, more);
    for (size_t i = 0; i < count; ++i) write_record(mailbox, at++, handle, records[i]);
  }
  return at;
}

}  // namespace zerosend
