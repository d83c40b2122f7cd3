// A large file on its way: how much of it is sent, a button that stops it, and what remains where the line breaks.

import { call, element, showProblem } from "./api.js";
import { decimal, t } from "./messages.js";

const MB = 1e6;
const UNANSWERED = new Set(["unreachable", "still-answering"]); // it may be sent again
const sendings = new Set();

addEventListener("beforeunload", (event) => { if (sendings.size) event.preventDefault(); }); // else it is sent in vain

// "3.4 of 12.0 MB": small files by tenths.
export function megabytes(sent, total) {
  const digits = total < 100 * MB ? 1 : 0;
  return t("{sent} of {total} MB", { sent: decimal(sent / MB, digits), total: decimal(total / MB, digits) });
}

// The answer to a form; null where somebody stopped it. What the service refuses is thrown.
export async function sendFile(place, { path, form, name }) {
  const bar = element("progress", { class: "progress", "aria-label": name });
  const told = element("span", { class: "soft small number" });
  const problem = element("p", { class: "notice bad", role: "alert", hidden: true });
  const stop = element("button", { class: "button small", type: "button" }, t("Stop"));
  const again = element("button", { class: "button small primary", type: "button", hidden: true }, t("Send it again"));
  const card = element("section", { class: "card stack upload", "aria-label": t("Sending {name}", { name }) },
    element("div", { class: "row spread wrap" }, element("div", { class: "grow" }, element("strong", {}, name), " ", told), element("div", { class: "actions" }, again, stop)), bar, problem);
  place.append(card);
  place.hidden = false;
  sendings.add(card);
  const bytes = [...form.values()].reduce((sum, value) => sum + (value.size ?? 0), 0);
  const headers = { "Idempotency-Key": crypto.randomUUID?.() ?? `${Date.now()} ${Math.random()}` }; // sent twice, it is done once
  try {
    for (;;) {
      const controller = new AbortController();
      const whole = { sent: 0, total: bytes };
      stop.onclick = () => controller.abort();
      bar.hidden = false;
      const progress = (sent, total) => {
        Object.assign(whole, { sent, total });
        Object.assign(bar, { max: total, value: sent });
        told.textContent = sent < total ? megabytes(sent, total) : t("is sent and being read …");
        stop.hidden = sent === total;
        if (sent === total) bar.removeAttribute("value");
      };
      try {
        return await call("POST", path, { form, headers, progress, signal: controller.signal });
      } catch (error) {
        if (error.name === "AbortError") return null;
        if (!UNANSWERED.has(error.document?.code)) throw error;
        const missing = whole.sent < whole.total ? t("The connection broke after {much}. It has to be sent from the beginning.", { much: megabytes(whole.sent, whole.total) })
          : t("It is sent, but the connection broke before the answer. Sent again, it is done once.");
        showProblem(problem, new Error(missing));
        told.textContent = "";
        bar.hidden = true;
        stop.hidden = again.hidden = false;
        again.focus();
        const goesOn = await new Promise((done) => {
          again.onclick = () => done(true);
          stop.onclick = () => done(false);
        });
        if (!goesOn) return null;
        again.hidden = problem.hidden = true;
      }
    }
  } finally {
    sendings.delete(card);
    card.remove();
    place.hidden = !place.childElementCount;
  }
}
