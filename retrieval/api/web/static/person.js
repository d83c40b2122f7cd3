// One person: add, move and remove photos, rename, merge with preview, delete with receipt.

import { address, call, droppable, element, mayEdit, pageOf, portrait, ready, rememberUndo, showProblem } from "./api.js";
import { decimal, moment, n, number, t } from "./messages.js";
import { whenReleased } from "./pressing.js";
import { enrolAsking } from "./whichface.js";
import { askWho } from "./who.js";

const by = (id) => document.getElementById(id);
const { id, name, number: ownNumber } = by("person").dataset;
const ownFace = by("person").dataset.cover;

function tellProblem(error) {
  const place = element("div", { class: "notice bad", role: "alert" });
  showProblem(place, error);
  by("told").replaceChildren(place);
}

// Photos

async function add(files) {
  try {
    sessionStorage.setItem("told", JSON.stringify(await enrolAsking({}, files, { path: `/v1/people/${id}/photos`, whose: name })));
    location.reload();
  } catch (error) {
    tellProblem(error);
  }
}

if (mayEdit) {
  droppable(document.body, add);
  by("files").addEventListener("change", (event) => add([...event.target.files]));
}

const told = JSON.parse(sessionStorage.getItem("told") ?? "null");
sessionStorage.removeItem("told");
if (told && String(told.id) === id && told.rejected.length) {
  by("told").replaceChildren(element("div", { class: "notice bad", role: "alert" },
    element("div", {}, element("strong", {}, t("{taken} taken, {rejected} not:", { taken: told.enrolled, rejected: told.rejected.length })),
      element("ul", {}, ...told.rejected.map((one) => element("li", {}, one.message))))));
}

const picked = () => [...document.querySelectorAll("input[name=face]:checked")].map((box) => Number(box.value));
function showPicked() {
  const count = picked().length;
  by("picked-bar").hidden = count === 0;
  if (by("cover")) by("cover").hidden = count !== 1;
  by("picked-count").textContent = n("{count} chosen", "{count} chosen", count);
}
if (by("faces-form")) {
  by("faces-form").addEventListener("change", showPicked);
  showPicked(); // boxes that were ticked before this script came, or are remembered by the browser
}

by("cover")?.addEventListener("click", async () => {
  try {
    await call("PATCH", `/v1/people/${id}`, { parameters: { called: name }, json: { cover: picked()[0] } });
    location.reload();
  } catch (error) {
    tellProblem(error);
  }
});

by("remove")?.addEventListener("click", async () => {
  const faces = picked();
  if (!confirm(n("Remove {count} photo for good? This cannot be undone.", "Remove {count} photos for good? This cannot be undone.", faces.length))) return;
  try {
    for (const face of faces) await call("DELETE", `/v1/people/${id}/photos/${face}`, { parameters: { called: name } });
    location.reload();
  } catch (error) {
    tellProblem(error);
  }
});

// Dialogs that end in an edit

function onSubmit(formId, act) {
  const form = by(formId);
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const problem = form.querySelector("[data-problem]");
    problem.hidden = true;
    try {
      await act();
    } catch (error) {
      showProblem(problem, error);
    }
  });
}

onSubmit("rename-form", async () => {
  const json = {};
  if (by("new-name").value.trim() !== name) json.person = by("new-name").value.trim();
  if (by("new-number").value.trim() !== ownNumber) json.external_id = by("new-number").value.trim();
  if (Object.keys(json).length) {
    rememberUndo(...(await call("PATCH", `/v1/people/${id}`, { parameters: { called: name }, json })).edits);
  }
  location.reload();
});

let into = null;
by("merge")?.addEventListener("click", async () => {
  const other = await askWho({ picture: portrait(name, ownFace, "small-picture"), title: t("Who is the same person?"), go: t("Compare"), except: Number(id), knownOnly: true });
  if (other !== null) await compare(other);
});

// Show both before they become one; the other one, {person_id, person, face}, keeps name and number.
async function compare(other) {
  into = other;
  by("merge-title").textContent = t("Merge {name} into {other}?", { name, other: into.person });
  by("merge-faces").replaceChildren(portrait(name, ownFace), portrait(into.person, into.face));
  by("merge-preview").hidden = true;
  by("merge-dialog").showModal();
  try {
    const preview = await call("GET", `/v1/people/${id}/merge-preview`, { parameters: { into_id: other.person_id } });
    if (into !== other) return; // somebody else was chosen meanwhile
    by("merge-preview").replaceChildren(element("p", { class: preview.unlike.length ? "notice bad" : "notice" }, preview.unlike.length
      ? n("{count} photo does not look like {other}.", "{count} photos do not look like {other}.", preview.unlike.length, { other: into.person })
      : t("All photos look like {other}.", { other: into.person })));
    by("merge-preview").hidden = false;
  } catch (error) {
    showProblem(by("merge-form").querySelector("[data-problem]"), error);
  }
}
onSubmit("merge-form", async () => {
  rememberUndo(await call("POST", "/v1/people/merge", { json: { person_id: Number(id), called: name, into_id: into.person_id, into_called: into.person } }));
  location.assign(pageOf(`/people/${into.person_id}`));
});

