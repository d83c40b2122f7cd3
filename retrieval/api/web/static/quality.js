// How strict answers shall be, what that is worth, and the plots and numbers behind it.

import { acting, call, element, mayEdit, pageOf, ready, showProblem } from "./api.js";
import { decimal, list, n, number as counted, percent, t } from "./messages.js";
import { whenReleased } from "./pressing.js";

const by = (id) => document.getElementById(id);
const LEFT = 64, RIGHT = 10, TOP = 12, BOTTOM = 30, WIDTH = 720, HEIGHT = 300;
const LEAST_RATE = 1e-4; // rates are shown on a logarithmic axis from here

function draw(tag, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

const TABLE_ROWS = 25;
const MOST_STRANGERS = 0.5; // of strangers named: from here on most of them would be

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
    parts.push(draw("text", { x: x(at), y: height - 8, "text-anchor": tick === 0 ? "start" : tick === 5 ? "end" : "middle" }, decimal(at, 2)));
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
    const points = curves.thresholds.map((threshold, row) => `${Math.round(x(threshold) * 10) / 10},${Math.round(y(curves[kind][row]) * 10) / 10}`);
    svg.append(draw("polyline", { class: `curve ${kind}`, points: points.join(" ") }));
  }
  svg.append(draw("line", { class: "threshold", y1: TOP, y2: height - BOTTOM }));
}

// The row of the least likeness at which no more strangers than that get a name.
function rowFor(curves, fpir) {
  const row = curves.fpir.findIndex((each) => each <= fpir);
  return row < 0 ? curves.fpir.length - 1 : row;
}

function worth(curves, row) {
  const rate = curves.fpir[row] * 1000;
  const strangers = rate < 1 ? Number(rate.toPrecision(1)) : Math.round(rate);
  return t("Of 1,000 strangers {strangers} would get a name; of 1,000 photos of people of ours {missed} would get none.", { strangers: counted(strangers), missed: counted(Math.round(curves.fnir[row] * 1000)) });
}

function fillTable(curves) {
  const step = Math.max(Math.ceil(curves.thresholds.length / TABLE_ROWS), 1);
  const cell = (text) => element("td", { class: "number" }, text);
  const rows = curves.thresholds.flatMap((at, row) => (row % step ? [] : [element("tr", {}, cell(decimal(at)), cell(percent(curves.fpir[row])), cell(percent(curves.fnir[row])))]));
  by("rates-table").querySelector("tbody").replaceChildren(...rows);
}

function show(measured, threshold) {
  const { curves } = measured;
  by("measuring").hidden = true;
  by("measured").hidden = false;
  drawScores(curves);
  drawRates(curves);
  fillTable(curves);
  const slider = by("slider");
  slider.max = curves.thresholds.length - 1;
  const nearest = curves.thresholds.findIndex((each) => each >= threshold);
  slider.value = nearest < 0 ? curves.thresholds.length - 1 : nearest;
  document.querySelectorAll("[data-worth]").forEach((place) => { place.textContent = worth(curves, rowFor(curves, Number(place.dataset.worth))); });
  const chosen = () => {
    const { value } = document.querySelector('input[name="stance"]:checked');
    return value === "own" ? Number(slider.value) : rowFor(curves, Number(value));
  };
  const move = () => {
    const own = by("own").checked;
    const row = chosen();
    const at = curves.thresholds[row];
    by("own-field").hidden = !own;
    document.querySelectorAll(".plot .threshold").forEach((line) => {
      line.setAttribute("x1", axis(curves)(at));
      line.setAttribute("x2", axis(curves)(at));
    });
    by("slider-value").textContent = decimal(at);
    slider.setAttribute("aria-valuetext", worth(curves, row));
    by("worth").textContent = own ? worth(curves, row) : "";
    by("warning").hidden = curves.fpir[row] < MOST_STRANGERS;
    by("warning").textContent = t("With that likeness most strangers would get somebody’s name. Choose a higher one.");
    if (by("use")) by("use").disabled = curves.fpir[row] >= MOST_STRANGERS;
  };
  slider.addEventListener("input", move);
  document.querySelectorAll('input[name="stance"]').forEach((input) => input.addEventListener("change", move));
  move();
  by("use")?.addEventListener("click", () => {
    const { value } = document.querySelector('input[name="stance"]:checked');
    const fpir = value === "own" ? curves.fpir[chosen()] : Number(value);
    change("POST", { fpir: Math.min(Math.max(fpir, 1e-6), 0.999) });
  });
}

const change = (method, json) => acting(async () => {
  await call(method, "/v1/calibration", { json });
  location.reload();
});

if (by("measured")) {
  by("forget")?.addEventListener("click", () => change("DELETE"));
  call("POST", "/v1/calibration/measure", { json: { fpir: 0.01 } }).then(
    (measured) => whenReleased(() => show(measured, Number(by("threshold-now").dataset.value))),
    (error) => {
      by("measuring").hidden = true;
      by("problem").className = "notice";
      showProblem(by("problem"), error);
    },
  );
}

// Health

const SHOWN = 12; // of each kind; the document of the API has all

function section(title, remark, rows, all = null) {
  if (!rows.length) return null;
  const left = n("and {count} more", "and {count} more", rows.length - SHOWN);
  const more = rows.length > SHOWN ? [element("p", { class: "small soft" }, all ? element("a", { href: pageOf("/people", { photos: all }) }, left) : left)] : [];
  return element("section", {}, element("h3", {}, `${title} (${rows.length})`), element("p", { class: "small soft" }, remark),
    element("ul", {}, ...rows.slice(0, SHOWN)), ...more);
}

const row = (...parts) => element("li", { class: "row finding" }, ...parts);
const words = (...parts) => element("span", { class: "grow" }, ...parts);

// What somebody must look at is decided on a page of its own, faces side by side.
function toDecide(report) {
  const count = report.findings.length;
  if (!count) return null;
  const told = n("{count} finding waits for a decision", "{count} findings wait for a decision", count);
  return element("p", {}, mayEdit ? element("a", { href: pageOf("/findings") }, told) : told);
}

function showHealth(report) {
  by("examining").hidden = true;
  const person = (name) => element("a", { href: pageOf("/people", { search: name }) }, name);
  const sections = [
    toDecide(report),
    section(t("Hard to tell apart"), t("Answers about these people may be ambiguous."), report.look_alikes.map((found) =>
      row(words(list([found.person, found.other])), element("span", { class: "number soft" }, percent(found.share))))),
    section(t("Few photos"), t("Three and more make answers surer."), report.few_photos.map((found) =>
      row(words(person(found.person)), element("span", { class: "number soft" }, n("{count} photo", "{count} photos", found.photos)))), "few"),
    section(t("Only small faces"), t("Larger photos make answers surer."), report.poor_photos.map((name) => row(words(person(name)))), "poor"),
  ].filter(Boolean);
  const rest = report.not_compared.map((what) => element("p", { class: "small soft" }, t("Not compared: {what}.", { what })));
  by("health").replaceChildren(...(sections.length ? sections :
    [element("p", {}, t("Nothing found in {faces} photos of {people} people.", { faces: counted(report.faces), people: counted(report.people) }))]), ...rest);
}

if (by("health")) {
  call("GET", "/v1/health").then((report) => whenReleased(() => showHealth(report)), (error) => {
    by("examining").hidden = true;
    showProblem(by("health-problem"), error);
  });
}

ready(import.meta.url);
