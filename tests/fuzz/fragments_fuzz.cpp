// Fragments of packets for two sessions that share a small budget, beside a model that knows each byte: a
// packet comes out once all of it came, with the bytes that came first; what is kept, and what has to go for
// it, is what the limits say.
//
//     steps: 1 byte: which, and for which session | its arguments
#include <array>
#include <optional>

#include "fuzz/input.h"
#include "fuzz/targets.h"
#include "mptunnel/base/assert.h"
#include "mptunnel/session/fragment_assembler.h"

namespace mptunnel::fuzz {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kBudget = std::size_t{160} << 10U;
constexpr std::size_t kMostFragmentsSteps = 60;
constexpr std::uint32_t kUnit = 50;  ///< of totals, offsets and lengths, so that fragments meet

constexpr std::array<Ecn, 4> kByCongestion{Ecn::not_ect, Ecn::ect0, Ecn::ect1, Ecn::ce};

/// What came of one packet.
struct Begun {
  FragmentFrame head;  ///< without its bytes
  std::vector<std::optional<std::uint8_t>> bytes;
  std::size_t came = 0;  ///< of these
  std::size_t parts = 0;
  TimePoint until;
  std::size_t congestion = 0;  ///< which of kByCongestion the worst of its fragments had

  [[nodiscard]] std::size_t cost() const { return came + (1 + parts) * kFragmentRecordBytes; }
};

/// One session as the limits describe it, the oldest packet first.
struct Model {
  std::vector<Begun> packets;
  std::uint64_t evicted = 0;
  std::uint64_t untold = 0;  ///< of these, by expire()

  [[nodiscard]] std::size_t bytes() const {
    std::size_t sum = 0;
    for (const Begun& packet : packets) sum += packet.cost();
    return sum;
  }
  void evict() {
    packets.erase(packets.begin());
    ++evicted;
    ++untold;
  }
  auto find(const FragmentFrame& frame) {
    return std::find_if(packets.begin(), packets.end(), [&](const Begun& packet) {
      return packet.head.type == frame.type && packet.head.number == frame.number;
    });
  }
};

using Result = tl::expected<std::optional<FragmentAssembler::Whole>, Drop>;

class FragmentsRun {
 public:
  explicit FragmentsRun(ConstBytes input) : input_(input) {}

  void execute() {
    for (std::size_t i = 0; i < kMostFragmentsSteps && !input_.empty(); ++i) {
      step();
      check();
    }
  }

 private:
  void step() {
    const std::uint8_t what = input_.u8();
    const std::size_t session = what & 1U;
    switch (what >> 1U & 7U) {
      case 0:
        now_ += 10ms * input_.u8();
        break;
      case 1: {
        Model& model = models_.at(session);
        const auto old =
            std::erase_if(model.packets, [this](const Begun& packet) { return packet.until <= now_; });
        MPT_ASSERT(assemblers_.at(session).expire(now_) == old + std::exchange(model.untold, 0));
        break;
      }
      case 2:
        // Large packets begin and never end.
        for (std::uint32_t left = input_.u8() % 32U; left > 0; --left)
          add(session, {PacketType::control, PacketNumber{1000 + begun_++}, 2000, 0, {}}, 1400, 0);
        break;
      case 3:
        // One in parts of a byte, with gaps between them.
        for (std::uint32_t left = input_.u8(), at = input_.u8(); left > 0; --left, at += 2)
          add(session, {PacketType::data, PacketNumber{7}, 1000, at % 1000U, {}}, 1, 9);
        break;
      default:
        add_some(session);
        break;
    }
  }

  void add_some(std::size_t session) {
    FragmentFrame frame;
    const std::uint8_t packet = input_.u8();
    frame.type = (packet & 1U) == 0 ? PacketType::data : PacketType::control;
    frame.number = PacketNumber{packet % 8U};
    frame.total = kUnit * (1U + (packet >> 3U) % 4U * 5U);
    const std::uint8_t where = input_.u8();
    frame.offset = std::min(kUnit * (where % 16U) + (where >> 4U & 3U), frame.total - 1);
    const std::uint8_t length = input_.u8();
    add(session, frame, 1 + (length % 16U) * kUnit - (length >> 4U) % 2U * (length % 16U == 0 ? 0U : 1U),
        input_.u8());
  }

