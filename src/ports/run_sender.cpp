#include "mptunnel/ports/run_sender.h"

#include <cerrno>

namespace mptunnel {

Drop drop_for(int error) {
  switch (error) {
    case EAGAIN:
      return Drop::would_block;
    case ENOBUFS:
    case ENOMEM:
      return Drop::no_buffers;
    case EMSGSIZE:
      return Drop::message_size;
    case ECONNREFUSED:
      return Drop::refused;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
    case ENODEV:
      return Drop::unreachable;
    default:
      return Drop::socket_error;
  }
}

}  // namespace mptunnel
