#pragma once

#include <cstddef>
#include <cstdint>

namespace zerosend {

class Socket;
struct Mailbox;
struct Record;

// How records of sockets get into the mailbox. JavaScript thread.

// Writes record number `at` of the mailbox.
void write_record(Mailbox& mailbox, size_t at, uint32_t handle, const Record& record);
// Moves records of a socket into the mailbox, from number `at` on. Returns how many records there
// are in it then; `*more` says whether the socket has some left.
size_t collect(Mailbox& mailbox, uint32_t handle, Socket& socket, size_t at, bool* more);

}  // namespace zerosend
