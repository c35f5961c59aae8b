// The sending half of UdpSocket.
//
// A job is what the caller wants sent to one destination: a run, or pieces. Jobs are cut into messages, each
// one datagram or a series that the kernel segments; up to kMessagesPerCall messages leave with one sendmmsg.
// When the kernel refuses a series, its job goes on datagram by datagram ("plain").
#include <netinet/udp.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "mptunnel/base/assert.h"
#include "mptunnel/base/bytes.h"
#include "mptunnel/net/socket_address.h"
#include "mptunnel/net/udp_socket.h"

namespace mptunnel {
namespace {

using detail::UdpSocketState;

constexpr std::size_t kMessagesPerCall = 64;  // sendmmsg takes up to UIO_MAXIOV; more than this gains nothing
constexpr std::size_t kVectorsPerCall = 256;

class Job {
 public:
  Job(const SendRun& run, SendOutcome& outcome)
      : bytes_(run.bytes), stride_(run.stride), to_(&run.to), marks_(run.marks), outcome_(&outcome) {
    MPT_ASSERT(marks_.dscp <= kMaxDscp);
    MPT_ASSERT(bytes_.empty() || (stride_ >= 1 && stride_ <= UINT16_MAX));
    count_ = bytes_.empty() ? 1 : (bytes_.size() + stride_ - 1) / stride_;
  }
  Job(const SendPieces& send, SendOutcome& outcome)
      : pieces_(send.datagrams),
        count_(send.datagrams.size()),
        to_(&send.to),
        marks_(send.marks),
        outcome_(&outcome) {
    MPT_ASSERT(marks_.dscp <= kMaxDscp);
    MPT_ASSERT(count_ > 0);
  }

  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] bool in_pieces() const { return !pieces_.empty(); }
  [[nodiscard]] const Route& to() const { return *to_; }
  [[nodiscard]] std::uint8_t traffic_class() const { return marks_.traffic_class(); }
  [[nodiscard]] SendOutcome& outcome() const { return *outcome_; }

  [[nodiscard]] ConstBytes datagram(std::size_t i) const {
    if (in_pieces()) return pieces_[i];
    const std::size_t at = i * stride_;
    return bytes_.subspan(at, std::min(stride_, bytes_.size() - at));
  }

  // How many datagrams from `first` on can leave as one series: of one size, but for a shorter last one.
  [[nodiscard]] std::size_t series_from(std::size_t first, std::size_t limit) const {
    const std::size_t size = datagram(first).size();
    if (size == 0 || size > UINT16_MAX) return 1;
    limit = std::min({limit, count_ - first, kMaxSegmentedBytes / size});
    if (!in_pieces()) return std::max<std::size_t>(1, limit);
    std::size_t count = 1;
    while (count < limit) {
      const std::size_t next = pieces_[first + count].size();
      if (next == 0 || next > size) break;
      ++count;
      if (next < size) break;
    }
    return count;
  }

  // The first datagram after `from` that is smaller than that one.
  [[nodiscard]] std::size_t next_smaller(std::size_t from) const {
    const std::size_t size = datagram(from).size();
    if (!in_pieces()) return datagram(count_ - 1).size() < size ? count_ - 1 : count_;
    std::size_t i = from + 1;
    while (i < count_ && pieces_[i].size() >= size) ++i;
    return i;
  }

 private:
  ConstBytes bytes_;
  std::size_t stride_ = 0;
  std::span<const ConstBytes> pieces_;
  std::size_t count_ = 0;
  const Route* to_;
  Marks marks_;
  SendOutcome* outcome_;
};

// One call's messages, and the datagrams in them.
struct Batch {
  struct Entry {
    const Job* job;
    std::size_t first;      // the message's first datagram, as counted in its job
    std::size_t datagrams;  // more than 1: a series for UDP_SEGMENT
    std::size_t bytes;
  };
  struct alignas(cmsghdr) Control {
    std::array<std::uint8_t, kSendControlBytes> bytes;
  };

  std::array<mmsghdr, kMessagesPerCall> messages;
  std::array<Entry, kMessagesPerCall> entries;
  std::array<SocketAddress, kMessagesPerCall> addresses;
  std::array<Control, kMessagesPerCall> controls;
  std::array<iovec, kVectorsPerCall> vectors;
  std::size_t count = 0;
  std::size_t vectors_used = 0;

