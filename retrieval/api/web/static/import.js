// A staff list: what it was understood as, what it would change, and then doing it.

import { call, element, pageOf, ready, showProblem, speak } from "./api.js";
import { list, n, number, t } from "./messages.js";

const by = (id) => document.getElementById(id);
const SHOWN = 200; // rows of a part; the rest is counted
const IS_LIST = /\.(xlsx|xlsm|csv|tsv|txt)$/i;

const chosen = { file: null, photos: null };
let seen = null;

function choose(what, file) {
  chosen[what] = file;
  by(`${what}-name`).textContent = file.name;
  by("look").disabled = chosen.file === null;
  by("preview").hidden = true;
}

for (const what of ["file", "photos"]) {
  by(what).addEventListener("change", (event) => { if (event.target.files[0]) choose(what, event.target.files[0]); });
}
// A list and a ZIP are told apart by their names, wherever they are dropped.
document.body.addEventListener("dragover", (event) => event.preventDefault());
document.body.addEventListener("drop", (event) => {
  event.preventDefault();
  for (const file of event.dataTransfer.files) choose(IS_LIST.test(file.name) ? "file" : "photos", file);
});

by("list-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData();
  form.append("file", chosen.file, chosen.file.name);
  if (chosen.photos) form.append("photos", chosen.photos, chosen.photos.name);
  by("problem").hidden = true;
  by("reading").hidden = false;
  by("look").disabled = true;
  try {
    seen = await call("POST", "/v1/staff-lists", { form });
    show(seen);
  } catch (error) {
    showProblem(by("problem"), error);
  } finally {
    by("reading").hidden = true;
    by("look").disabled = false;
  }
});

const FIELDS = { person: t("name"), external_id: t("employee number"), photo: t("photo"), face: t("face") };
const called = (each) => (each.external_id ? `${each.person} (${each.external_id})` : each.person);
const photosOf = (count) => n("{count} photo", "{count} photos", count);

function part(title, rows, cells, open = true) {
  if (!rows.length) return null;
  const body = element("tbody", {}, ...rows.slice(0, SHOWN).map((row) => element("tr", {}, ...cells(row).map((cell) => element("td", {}, cell)))));
  return element("details", { open }, element("summary", {}, element("strong", {}, title)),
    element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": title }, element("table", { class: "table" }, body)),
    rows.length > SHOWN ? element("p", { class: "small soft" }, t("and {count} more", { count: number(rows.length - SHOWN) })) : null);
}

function show(plan) {
  by("preview-title").textContent = t("{listed} people in the list, {enrolled} enrolled", { listed: number(plan.listed), enrolled: number(plan.enrolled_before) });
  const columns = Object.entries(plan.understood.columns).map(([field, names]) => `${FIELDS[field] ?? field}: ${list(names)}`);
  const ignored = [...plan.understood.ignored, ...plan.understood.repeated];
  by("understood").textContent = `${t("Columns as they were understood:")} ${columns.join("; ")}${ignored.length ? `. ${t("Not used: {names}", { names: list(ignored) })}` : ""}`;
  const again = new Set(plan.deleted_before);
  by("parts").replaceChildren(...[
    again.size ? element("p", { class: "notice bad" }, t("Deleted before: {names}. Enrol them only if they may be enrolled again.", { names: list([...again]) })) : null,
    part(n("{count} joins", "{count} join", plan.joiners.length), plan.joiners, (each) => [called(each), photosOf(each.photos)]),
    part(n("{count} is renamed", "{count} are renamed", plan.renamed.length), plan.renamed, (each) => [called(each), `→ ${each.now}`]),
    part(n("{count} gets a number", "{count} get a number", plan.numbered.length), plan.numbered, (each) => [each.person, `→ ${each.now}`]),
    part(n("{count} gets new photos", "{count} get new photos", plan.new_photos.length), plan.new_photos, (each) => [each.person, photosOf(each.photos)]),
    part(n("{count} row or photo cannot be used", "{count} rows and photos cannot be used", plan.rejected.length), plan.rejected, (each) => [each.person || each.photo, each.message]),
    part(n("{count} is not in the list, and stays", "{count} are not in the list, and stay", plan.leavers.length), plan.leavers, (each) => [called(each), photosOf(each.photos)], false),
  ].filter(Boolean));
  if (by("leavers")) {
    by("leavers").checked = false;
    by("leavers-field").hidden = !plan.leavers.length;
    by("leavers-label").textContent = n("Delete {count} person who is not in the list, for good", "Delete {count} people who are not in the list, for good", plan.leavers.length);
  }
  if (!plan.changes) by("parts").prepend(element("p", { class: "notice" }, t("Nothing to do: everybody is as the list has it.")));
  by("apply-problem").hidden = true;
  by("apply").disabled = !plan.changes;
  by("preview").hidden = false;
  by("preview").focus();
  speak(by("preview-title").textContent);
}

by("leavers")?.addEventListener("change", () => {
  by("apply").classList.toggle("danger", by("leavers").checked);
  by("apply").disabled = !seen.changes && !by("leavers").checked;
});

by("apply").addEventListener("click", async () => {
  const json = { digest: seen.digest, leavers: by("leavers")?.checked ? seen.leavers.length : null };
  by("apply").disabled = true;
  by("working").hidden = false;
  by("apply-problem").hidden = true;
  try {
    done(await call("POST", `/v1/staff-lists/${seen.id}/apply`, { json }));
  } catch (error) {
    showProblem(by("apply-problem"), error);
    by("apply").disabled = false;
  } finally {
    by("working").hidden = true;
  }
});

function done({ edits, receipts, run, report }) {
  const lines = [
    edits.length ? n("{count} name or number changed", "{count} names and numbers changed", edits.length) : null,
    report ? n("{count} photo enrolled", "{count} photos enrolled", report.enrolled) : null,
    report?.rejected.length ? n("{count} photo not taken", "{count} photos not taken", report.rejected.length) : null,
    run ? n("{count} photo is being enrolled", "{count} photos are being enrolled", seen.photos) : null,
  ].filter(Boolean).map((line) => element("li", {}, line));
  for (const each of receipts) {
    lines.push(element("li", {}, `${t("Deleted:")} `, element("a", { href: pageOf(`/receipts/${each.receipt}`) }, seen.leavers.find((person) => person.id === each.person_id)?.person ?? t("Receipt"))));
  }
  for (const one of report?.rejected ?? []) lines.push(element("li", { class: "small bad" }, one.message));
  by("done-list").replaceChildren(...lines);
  by("done-run").hidden = !run;
  if (run) by("done-run").href = pageOf(`/runs/${run}`);
  for (const id of ["list-form", "preview"]) by(id).hidden = true;
  by("done").hidden = false;
  by("done").focus();
  speak(by("done-title").textContent);
}

ready(import.meta.url);
