// Plots of scores and rates, and a slider that says what a threshold is worth.

import { call, showProblem } from "./api.js";

const by = (id) => document.getElementById(id);
const LEFT = 64, RIGHT = 10, TOP = 12, BOTTOM = 30, WIDTH = 720, HEIGHT = 300;
const LEAST_RATE = 1e-4; // rates are shown on a logarithmic axis from here

function draw(tag, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

const percent = (rate) => `${Number((rate * 100).toPrecision(2))} %`;

function axis(curves) {
  const low = curves.thresholds[0];
  const high = curves.thresholds.at(-1);
  return (threshold) => LEFT + ((threshold - low) / (high - low)) * (WIDTH - LEFT - RIGHT);
}

function drawFrame(svg, curves, height) {
  const x = axis(curves);
  const parts = [draw("path", { class: "axis", d: `M${LEFT} ${TOP}V${height - BOTTOM}H${WIDTH - RIGHT}` })];
  const low = curves.thresholds[0];
  const high = curves.thresholds.at(-1);
  for (let tick = 0; tick <= 5; tick += 1) {
    const at = low + ((high - low) * tick) / 5;
    parts.push(draw("text", { x: x(at), y: height - 8, "text-anchor": tick === 0 ? "start" : tick === 5 ? "end" : "middle" }, at.toFixed(2)));
  }
  svg.replaceChildren(...parts);
}

function drawScores(curves) {
  const svg = by("scores");
  const height = HEIGHT;
  drawFrame(svg, curves, height);
  const x = axis(curves);
  for (const kind of ["strangers", "genuine"]) {
    const most = Math.max(...curves[kind], 1);
    curves[kind].forEach((count, bin) => {
      if (!count) return;
      const tall = (count / most) * (height - TOP - BOTTOM);
      svg.append(draw("rect", {
        class: kind === "genuine" ? "genuine" : "impostor",
        x: x(curves.edges[bin]),
        width: Math.max(x(curves.edges[bin + 1]) - x(curves.edges[bin]) - 1, 1),
        y: height - BOTTOM - tall,
        height: tall,
      }));
    });
  }
  svg.append(draw("line", { class: "threshold", y1: TOP, y2: height - BOTTOM }));
}

function drawRates(curves) {
  const svg = by("rates");
  const height = HEIGHT;
  drawFrame(svg, curves, height);
  const x = axis(curves);
  const y = (rate) => TOP + (Math.log10(Math.max(rate, LEAST_RATE)) / Math.log10(LEAST_RATE)) * (height - TOP - BOTTOM);
  for (const rate of [1, 0.1, 0.01, 0.001, 0.0001]) {
    svg.append(draw("path", { class: "gridline", d: `M${LEFT} ${y(rate)}H${WIDTH - RIGHT}` }));
    svg.append(draw("text", { x: LEFT - 6, y: y(rate) + 4, "text-anchor": "end" }, percent(rate)));
  }
  for (const kind of ["fpir", "fnir"]) {
    const points = curves.thresholds.map((threshold, row) => `${x(threshold).toFixed(1)},${y(curves[kind][row]).toFixed(1)}`);
    svg.append(draw("polyline", { class: `curve ${kind}`, points: points.join(" ") }));
  }
  svg.append(draw("line", { class: "threshold", y1: TOP, y2: height - BOTTOM }));
}

function show(measured, threshold) {
  const { curves } = measured;
  by("measuring").hidden = true;
  by("measured").hidden = false;
  drawScores(curves);
  drawRates(curves);
  const slider = by("slider");
  slider.max = curves.thresholds.length - 1;
  const nearest = curves.thresholds.findIndex((each) => each >= threshold);
  slider.value = nearest < 0 ? curves.thresholds.length - 1 : nearest;
  const move = () => {
    const row = Number(slider.value);
    const at = curves.thresholds[row];
    document.querySelectorAll(".plot .threshold").forEach((line) => {
      line.setAttribute("x1", axis(curves)(at));
      line.setAttribute("x2", axis(curves)(at));
    });
    by("slider-value").textContent = at.toFixed(3);
    slider.setAttribute("aria-valuetext", `${at.toFixed(3)}: FPIR ${percent(curves.fpir[row])}, FNIR ${percent(curves.fnir[row])}`);
    by("worth").textContent = `Of 1,000 strangers, ${(curves.fpir[row] * 1000).toPrecision(2)} would get a name; of 1,000 photos of known people, ${Math.round(curves.fnir[row] * 1000)} would not get theirs.`;
  };
  slider.addEventListener("input", move);
  move();
  by("use")?.addEventListener("click", () => change("POST", { fpir: Math.min(Math.max(curves.fpir[Number(slider.value)], 1e-6), 0.999) }));
}

async function change(method, json) {
  try {
    await call(method, "/v1/calibration", { json });
    location.reload();
  } catch (error) {
    showProblem(by("problem"), error);
  }
}

if (by("measured")) {
  by("forget")?.addEventListener("click", () => change("DELETE"));
  call("POST", "/v1/calibration/measure", { json: { fpir: 0.01 } }).then(
    (measured) => show(measured, Number(by("threshold-now").textContent)),
    (error) => {
      by("measuring").hidden = true;
      by("problem").className = "notice";
      showProblem(by("problem"), error);
    },
  );
}
