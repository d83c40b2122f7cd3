// Addresses that are told of runs: add, test, remove.

import { acting, call, element, ready, speak } from "./api.js";
import { moment, t } from "./messages.js";

const by = (id) => document.getElementById(id);

by("add-form")?.addEventListener("submit", (event) => {
  event.preventDefault();
  acting(async () => {
    await call("POST", "/v1/webhooks", { json: { url: by("url").value.trim() } });
    location.reload();
  });
});

function tell(row, { tried_at: at, problem }) {
  const word = problem ? t("not taken") : t("taken");
  row.querySelector("[data-last]").replaceChildren(`${moment(at)} · `,
    element("span", { class: `badge ${problem ? "ambiguous" : "match"}` }, word), " ",
    problem ? element("span", { class: "small" }, problem) : "");
  speak(problem ?? word);
}

document.querySelectorAll("tr[data-id]").forEach((row) => {
  const path = `/v1/webhooks/${row.dataset.id}`;
  const test = row.querySelector("[data-test]");
  test.addEventListener("click", () => acting(async () => {
    test.disabled = true;
    try {
      tell(row, await call("POST", `${path}/test`));
    } finally {
      test.disabled = false;
    }
  }));
  row.querySelector("[data-remove]").addEventListener("click", () => acting(async () => {
    if (!confirm(t("Tell {url} no more?", { url: row.dataset.url }))) return;
    await call("DELETE", path);
    location.reload();
  }));
});

ready(import.meta.url);
