// "Copy as curl / Python": how to get by program what a page shows.

import { collection, copied, element } from "./api.js";
import { t } from "./messages.js";

const quoted = (text) => `'${String(text).replaceAll("'", "'\\''")}'`;

// A file of a form as curl reads it: a name in quotes may hold anything.
const attached = (file) => quoted(`photos=@"${file.replace(/["\\]/g, "\\$&")}"`);

function curl({ method, path, parameters, files }) {
  const query = new URLSearchParams({ collection, ...parameters });
  const parts = [`curl -sS "$ROLLCALL${path}?${query}"`, `-H "Authorization: Bearer $KEY"`];
  if (method !== "GET" && !files) parts.push(`-X ${method}`);
  for (const file of files ?? []) parts.push(`-F ${attached(file)}`);
  return `ROLLCALL=${location.origin}\nKEY=${t("your key")}\n${parts.join(" \\\n  ")}`;
}

function python({ method, path, parameters, files }) {
  const given = [`params=${JSON.stringify({ collection, ...parameters })}`, "headers=headers"];
  if (files) given.push(`files=[("photos", open(name, "rb")) for name in ${JSON.stringify(files)}]`);
  return `import httpx\n\nheaders = {"Authorization": "Bearer ${t("your key")}"}\nanswer = httpx.${method.toLowerCase()}(\n    "${location.origin}${path}",\n    ${given.join(",\n    ")},\n)\nprint(answer.raise_for_status().json())`;
}

let dialog = null;

export function showCode(request) {
  if (!dialog) {
    dialog = element("dialog", { class: "wide", id: "code-dialog", "aria-labelledby": "code-title" });
    document.body.append(dialog);
  }
  const block = (name, text) => element("section", {},
    element("div", { class: "row spread" }, element("h3", {}, name),
      element("button", { class: "button small", type: "button", onclick: () => copied(text) }, t("Copy as {name}", { name }))),
    element("pre", { tabindex: "0" }, element("code", {}, text)));
  dialog.replaceChildren(element("div", { class: "body" },
    element("h2", { id: "code-title" }, t("The same by program")),
    block("curl", curl(request)), block("Python", python(request)),
    element("div", { class: "actions" }, element("button", { class: "button primary", type: "button", onclick: () => dialog.close() }, t("Close")))));
  dialog.showModal();
}
