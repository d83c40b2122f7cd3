// One run, live: server-sent events move the bar and the figures.

import { address, call, element, ready, showProblem, speak } from "./api.js";
import { t } from "./messages.js";

const by = (id) => document.getElementById(id);
const { id, state } = by("run").dataset;
const number = new Intl.NumberFormat("en");
const began = performance.now();
let doneAtFirst = null;

function show(run) {
  const { counts } = run;
  const done = counts.found - counts.queued;
  doneAtFirst ??= done;
  const rejected = Object.values(counts.rejected).reduce((sum, count) => sum + count, 0);
  by("state").textContent = run.state;
  by("state").className = `badge ${run.state}`;
  by("progress").max = Math.max(counts.found, 1);
  by("progress").value = done;
  by("done").textContent = `${number.format(done)} of ${number.format(counts.found)} photos`;
  by("rate").textContent = run.state === "working" ? rate(done, counts.queued) : "";
  const figures = { Enrolled: counts.enrolled, "Known before": counts.duplicates, "Not taken": rejected, Failed: counts.failed };
  by("figures").replaceChildren(...Object.entries(figures).map(([name, count]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, number.format(count)))));
}

function rate(done, queued) {
  const seconds = (performance.now() - began) / 1000;
  const aSecond = (done - doneAtFirst) / seconds;
  if (aSecond <= 0) return t("waiting for a worker");
  return `${aSecond.toFixed(1)} a second, ${Math.ceil(queued / aSecond)} s left`;
}

async function act(what) {
  try {
    await call("POST", `/v1/runs/${id}/${what}`);
    location.reload();
  } catch (error) {
    showProblem(by("problem"), error);
  }
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
    speak(`The run is ${run.state}`);
    if (Object.keys(run.counts.rejected).length || run.counts.failed) location.reload();
    else by("cancel")?.setAttribute("hidden", "");
  });
} else {
  call("GET", `/v1/runs/${id}`).then(show, (error) => showProblem(by("problem"), error));
}

ready(import.meta.url);
