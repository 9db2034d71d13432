// Line charts with axes. Lines differ by dashes as well as by colour, and each has its last value beside its name.

import { $, clock, drawn, duration, element } from "./common.js";

const HEIGHT = 150;
const LEFT = 38;
const BOTTOM = 20;
const TOP = 8;
const STYLES = ["one", "two", "three"];

// Returns the smallest round number from `value` on that halves well.
function round(value) {
  if (value <= 2) return 2;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 10].map((factor) => factor * power).find((top) => top >= value);
}

function axisOf(times, width) {
  const span = times.at(-1) - times[0];
  const step = [60, 120, 300, 600, 900, 1800, 3600].find((seconds) => (span / 1000 / seconds) * 64 <= width) ?? 3600;
  const ticks = [];
  for (let at = Math.ceil(times[0] / 1000 / step) * step * 1000; at <= times.at(-1); at += step * 1000) ticks.push(at);
  // A short history has its ends.
  return ticks.length >= 2 ? ticks : [times[0], times.at(-1)];
}

// Draws the lines, or says in one line that there are none.
export function plot(id, points, series, none) {
  const figure = $(id);
  if (points.length < 2 || series.every((line) => line.values.every((value) => value === 0))) {
    const text = points.length < 2 ? "Drawn after the first seconds." : `${none} in the last ${duration(points.at(-1).at_ms - points[0].at_ms)}.`;
    figure.replaceChildren(element("figcaption", { class: "empty", text }));
    return;
  }
  const width = Math.max(240, figure.clientWidth);
  const times = points.map((point) => point.at_ms);
  const top = round(Math.max(...series.flatMap((line) => line.values)));
  const x = (at) => LEFT + ((at - times[0]) / Math.max(1, times.at(-1) - times[0])) * (width - LEFT - 6);
  const y = (value) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
  const parts = [];
  for (const value of [0, top / 2, top]) {
    parts.push(drawn("line", { x1: LEFT, x2: width - 6, y1: y(value), y2: y(value) }));
    const label = drawn("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" });
    label.textContent = value;
    parts.push(label);
  }
  for (const at of axisOf(times, width)) {
    const near = x(at) > width - 30 ? "end" : x(at) < LEFT + 20 ? "start" : "middle";
    const label = drawn("text", { x: x(at), y: HEIGHT - 4, "text-anchor": near });
    label.textContent = clock(at, false);
    parts.push(drawn("line", { class: "mark", x1: x(at), x2: x(at), y1: y(0), y2: y(0) + 4 }), label);
  }
  series.forEach((line, index) => {
    const d = line.values.map((value, at) => `${at ? "L" : "M"}${x(times[at]).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    parts.push(drawn("path", { class: STYLES[index], d }));
  });
  const cursor = drawn("line", { class: "cursor", y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden" });
  const said = series.map((line) => `${line.name} ${line.values.at(-1)}`).join(", ");
  const svg = drawn("svg", {
    viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": `${said}; highest ${Math.max(...series.flatMap((line) => line.values))} in the last ${duration(times.at(-1) - times[0])}`,
  }, [...parts, cursor]);
  const caption = element("figcaption");
  const describe = (at) => {
    caption.replaceChildren(...series.flatMap((line, index) => [element("i", { class: STYLES[index] }), element("b", { text: line.values[at] }), ` ${line.name}`]),
      element("span", { text: at === points.length - 1 ? "" : clock(times[at]) }));
  };
  describe(points.length - 1);
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const wanted = ((event.clientX - box.left) / box.width) * width;
    const at = times.reduce((best, time, index) => (Math.abs(x(time) - wanted) < Math.abs(x(times[best]) - wanted) ? index : best), 0);
    cursor.setAttribute("x1", x(times[at]));
    cursor.setAttribute("x2", x(times[at]));
    cursor.setAttribute("visibility", "visible");
    describe(at);
  });
  svg.addEventListener("pointerleave", () => {
    cursor.setAttribute("visibility", "hidden");
    describe(points.length - 1);
  });
  // A chart that is read with the pointer is not replaced below it.
  if (figure.querySelector("svg")?.matches(":hover")) return;
  figure.replaceChildren(caption, svg);
}

// Rates over the last minute before each point. A revert decreases a counter; its rate is shown as 0.
export function rate(points, field, interval) {
  const back = Math.max(1, Math.round(60000 / interval));
  return points.map((point, index) => {
    const from = points[Math.max(0, index - back)];
    const minutes = (point.at_ms - from.at_ms) / 60000;
    return minutes > 0 ? Math.max(0, Math.round((point[field] - from[field]) / minutes)) : 0;
  });
}
