"""Pareto of causes, Laney's chart and the heat map."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from cloud_bridge.analytics.errors import FigureError
from cloud_bridge.analytics.hour_of_week import heat_map, hour_of_week, hours_of_period, rate_map
from cloud_bridge.analytics.laney import laney_baseline, laney_chart
from cloud_bridge.analytics.pareto import pareto
from edge.wire.smile_index import Publishing

BERLIN = ZoneInfo("Europe/Berlin")
NS = 1_000_000_000


def ns(*moment: int, zone: ZoneInfo = BERLIN, fold: int = 0) -> int:
    return int(datetime(*moment, tzinfo=zone, fold=fold).timestamp()) * NS


def test_pareto_orders_adds_up_and_says_how_sure_the_order_is():
    found = pareto({"queue": 60, "rude": 55, "price": 5, "none": 0}, items=100)
    assert [bar.cause for bar in found.bars] == ["queue", "rude", "price", "none"]
    assert [bar.share.count for bar in found.bars] == [60, 55, 5, 0]
    assert found.bars[-1].cumulative == pytest.approx(1.0)
    assert found.bars[0].cumulative == pytest.approx(60 / 120)
    # Sixty and fifty-five of a hundred are an order by chance; five is surely behind both.
    assert [(bar.place_low, bar.place_high) for bar in found.bars] == [(1, 2), (1, 2), (3, 4), (3, 4)]


def test_pareto_of_nothing():
    assert pareto({}, 0).bars == ()
    assert pareto({"queue": 0}, 0).bars[0].cumulative == 0.0
    with pytest.raises(FigureError, match="'queue' is on 3 of 2"):
        pareto({"queue": 3}, 2)


def test_laneys_limits_by_hand():
    days = [(10, 100), (20, 100), (10, 100), (20, 100)]
    chart = laney_chart(days)
    # Mean 0.15, σ 0.035707; every moving range is 0.1 / 0.035707 = 2.8006, so σ_z = 2.8006 / 1.128.
    assert chart.baseline.mean == pytest.approx(0.15)
    assert chart.baseline.sigma_z == pytest.approx(2.48277, abs=1e-4)
    assert chart.days[0].high == pytest.approx(0.15 + 3 * 2.48277 * 0.0357071, abs=1e-5)
    assert chart.days[0].low == 0.0
    assert chart.days[1].z == pytest.approx(0.05 / 0.0357071, abs=1e-4)


def test_days_that_vary_by_chance_have_a_sigma_z_of_one_and_others_more():
    random = np.random.default_rng(5)
    n = random.integers(500, 2000, 400)
    plain = laney_baseline([(int(random.binomial(size, 0.1)), int(size)) for size in n])
    assert plain.sigma_z == pytest.approx(1.0, abs=0.1)
    drifting = random.beta(40, 360, 400)
    restless = [(int(random.binomial(size, p)), int(size)) for size, p in zip(n, drifting, strict=True)]
    chart = laney_chart(restless)
    assert chart.baseline.sigma_z > 1.5
    # The plain chart would call many of these ordinary days special.
    assert sum(day.beyond for day in chart.days) <= 8


def test_a_day_is_judged_by_an_earlier_baseline():
    baseline = laney_baseline([(10, 1000), (12, 1000), (9, 1000), (11, 1000)])
    chart = laney_chart([(11, 1000), (0, 0), (60, 1000)], baseline)
    assert [day.beyond for day in chart.days] == [False, False, True]
    assert chart.days[1].share is None


def test_laney_without_variation_or_without_days():
    chart = laney_chart([(0, 10), (0, 20)])
    assert [day.beyond for day in chart.days] == [False, False]
    assert chart.days[0].z is None
    with pytest.raises(FigureError, match="at least two"):
        laney_chart([(1, 10), (0, 0)])
    with pytest.raises(FigureError, match="exceed the whole"):
        laney_chart([(11, 10), (1, 10)])


@pytest.mark.parametrize(
    "zone", [BERLIN, ZoneInfo("Asia/Kathmandu"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("America/St_Johns")]
)
def test_hours_are_those_on_the_wall(zone):
    start = datetime(2026, 3, 20, tzinfo=UTC)
    moments = [start + timedelta(minutes=17 * step) for step in range(3000)]
    found = hour_of_week(np.array([int(moment.timestamp()) * NS for moment in moments]), zone)
    local = [moment.astimezone(zone) for moment in moments]
    assert found.tolist() == [moment.weekday() * 24 + moment.hour for moment in local]


def test_a_week_with_a_clock_change_lacks_or_doubles_an_hour():
    spring = hours_of_period(ns(2026, 3, 23), ns(2026, 3, 30), BERLIN)
    assert spring.sum() == 167
    assert spring[6 * 24 + 2] == 0
    autumn = hours_of_period(ns(2026, 10, 19), ns(2026, 10, 26), BERLIN)
    assert autumn.sum() == 169
    assert autumn[6 * 24 + 2] == 2
    with pytest.raises(FigureError, match="before its beginning"):
        hours_of_period(2, 1, BERLIN)


def test_heat_map_counts_customers_and_events_in_their_hour():
    monday = ns(2026, 6, 1, 9, 30)
    customers = np.array([monday + minute * 60 * NS for minute in range(60)])
    red = np.zeros(60, dtype=bool)
    red[[0, 45]] = True
    cells = heat_map(customers, red, BERLIN)
    assert len(cells) == 168
    nine, ten = cells[9], cells[10]
    assert (nine.share.count, nine.share.n, nine.publishing) == (1, 30, Publishing.UNRANKED)
    assert (ten.share.count, ten.share.n) == (1, 30)
    assert sum(cell.share.n for cell in cells) == 60
    with pytest.raises(FigureError, match="one flag a customer"):
        heat_map(customers, red[:5], BERLIN)


def test_rates_are_an_hour_that_there_was():
    period = (ns(2026, 10, 19), ns(2026, 10, 26))
    twice = [ns(2026, 10, 25, 2, 30), ns(2026, 10, 25, 2, 30, fold=1)]
    cells = rate_map(np.array([*twice, period[1]]), period, BERLIN)
    cell = cells[6 * 24 + 2]
    assert (cell.count, cell.hours, cell.rate_per_hour) == (2, 2.0, 1.0)
    assert cell.low < 1.0 < cell.high
    assert sum(one.count for one in cells) == 2
    skipped = rate_map(np.array([], dtype=np.int64), (ns(2026, 3, 23), ns(2026, 3, 30)), BERLIN)[6 * 24 + 2]
    assert skipped.rate_per_hour is None


def test_a_million_instants_are_quick_to_sort_into_hours():
    instants = np.arange(1_000_000, dtype=np.int64) * 31 * NS + ns(2025, 1, 1)
    assert hour_of_week(instants, BERLIN).shape == (1_000_000,)
