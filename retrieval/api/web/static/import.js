// A staff list: what it was understood as, what it would change, and then doing it.

import { call, collection, element, pageOf, ready, showProblem, speak } from "./api.js";
import { list, n, number, t } from "./messages.js";
import { whenReleased } from "./pressing.js";
import { sendFile } from "./sending.js";

const by = (id) => document.getElementById(id);
const SHOWN = 200; // rows of a part; the rest is counted
const EVERY_MS = 1500;
const DOING = `list-being-applied ${collection}`; // kept should the page be left meanwhile
const IS_LIST = /\.(xlsx|xlsm|csv|tsv|txt)$/i;

const chosen = { file: null, photos: null };
let seen = null;

const pause = () => new Promise((done) => setTimeout(done, EVERY_MS));

// Tell how many of a list's photos are in by now, until all are or `ended` says so.
async function follow({ photos, before }, ended, tell) {
  for (;;) {
    const found = await call("GET", "/v1/collections").catch(() => null);
    if (ended()) return;
    const own = found?.collections.find((each) => each.collection === collection);
    const done = Math.min(Math.max((own?.faces ?? 0) - before, 0), photos);
    if (own) tell(done);
    if (done === photos) return;
    await pause();
  }
}

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
  by("look").disabled = true;
  const { file, photos } = chosen;
  try {
    const plan = await sendFile(by("sending"), { path: "/v1/staff-lists", form, name: [file, photos].filter(Boolean).map((each) => each.name).join(", ") });
    if (plan === null) return;
    if (file !== chosen.file || photos !== chosen.photos) return; // others were chosen meanwhile
    seen = plan;
    whenReleased(() => show(plan));
  } catch (error) {
    showProblem(by("problem"), error);
  } finally {
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
  let ended = false;
  try {
    const own = (await call("GET", "/v1/collections")).collections.find((each) => each.collection === collection);
    const leaving = json.leavers ? seen.leavers.reduce((sum, each) => sum + each.photos, 0) : 0;
    const doing = { name: seen.source, photos: seen.photos, before: (own?.faces ?? 0) - leaving };
    sessionStorage.setItem(DOING, JSON.stringify(doing));
    if (doing.photos) {
      Object.assign(by("in"), { hidden: false, max: doing.photos, value: 0 });
      follow(doing, () => ended, (count) => {
        by("in").value = count;
        by("working-text").textContent = t("{done} of {found} photos", { done: number(count), found: number(doing.photos) });
      });
    }
    const answer = await call("POST", `/v1/staff-lists/${seen.id}/apply`, { json });
    if (answer.run) sessionStorage.setItem(DOING, JSON.stringify({ name: seen.source, run: answer.run }));
    else sessionStorage.removeItem(DOING);
    whenReleased(() => done(answer));
  } catch (error) {
    if (error.document?.code !== "unreachable") sessionStorage.removeItem(DOING); // else it may go on
    showProblem(by("apply-problem"), error);
    by("apply").disabled = false;
  } finally {
    ended = true;
    by("working").hidden = true;
    by("in").hidden = true;
  }
});

// A list that was being applied when the page was left: the service does it to its end.
function tellLeft({ name, run, photos, before }) {
  by("left").hidden = false;
  if (run) {
    by("left-text").textContent = t("The photos of {name} are enrolled as bulk work.", { name });
    by("left-run").href = pageOf(`/runs/${run}`);
    by("left-run").hidden = false;
    return;
  }
  const told = t("{name} was being applied when this page was left, and is done to its end. Sent again, a list does only what is still to do.", { name });
  by("left-text").textContent = told;
  if (!photos) return;
  follow({ photos, before }, () => by("left").hidden, (done) => {
    by("left-text").textContent = `${told} ${t("{done} of {found} photos", { done: number(done), found: number(photos) })}`;
  });
}

by("left-close").addEventListener("click", () => {
  sessionStorage.removeItem(DOING);
  by("left").hidden = true;
});
const left = sessionStorage.getItem(DOING);
if (left) tellLeft(JSON.parse(left));

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