  [[nodiscard]] bool full() const { return count == messages.size() || vectors_used == vectors.size(); }
};

// How often a message is tried again that meets old news. Whoever forges ICMP may have the next one there in
// time: sockets that hear all of it are more patient.
constexpr int kRetries = 1;
constexpr int kRetriesHearingIcmp = 4;

// An ICMP answer to an earlier datagram shows as one of these, once, in place of the send that meets it.
bool may_be_old_news(int error) {
  constexpr std::array kNews{ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENONET,
                             EPROTO,       ENOPROTOOPT,  EOPNOTSUPP,  EMSGSIZE,  EACCES};
  return std::find(kNews.begin(), kNews.end(), error) != kNews.end();
}

// What a kernel or device says to a series that it can never segment: EIO means no checksum offload, or
// IPsec.
bool is_unable_to_segment(int error) {
  return error == EIO || error == ENOPROTOOPT || error == EOPNOTSUPP;
}

// The same, or its stride is beyond the MTU: EINVAL, on newer kernels EMSGSIZE.
bool may_be_segmentation(int error) {
  return error == EINVAL || error == EMSGSIZE || is_unable_to_segment(error);
}

class Transmission {
 public:
  // No job may be empty.
  Transmission(UdpSocketState& state, Batch& batch, std::span<const Job> jobs)
      : state_(state), batch_(batch), jobs_(jobs) {}

  void run() {
    while (job_ < jobs_.size()) {
      fill();
      send_batch();
    }
  }

 private:
  // Cuts messages from the current position on, until the batch is full or all is in it.
  void fill() {
    batch_.count = 0;
    batch_.vectors_used = 0;
    bool plain = plain_;
    std::size_t next = next_;
    for (std::size_t i = job_; i < jobs_.size(); ++i, next = 0, plain = false) {
      while (next < jobs_[i].count()) {
        if (batch_.full()) return;
        const bool alone =
            plain || !state_.offload || jobs_[i].datagram(next).size() > state_.longest_segment;
        next += add_message(jobs_[i], next, alone);
      }
    }
  }

  std::size_t add_message(const Job& job, std::size_t first, bool alone) {
    const std::size_t room = job.in_pieces() ? batch_.vectors.size() - batch_.vectors_used : kMaxSegments;
    const std::size_t datagrams = alone ? 1 : job.series_from(first, std::min(room, kMaxSegments));
    const std::size_t index = batch_.count++;
    msghdr& message = batch_.messages[index].msg_hdr;
    message = msghdr{};
    Batch::Entry& entry = batch_.entries[index];
    entry = {&job, first, datagrams, 0};

    message.msg_iov = &batch_.vectors[batch_.vectors_used];
    if (job.in_pieces()) {
      for (std::size_t i = 0; i < datagrams; ++i) add_vector(message, entry, job.datagram(first + i));
    } else {
      const ConstBytes head = job.datagram(first);
      const ConstBytes last = job.datagram(first + datagrams - 1);
      add_vector(message, entry,
                 {head.data(), static_cast<std::size_t>(last.data() - head.data()) + last.size()});
    }
    address(message, index, job.to());
    if (job.traffic_class() != 0) {
      append_traffic_class(message, sends_ipv6_to(job.to()), job.traffic_class());
    }
    if (datagrams > 1) {
      append_note(message, SOL_UDP, UDP_SEGMENT, static_cast<std::uint16_t>(job.datagram(first).size()));
    }
    if (message.msg_controllen == 0) message.msg_control = nullptr;
    return datagrams;
  }

