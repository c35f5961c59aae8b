"""What `tests/bench/goodput --aggregate` measures: paths of unequal rate and delay, and what is to come of all together."""

import dataclasses
from typing import Callable

from goodput_cases import CLEAN, Path, random_loss

QUEUE_MS = 60  # of each path, at its rate
DIES_AFTER_S = 2.5


def path_of(mbit_s, delay_ms, loss=CLEAN, lives_s=0):
    return Path(1000 * mbit_s, delay_ms, 0, round(mbit_s * 1000 * QUEUE_MS / 8), loss, lives_s)


def title_of(path):
    """Its rate and its delay each way, as Mbit/s and ms, and what else there is to it."""
    return (f"{path.rate_kbit_s / 1000:g}/{path.delay_ms:g}" + (f" with {path.loss.title} loss" if path.loss != CLEAN else "")
            + (" which dies" if path.lives_s else ""))


def alone_name(path, streams):
    """Of what a path carries by itself."""
    return f"{title_of(path)} alone{_of_streams(streams)}"


def _of_streams(streams):
    return f", {streams} streams" if streams > 1 else ""


@dataclasses.dataclass(frozen=True)
class Group:
    """Profiles that are compared alike."""

    name: str
    title: str
    compared: str  # what all paths together are compared with
    combine: Callable  # makes it of what each carries alone
    is_clean_alone: bool  # whether a path that loses has lost nothing when it was measured alone


SUM = Group("sums", "The sum of the paths", "the sum of the paths", sum, True)
FLOOR = Group("floor", "Never less than the best path alone", "the best path", max, False)
GROUPS = (SUM, FLOOR)


@dataclasses.dataclass(frozen=True)
class Profile:
    name: str
    group: Group
    paths: tuple
    streams: int = 1
    # Targets: the share of what the paths carry alone, and what else is asked for.
    least_share: float | None = None
    least_mbit_s: float | None = None
    most_rtt: float | None = None  # the median round trip, in round trips of the slowest path

    @property
    def alone(self):
        """The paths as each is measured alone."""
        return tuple(dataclasses.replace(path, loss=CLEAN) for path in self.paths) if self.group.is_clean_alone else self.paths

    @property
    def title(self):
        lost = self.paths[0].loss
        all_lose = f", each loses {lost.title}" if self.group.is_clean_alone and lost != CLEAN else ""
        return " + ".join(map(title_of, self.alone)) + all_lose + _of_streams(self.streams)

    @property
    def slowest_rtt_ms(self):
        return 2 * max(path.delay_ms for path in self.paths)


def _sums(name, paths, share, most_rtt, floors):
    """Clean, and at each loss, of which the Mbit/s are given that are to be left."""
    yield Profile(name, SUM, paths, least_share=share, most_rtt=most_rtt)
    for percent, least in floors.items():
        lossy = tuple(dataclasses.replace(path, loss=random_loss(percent)) for path in paths)
        yield Profile(f"{name}-{percent}", SUM, lossy, least_mbit_s=least)


def _floors(name, *paths):
    """With one stream and with 16."""
    for streams in (1, 16):
        yield Profile(name + (f"-x{streams}" if streams > 1 else ""), FLOOR, paths, streams, least_share=0.95)


PROFILES = (
    *_sums("unequal", (path_of(50, 10), path_of(20, 30), path_of(10, 60)), 0.85, 1.3, {2: 50, 10: 35}),
    *_sums("equal", (path_of(100, 20),) * 3, 0.95, None, {2: 190, 10: 130}),
    *_floors("300+30", path_of(300, 10), path_of(30, 40)),
    *_floors("100+10", path_of(100, 10), path_of(10, 100)),
    *_floors("50+50", path_of(50, 20), path_of(50, 20)),
    *_floors("50+50-delay", path_of(50, 10), path_of(50, 40)),
    *_floors("20+2", path_of(20, 5), path_of(2, 300)),
    *_floors("80+80-loss", path_of(80, 15), path_of(80, 15, random_loss(1))),
    *_floors("50+50-dying", path_of(50, 20), path_of(50, 20, lives_s=DIES_AFTER_S)),
)
BY_GROUP = {group.name: [profile for profile in PROFILES if profile.group is group] for group in GROUPS}
