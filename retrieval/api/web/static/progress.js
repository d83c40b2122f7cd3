// The card that shows an upload: how far it is, what was not taken and why, stop and go on.

import { element, showProblem, speak } from "./api.js";
import { n, number, t } from "./messages.js";
import { rejectedLine, rejectedTold } from "./rejected.js";
import { megabytes } from "./sending.js";

export function progressCard(place, { finished, closed }) {
  const bar = element("progress", { class: "progress", max: 1, value: 0, "aria-label": t("Photos that are in") });
  const done = element("strong", { class: "number" });
  const rest = element("span", { class: "soft small number" });
  const stop = element("button", { class: "button small", type: "button" }, t("Stop"));
  const goOn = element("button", { class: "button small primary", type: "button", hidden: true }, t("Go on"));
  const close = element("button", { class: "button small quiet", type: "button", hidden: true }, t("Close"));
  const problem = element("p", { class: "notice bad", role: "alert", hidden: true });
  const rejects = element("ul", { class: "rejects small" });
  const folded = element("details", { hidden: true }, element("summary", {}), rejects);
  const card = element("section", { class: "card stack upload", "aria-label": t("Adding photos") },
    element("div", { class: "row spread wrap" }, element("div", {}, done, " ", rest), element("div", { class: "actions" }, stop, goOn, close)),
    bar, problem, folded);
  place.replaceChildren(card);
  let upload = null;
  let began = 0;
  let before = 0;
  stop.addEventListener("click", () => upload.stop());
  goOn.addEventListener("click", () => upload.goOn());
  close.addEventListener("click", () => { place.hidden = true; closed(); });

  function remaining() {
    const seconds = (performance.now() - began) / 1000;
    const pace = (upload.sent - before) / seconds;
    if (!upload.running || pace <= 0 || seconds < 3) return "";
    const left = (upload.bytes - upload.sent) / pace;
    return left < 90 ? n("about {count} second left", "about {count} seconds left", Math.ceil(left)) : n("about {count} minute left", "about {count} minutes left", Math.ceil(left / 60));
  }

  function show(current) {
    if (upload !== current) {
      [upload, began, before] = [current, performance.now(), current.sent];
      rejects.replaceChildren();
    }
    const wasAt = [stop, goOn].includes(document.activeElement);
    bar.max = Math.max(upload.bytes, 1);
    bar.value = upload.sent;
    done.textContent = t("{done} of {total} photos", { done: number(upload.done), total: number(upload.total) });
    const told = [upload.finished ? "" : t("{much} sent", { much: megabytes(upload.sent, upload.bytes) }), remaining()];
    if (upload.known) told.push(n("{count} was here before", "{count} were here before", upload.known));
    rest.textContent = told.filter(Boolean).join(" · ");
    stop.hidden = !upload.running;
    goOn.hidden = upload.running || !upload.waiting.length;
    problem.hidden = true;
    if (upload.problem) showProblem(problem, upload.problem);
    folded.hidden = !upload.rejected.length;
    folded.querySelector("summary").textContent = rejectedTold(upload.rejected.length);
    rejects.append(...upload.rejected.slice(rejects.childElementCount).map(rejectedLine));
    close.hidden = !upload.finished;
    bar.hidden = upload.finished;
    if (wasAt) [stop, goOn, close].find((button) => !button.hidden)?.focus();
    if (upload.finished) {
      speak(n("{count} photo is in", "{count} photos are in", upload.done));
      finished(upload);
    }
  }
  return { show };
}
