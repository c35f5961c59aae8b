// How a flow was used, and which flow of a table goes first if a new one needs its place.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>

#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/wire/flow_limits.h"

namespace mptunnel {

/// What a table knows of each of its flows, for its age. A flow that is in a FlowOrder stays where it is.
class FlowUse {
 public:
  FlowHandle handle;
  TimePoint last_used;  ///< a datagram, either way

  void note_to_server(std::size_t datagrams) { to_server_ = sum(to_server_, datagrams); }
  void note_to_client(std::size_t datagrams) { to_client_ = sum(to_client_, datagrams); }
  /// No more than kShortFlowDatagrams either way so far.
  [[nodiscard]] bool is_short() const {
    return to_server_ <= kShortFlowDatagrams && to_client_ <= kShortFlowDatagrams;
  }
  /// After how much silence it ends.
  [[nodiscard]] Duration life() const {
    if (to_client_ == 0) return kUnansweredFlowIdle;
    return is_short() ? kShortFlowIdle : kFlowIdle;
  }
  /// Whether the other end, which may have seen less of it, may have given it up: see kFlowDoubtedAfter.
  [[nodiscard]] bool is_doubted(TimePoint now) const {
    return to_server_ <= kFlowDoubtedDatagrams && now - last_used >= kFlowDoubtedAfter;
  }

 private:
  friend class FlowOrder;

  static std::uint8_t sum(std::uint8_t count, std::size_t more) {
    return static_cast<std::uint8_t>(std::min<std::size_t>(count + more, 255));
  }

  std::uint8_t to_server_ = 0;  ///< datagrams, as far as 255
  std::uint8_t to_client_ = 0;
  bool listed_short_ = true;
  TimePoint listed_;  ///< `last_used` when the order looked last
  std::uint64_t serial_ = 0;
};

/// The flows of a table by age. A datagram costs it nothing: a flow keeps the place that it was given until
/// it is looked at there, and gets its true one then. So a new flow costs O(log n), and each flow in use a
/// look each kShortFlowEvictableAfter at most.
class FlowOrder {
 public:
  /// The flow is new, and not moved while it is in here.
  void add(FlowUse& flow);
  void erase(FlowUse& flow);
  void clear();
  /// The other end counts this one from the beginning again: it is a short one.
  void forget_counts(FlowUse& flow);
  /// The flow that goes for a new one: the short one that was silent the longest, at least
  /// kShortFlowEvictableAfter, or else any, at least kFlowEvictableAfter. Null if there is none.
  FlowUse* evictable(TimePoint now);
  /// The one that was used the longest ago; null if there is none. It may have to look at all that were used
  /// since it did so last.
  FlowUse* oldest();

 private:
  struct Earlier {
    bool operator()(const FlowUse* a, const FlowUse* b) const {
      return a->listed_ != b->listed_ ? a->listed_ < b->listed_ : a->serial_ < b->serial_;
    }
  };
  using Listed = std::set<FlowUse*, Earlier>;

  Listed& list_of(const FlowUse& flow) { return flow.listed_short_ ? short_ : lasting_; }
  /// The first flow of the list, if it is one that was listed at `latest` or before and was not used since.
  FlowUse* first(Listed& list, TimePoint latest);
  /// Gives the flow its true place. False: it had it.
  bool relist(FlowUse& flow);

  Listed short_;
  Listed lasting_;
  std::uint64_t next_serial_ = 0;
};

}  // namespace mptunnel