  /// Adds a fragment of at most this length, all bytes `fill`, which says its ECN as well.
  void add(std::size_t session, FragmentFrame frame, std::size_t length, std::uint8_t fill) {
    const std::vector<std::uint8_t> bytes(std::min<std::size_t>(length, frame.total - frame.offset), fill);
    frame.bytes = bytes;
    const std::size_t congestion = fill % kByCongestion.size();
    const Result expected = predict(models_.at(session), frame, congestion);
    MPT_ASSERT(assemblers_.at(session).add(kEpoch, frame, {kByCongestion.at(congestion)}, now_) == expected);
  }

  Result predict(Model& model, const FragmentFrame& frame, std::size_t congestion) {
    auto packet = model.find(frame);
    make_room(model, frame.bytes.size() +
                         (2 + (packet == model.packets.end() ? 0 : packet->parts)) * kFragmentRecordBytes);
    packet = model.find(frame);
    if (packet == model.packets.end()) {
      if (model.packets.size() >= kFragmentedPackets) model.evict();
      model.packets.push_back({frame, {}, 0, 0, now_ + kFragmentLife, 0});
      packet = std::prev(model.packets.end());
      packet->bytes.resize(frame.total);
    }
    if (packet->bytes.size() != frame.total) return tl::unexpected(Drop::bad_frame);
    bool is_news = false;
    bool was_new = false;  // the byte before, in this fragment
    for (std::size_t i = 0; i < frame.bytes.size(); ++i) {
      auto& byte = packet->bytes[frame.offset + i];
      const bool is_new = !byte.has_value();
      if (is_new) byte = frame.bytes[i];
      if (is_new) ++packet->came;
      if (is_new && !was_new) ++packet->parts;
      is_news = is_news || is_new;
      was_new = is_new;
    }
    if (!is_news) return tl::unexpected(Drop::copy);
    packet->congestion = std::max(packet->congestion, congestion);
    if (packet->parts > kFragmentParts) {
      model.packets.erase(packet);
      return tl::unexpected(Drop::bad_frame);
    }
    if (packet->came < frame.total) return std::nullopt;
    FragmentAssembler::Whole whole{std::vector<std::uint8_t>(kHeaderBytes),
                                   {kByCongestion.at(packet->congestion)}};
    encode_header({frame.type, kEpoch, frame.number}, whole.packet);
    for (const auto& byte : packet->bytes) whole.packet.push_back(*byte);
    model.packets.erase(packet);
    return whole;
  }

  void make_room(Model& model, std::size_t bytes) {
    while (model.bytes() + bytes > kFragmentedBytes) model.evict();
    while (models_[0].bytes() + models_[1].bytes() + bytes > kBudget) {
      Model& largest = models_[1].bytes() > models_[0].bytes() ? models_[1] : models_[0];
      const std::size_t before = largest.bytes();
      if (before == 0) return;
      const std::size_t left = before - std::min(kYieldBytes, before / 2);
      while (largest.bytes() > left) largest.evict();
    }
  }

  void check() {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < models_.size(); ++i) {
      MPT_ASSERT(assemblers_.at(i).packets() == models_.at(i).packets.size());
      MPT_ASSERT(assemblers_.at(i).bytes() == models_.at(i).bytes());
      MPT_ASSERT(assemblers_.at(i).evicted() == models_.at(i).evicted);
      sum += assemblers_.at(i).bytes();
    }
    MPT_ASSERT(budget_.bytes() == sum && sum <= kBudget);
  }

  static constexpr SessionIndex kEpoch{0x123456};

  Input input_;
  TimePoint now_{1h};
  FragmentBudget budget_{kBudget};
  std::array<FragmentAssembler, 2> assemblers_{FragmentAssembler(budget_), FragmentAssembler(budget_)};
  std::array<Model, 2> models_;
  std::uint32_t begun_ = 0;
};

}  // namespace

void fuzz_fragments(ConstBytes input) {
  FragmentsRun(input).execute();
}

}  // namespace mptunnel::fuzz