by("move")?.addEventListener("click", async () => {
  const faces = picked();
  const to = await askWho({ picture: portrait(name, faces[0], "small-picture"), title: t("Whose photos are these?"), go: t("Move"), except: Number(id), photosOnly: true });
  if (to === null) return;
  try {
    rememberUndo(to.isNew
      ? await call("POST", `/v1/people/${id}/split`, { json: { face_ids: faces, person: to.person, called: name } })
      : await call("POST", "/v1/people/move", { json: { face_ids: faces, person_id: Number(id), called: name, to_id: to.person_id, to_called: to.person } }));
    location.reload();
  } catch (error) {
    tellProblem(error);
  }
});

onSubmit("delete-form", async () => {
  const begun = await call("DELETE", `/v1/people/${id}`, { parameters: { called: name } });
  sessionStorage.removeItem("undo"); // nothing of theirs can be taken back
  by("delete-dialog").close();
  showReceipt(begun);
  by("receipt-dialog").addEventListener("close", () => location.assign(pageOf("/people")));
  by("receipt-dialog").showModal();
  await followReceipt(begun);
});

// The person is gone at once; files are searched for traces afterwards, which may take minutes.
async function followReceipt(receipt) {
  for (let wait = 250; receipt.state === "working"; wait = Math.min(wait * 1.5, 5000)) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    receipt = await call("GET", `/v1/receipts/${receipt.id}`);
    showReceipt(receipt);
  }
}

function showReceipt(receipt) {
  const done = receipt.state === "done";
  by("receipt-summary").textContent = done ? n("{count} face is gone.", "{count} faces are gone.", receipt.counts.faces) : t("Looking for what could be left. The receipt is kept, so you need not wait.");
  const files = Object.values(receipt.searched).reduce((sum, count) => sum + count, 0);
  const rows = {
    [t("Receipt")]: receipt.id,
    [t("Erased at")]: moment(receipt.erased_at),
    [t("Faces")]: number(receipt.counts.faces),
    [t("Photos")]: number(receipt.counts.photos),
    [t("Files searched")]: done ? number(files) : "…",
    [t("Traces")]: done ? receipt.traces.join(", ") || t("none") : "…",
  };
  by("receipt-list").replaceChildren(...Object.entries(rows).flatMap(([key, value]) => [element("dt", {}, key), element("dd", {}, String(value))]));
  by("receipt-page").href = pageOf(`/receipts/${receipt.id}`);
  by("receipt-file").hidden = !done;
  if (done) by("receipt-file").href = URL.createObjectURL(new Blob([JSON.stringify(receipt, null, 2)], { type: "application/json" }));
}

// Perhaps also: other people, and strangers, who resemble this person.

const LIKENESS = (sure) => (sure ? [t("likely"), "match"] : [t("not sure"), "ambiguous"]);

function resembling(picture, label, detail, { likeness, sure }, ...actions) {
  const [word, badge] = LIKENESS(sure);
  return element("li", { class: "row wrap spread" },
    element("span", { class: "row grow" }, element("span", { class: "row" }, portrait(name, ownFace, "small-picture"), picture),
      element("span", { class: "grow stack tight" }, element("strong", {}, label), element("span", { class: "small soft" }, detail))),
    element("span", { class: `badge ${badge}`, title: `${t("Likeness")} ${decimal(likeness)}` }, word),
    element("span", { class: "actions" }, ...actions));
}

const person = (each) => resembling(portrait(each.person, each.face_id, "small-picture"), each.person, each.external_id ?? t("enrolled"), each,
  element("a", { class: "button small", href: pageOf(`/people/${each.id}`) }, t("Open")),
  element("button", { class: "button small", onclick: () => compare({ person_id: each.id, person: each.person, face: each.face_id }) }, t("Compare")));

function stranger(each) {
  const picture = element("span", { class: "portrait small-picture", "aria-hidden": "true" }, "?");
  const image = element("img", { src: address(`/v1/unknowns/${each.group}/picture`, { optional: 1 }), alt: "" });
  image.addEventListener("error", () => image.remove());
  picture.append(image);
  const enrol = element("button", { class: "button small", onclick: async () => {
    try {
      const { edit } = await call("POST", `/v1/unknowns/${each.group}/name`, { json: { person_id: Number(id), called: name, face_ids: each.face_ids } });
      rememberUndo(edit);
      location.reload();
    } catch (error) {
      tellProblem(error);
    }
  } }, t("It is {name}", { name }));
  return resembling(picture, t("A stranger"), n("seen {count} time", "seen {count} times", each.faces), each, enrol);
}

if (by("alike")) {
  call("GET", `/v1/people/${id}/alike`).then(({ people, strangers }) => whenReleased(() => {
    by("alike-list").replaceChildren(...strangers.map(stranger), ...people.map(person));
    by("alike").hidden = !people.length && !strangers.length;
  }), tellProblem);
}

ready(import.meta.url);
