// One run, live: server-sent events move the bar and the figures.

import { address, call, element, ready, showProblem, speak } from "./api.js";
import { decimal, n, number, t } from "./messages.js";
import { renewed } from "./redrawing.js";

const by = (id) => document.getElementById(id);
const { id, state } = by("run").dataset;
const STATES = { working: t("working"), finished: t("finished"), cancelled: t("stopped"), failed: t("failed") };
const began = performance.now();
let doneAtFirst = null;

function show(run) {
  const { counts } = run;
  const done = counts.found - counts.queued;
  doneAtFirst ??= done;
  const rejected = Object.values(counts.rejected).reduce((sum, count) => sum + count, 0);
  by("state").textContent = STATES[run.state] ?? run.state;
  by("state").className = `badge ${run.state}`;
  by("progress").max = Math.max(counts.found, 1);
  by("progress").value = done;
  by("done").textContent = t("{done} of {found} photos", { done: number(done), found: number(counts.found) });
  by("rate").textContent = run.state === "working" ? rate(done, counts.queued) : "";
  const figures = { [t("Enrolled")]: counts.enrolled, [t("Known before")]: counts.duplicates, [t("Not taken")]: rejected, [t("Failed")]: counts.failed };
  if (!by("figures").childElementCount) by("figures").append(...Object.keys(figures).map((name) => element("div", {}, element("dt", {}, name), element("dd"))));
  Object.values(figures).forEach((count, row) => { by("figures").children[row].lastChild.textContent = number(count); });
}

function rate(done, queued) {
  const seconds = (performance.now() - began) / 1000;
  const aSecond = (done - doneAtFirst) / seconds;
  if (aSecond <= 0) return t("waiting for a worker");
  return n("{rate} photos per second, {count} second left", "{rate} photos per second, {count} seconds left", Math.ceil(queued / aSecond), { rate: decimal(aSecond, 1) });
}

async function act(what) {
  try {
    await call("POST", `/v1/runs/${id}/${what}`);
    location.reload();
  } catch (error) {
    showProblem(by("problem"), error);
  }
}

// What the service shows of a run that has ended: photos that were not taken, and whether it can go on.
async function ended() {
  const wasAt = document.activeElement === by("cancel");
  await renewed("rejects", "cancel", "retry").catch((error) => showProblem(by("problem"), error));
  if (wasAt && by("cancel").hidden) (by("retry").hidden ? by("run-name") : by("retry")).focus();
}

by("cancel")?.addEventListener("click", () => act("cancel"));
by("retry")?.addEventListener("click", () => act("retry"));

if (state === "working") {
  const events = new EventSource(address(`/v1/runs/${id}/events`));
  events.addEventListener("message", (event) => {
    const run = JSON.parse(event.data);
    show(run);
    if (run.state === "working") return;
    events.close();
    speak(STATES[run.state] ?? run.state);
    ended();
  });
} else {
  call("GET", `/v1/runs/${id}`).then(show, (error) => showProblem(by("problem"), error));
}

ready(import.meta.url);