  void add_vector(msghdr& message, Batch::Entry& entry, ConstBytes bytes) {
    // The kernel only reads through it.
    batch_.vectors[batch_.vectors_used++] = {const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
    ++message.msg_iovlen;
    entry.bytes += bytes.size();
  }

  void address(msghdr& message, std::size_t index, const Route& to) {
    message.msg_control = &batch_.controls[index];
    if (state_.connected) return;
    message.msg_name = &batch_.addresses[index];
    message.msg_namelen = to_socket_address(to.remote, state_.ipv6, batch_.addresses[index]);
    if (to.local.is_set()) append_local_address(message, state_.ipv6, to.local);
  }

  [[nodiscard]] bool sends_ipv6_to(const Route& to) const {
    return state_.ipv6 && (state_.connected ? !state_.peer_is_ipv4 : to.remote.family == Family::ipv6);
  }

  // Until the batch is done, or an error asks for another one.
  void send_batch() {
    std::size_t done = 0;
    while (done < batch_.count) {
      const int taken = sendmmsg(state_.fd, &batch_.messages[done],
                                 static_cast<unsigned>(batch_.count - done), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (taken <= 0) {
        if (failed(batch_.entries[done], taken == 0 ? EAGAIN : errno)) continue;
        return;
      }
      for (const std::size_t end = done + static_cast<std::size_t>(taken); done < end; ++done) {
        accept(batch_.entries[done]);
      }
    }
  }

  void accept(const Batch::Entry& entry) {
    retries_ = 0;
    entry.job->outcome().accepted += static_cast<std::uint32_t>(entry.datagrams);
    state_.counters.sent += entry.datagrams;
    state_.counters.sent_bytes += entry.bytes;
    move_to(entry.first + entry.datagrams);
  }

  // Whether the same messages shall be tried again. Else the position has been moved to where to go on.
  bool failed(const Batch::Entry& entry, int error) {
    if (error == EINTR) return true;
    if (error == EAGAIN) {
      give_up_everything();
      return false;
    }
    if (may_be_old_news(error)) state_.has_icmp = state_.hears_icmp;
    if (may_be_old_news(error) && retries_ < (state_.hears_icmp ? kRetriesHearingIcmp : kRetries)) {
      ++retries_;
      // What ICMP says of sizes is not trusted, and what else it says the error queue tells better.
      if (!state_.hears_icmp && error != EMSGSIZE) entry.job->outcome().error = error;
      if (error == ECONNREFUSED) ++state_.counters.refused;
      return true;
    }
    retries_ = 0;
    if (entry.datagrams > 1 && may_be_segmentation(error)) {
      if (is_unable_to_segment(error)) {
        turn_offload_off();
      } else if (state_.connected) {
        shorten_segments(entry.job->datagram(entry.first).size());
      }
      plain_ = true;
      return false;
    }
    // A smaller datagram may pass although this one was too big; other reasons hold for the rest of the job.
    give_up(error, error == EMSGSIZE ? entry.job->next_smaller(next_) : entry.job->count());
    return false;
  }

  void turn_offload_off() {
    state_.offload = false;
    notify(state_.on_notice, LogLevel::info,
           "port {}: the network device can't segment UDP, datagrams go out one by one", state_.port);
  }

  // One route leads to the peer: what it could not segment once, it can't the next time.
  void shorten_segments(std::size_t refused_bytes) {
    if (state_.longest_segment == detail::kAnySegment) {
      notify(
          state_.on_notice, LogLevel::info,
          "port {}: the route takes no runs of {} bytes a datagram: those and larger ones go out one by one",
          state_.port, refused_bytes);
    }
    state_.longest_segment = std::min(state_.longest_segment, refused_bytes - 1);
  }

  // Loses the datagrams of the current job from the current one to `end`.
  void give_up(int error, std::size_t end) {
    SocketCounters& counters = state_.counters;
    std::uint64_t& counter = error == EAGAIN                       ? counters.would_block
                             : error == ENOBUFS || error == ENOMEM ? counters.no_buffers
                             : error == EMSGSIZE                   ? counters.too_big
                                                                   : counters.other_errors;
    counter += end - next_;
    jobs_[job_].outcome().error = error;
    move_to(end);
  }

  void give_up_everything() {
    while (job_ < jobs_.size()) give_up(EAGAIN, jobs_[job_].count());
  }

  // Goes on with this datagram of the current job, or with the next job if there is none.
  void move_to(std::size_t next) {
    next_ = next;
    if (next_ < jobs_[job_].count()) return;
    ++job_;
    next_ = 0;
    plain_ = false;
  }

  UdpSocketState& state_;
  Batch& batch_;
  std::span<const Job> jobs_;
  std::size_t job_ = 0;   // the position: all before this job,
  std::size_t next_ = 0;  // and before this datagram of it, are sent or lost
  bool plain_ = false;    // the current job goes datagram by datagram
  int retries_ = 0;       // of the next message
};

// Reused by all sockets of a thread, so that a send allocates nothing.
struct Scratch {
  Batch batch;
  std::vector<Job> jobs;
};

Scratch& scratch() {
  thread_local Scratch instance;
  return instance;
}

template <typename Send>
void send_all(UdpSocketState& state, std::span<const Send> sends, std::span<SendOutcome> outcomes) {
  MPT_ASSERT(sends.size() == outcomes.size());
  auto& [batch, jobs] = scratch();
  jobs.clear();
  for (std::size_t i = 0; i < sends.size(); ++i) {
    outcomes[i] = {};
    jobs.emplace_back(sends[i], outcomes[i]);
  }
  Transmission(state, batch, jobs).run();
}

}  // namespace

void UdpSocket::send(std::span<const SendRun> runs, std::span<SendOutcome> outcomes) {
  send_all(state_, runs, outcomes);
}

void UdpSocket::send(std::span<const SendPieces> pieces, std::span<SendOutcome> outcomes) {
  send_all(state_, pieces, outcomes);
}

}  // namespace mptunnel
