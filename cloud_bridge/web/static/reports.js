// Draws each report's chart from the table beside it, so that both show the same figures. A click opens a row's list.

const style = getComputedStyle(document.documentElement);
const colour = (name) => style.getPropertyValue(`--${name}`).trim();
const decimal = document.documentElement.lang === "ru" ? "," : ".";
const shown = (value, digits = 1) => value.toFixed(digits).replace(".", decimal);

function rowsOf(id) {
  return [...document.querySelectorAll(`#${id} tbody tr`)].map((tr) => {
    const row = { name: tr.cells[0].textContent.trim(), href: tr.querySelector("th a")?.href ?? null };
    for (const cell of tr.querySelectorAll("[data-value]")) {
      const { key, value, low, high } = cell.dataset;
      row[key] = { value: Number(value), low: low ? Number(low) : null, high: high ? Number(high) : null };
    }
    return row;
  });
}

function frame() {
  const text = { color: colour("muted"), fontFamily: "inherit" };
  return {
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: colour("ink") },
    grid: { left: 8, right: 24, top: 24, bottom: 8, containLabel: true },
    tooltip: {
      trigger: "item",
      renderMode: "richText",
      backgroundColor: colour("surface"),
      borderColor: colour("edge"),
      textStyle: { color: colour("ink") },
    },
    axis: {
      axisLabel: { ...text, formatter: (at) => (typeof at === "number" ? String(at).replace(".", decimal) : at) },
      axisLine: { lineStyle: { color: colour("edge") } },
      axisTick: { show: false },
      splitLine: { lineStyle: { color: colour("line") } },
    },
  };
}

// An interval is a line between its two ends; a figure without one is a point alone.
function intervals(rows, key, horizontal) {
  return rows.flatMap((row, at) => {
    const figure = row[key];
    if (!figure || figure.low === null) return [];
    const ends = [figure.low, figure.high].map((end) => ({ coord: horizontal ? [end, at] : [at, end], symbol: "none" }));
    return [ends];
  });
}

function points(rows, key, horizontal, extra = {}) {
  return {
    type: "scatter",
    symbolSize: 10,
    itemStyle: { color: colour("brand") },
    cursor: "pointer",
    data: rows.flatMap((row, at) => {
      if (!row[key]) return [];
      const { value } = row[key];
      return [{ value: horizontal ? [value, at] : [at, value], href: row.href, row: at }];
    }),
    markLine: {
      silent: true,
      symbol: "none",
      label: { show: false },
      lineStyle: { color: colour("brand"), width: 2, type: "solid" },
      data: intervals(rows, key, horizontal),
    },
    ...extra,
  };
}

// The whole of every interval is seen, and zero where it is near.
function extent(rows, key) {
  const ends = rows.flatMap(({ [key]: one }) => [one.low ?? one.value, one.high ?? one.value]);
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const space = (high - low || 1) * 0.1;
  return { min: Math.floor((low > 0 && low < high / 2 ? 0 : low - space) * 10) / 10, max: Math.ceil((high + space) * 10) / 10 };
}

function words(row, key) {
  const { value, low, high } = row[key];
  return `${row.name}: ${shown(value)}` + (low === null ? "" : ` [${shown(low)}; ${shown(high)}]`);
}

function indices(rows) {
  const key = rows.some((row) => row.iel) ? "iel" : "net";
  const known = rows.filter((row) => row[key]).slice(0, 60);
  if (!known.length) return null;
  const base = frame();
  return {
    ...base,
    tooltip: { ...base.tooltip, formatter: (one) => words(known[one.data.row], key) },
    xAxis: { type: "value", ...extent(known, key), ...base.axis },
    yAxis: { type: "category", inverse: true, data: known.map((row) => row.name), ...base.axis, splitLine: { show: false } },
    series: [points(known, key, true)],
    height_rem: Math.max(10, 4 + known.length * 1.8),
  };
}

function board(rows) {
  const key = rows.some((row) => row.red) ? "red" : "red_voters";
  const base = frame();
  const line = (name) => rows.map((row) => row[name]?.value ?? null);
  const limit = (name) => ({
    type: "line",
    step: "middle",
    symbol: "none",
    silent: true,
    lineStyle: { color: colour("edge"), width: 1, type: "dashed" },
    data: line(name),
  });
  return {
    ...base,
    tooltip: { ...base.tooltip, formatter: (one) => (rows[one.dataIndex]?.[key] ? words(rows[one.dataIndex], key) : "") },
    xAxis: { type: "category", data: rows.map((row) => row.name), ...base.axis, splitLine: { show: false } },
    yAxis: { type: "value", min: 0, ...base.axis },
    series: [
      limit("limit_low"),
      limit("limit_high"),
      {
        type: "line",
        symbolSize: 7,
        cursor: "pointer",
        lineStyle: { color: colour("brand"), width: 2 },
        data: rows.map((row) => {
          const value = row[key]?.value ?? null;
          const high = row.limit_high?.value ?? Infinity;
          const low = row.limit_low?.value ?? -Infinity;
          const beyond = value !== null && (value > high || value < low);
          return { value, href: row.href, itemStyle: { color: colour(beyond ? "press" : "brand") }, symbolSize: beyond ? 12 : 7 };
        }),
      },
    ],
  };
}

function causes(rows) {
  const base = frame();
  const narrow = window.innerWidth < 700;
  const { max } = extent(rows.filter((row) => row.share), "share");
  return {
    ...base,
    tooltip: { ...base.tooltip, formatter: (one) => words(rows[one.dataIndex], one.seriesType === "bar" ? "share" : "cumulative") },
    xAxis: [
      { type: "value", min: 0, max: Math.min(100, Math.ceil(max / 10) * 10), ...base.axis },
      { type: "value", min: 0, max: 100, ...base.axis, splitLine: { show: false } },
    ],
    yAxis: {
      type: "category",
      inverse: true,
      data: rows.map((row) => row.name),
      ...base.axis,
      axisLabel: { ...base.axis.axisLabel, width: narrow ? 120 : 320, overflow: "truncate" },
      splitLine: { show: false },
    },
    series: [
      {
        ...points(rows, "share", true),
        type: "bar",
        barMaxWidth: 22,
        itemStyle: { color: colour("wave") },
        data: rows.map((row) => ({ value: row.share?.value ?? null, href: row.href })),
      },
      {
        type: "line",
        xAxisIndex: 1,
        symbolSize: 6,
        lineStyle: { color: colour("muted"), width: 1 },
        itemStyle: { color: colour("muted") },
        data: rows.map((row, at) => ({ value: [row.cumulative?.value ?? null, at], href: row.href })),
      },
    ],
    height_rem: Math.max(10, 5 + rows.length * 1.9),
  };
}

const kinds = { indices, board, causes };

function draw(element) {
  const option = kinds[element.dataset.chart](rowsOf(element.dataset.table));
  if (!option) return;
  const { height_rem: height, axis: _axis, ...rest } = option;
  element.hidden = false;
  if (height) element.style.height = `${height}rem`;
  window.echarts.getInstanceByDom(element)?.dispose();
  const chart = window.echarts.init(element, null, { renderer: "canvas" });
  chart.setOption(rest);
  chart.on("click", ({ data }) => {
    if (data?.href) window.location.assign(data.href);
  });
}

const charts = [...document.querySelectorAll(".chart")];
charts.forEach(draw);
new ResizeObserver(() => charts.forEach((one) => window.echarts.getInstanceByDom(one)?.resize())).observe(document.body);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach(draw));
