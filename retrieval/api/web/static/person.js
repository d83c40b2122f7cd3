// One person: add, move and remove photos, rename, merge with preview, delete with receipt.

import { call, droppable, element, mayEdit, pageOf, personCalled, portrait, ready, rememberUndo, showProblem, suggestNames } from "./api.js";

const by = (id) => document.getElementById(id);
const { id, name } = by("person").dataset;

// Photos

async function add(files) {
  const form = new FormData();
  files.forEach((file) => form.append("photos", file));
  try {
    sessionStorage.setItem("told", JSON.stringify(await call("POST", `/v1/people/${id}/photos`, { form })));
    location.reload();
  } catch (error) {
    const place = element("div", { class: "notice bad", role: "alert" });
    showProblem(place, error);
    by("told").replaceChildren(place);
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
    element("div", {}, element("strong", {}, `${told.enrolled} taken, ${told.rejected.length} not:`),
      element("ul", {}, ...told.rejected.map((one) => element("li", {}, one.message))))));
}

const picked = () => [...document.querySelectorAll("input[name=face]:checked")].map((box) => Number(box.value));
function showPicked() {
  const count = picked().length;
  by("picked-bar").hidden = count === 0;
  by("picked-count").textContent = `${count} chosen`;
}
if (by("faces-form")) {
  by("faces-form").addEventListener("change", showPicked);
  showPicked(); // boxes that were ticked before this script came, or are remembered by the browser
}

by("remove")?.addEventListener("click", async () => {
  const faces = picked();
  if (!confirm(`Remove ${faces.length} photo${faces.length === 1 ? "" : "s"} for good? This cannot be undone.`)) return;
  for (const face of faces) await call("DELETE", `/v1/people/${id}/photos/${face}`, { parameters: { called: name } });
  location.reload();
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
  await call("PATCH", `/v1/people/${id}`, { parameters: { called: name }, json: { person: by("new-name").value.trim() } });
  const { edits } = await call("GET", "/v1/edits", { parameters: { limit: 1 } });
  if (edits.length) rememberUndo(edits[0]);
  location.reload();
});

let into = null;
async function previewMerge(wanted) {
  const people = await suggestNames(by("merge-into"), by("names"));
  if (by("merge-into").value.trim() !== wanted) return; // somebody typed on meanwhile
  into = people.find((person) => person.person === wanted && String(person.id) !== id) ?? null;
  by("merge-go").disabled = into === null;
  by("merge-preview").hidden = into === null;
  if (into === null) return;
  const preview = await call("GET", `/v1/people/${id}/merge-preview`, { parameters: { into_id: into.id } });
  by("merge-preview").replaceChildren(
    element("p", { class: preview.unlike.length ? "notice bad" : "notice" }, `This ${preview.summary}.`),
    element("div", { class: "thumbs" }, ...preview.faces.slice(0, 12).map((face) => portrait(name, face))));
}
by("merge-into")?.addEventListener("input", (event) => {
  const problem = by("merge-form").querySelector("[data-problem]");
  problem.hidden = true;
  previewMerge(event.target.value.trim()).catch((error) => showProblem(problem, error));
});
onSubmit("merge-form", async () => {
  rememberUndo(await call("POST", "/v1/people/merge", { json: { person_id: Number(id), called: name, into_id: into.id, into_called: into.person } }));
  location.assign(pageOf(`/people/${into.id}`));
});

by("move-to")?.addEventListener("input", (event) => suggestNames(event.target, by("names")));
onSubmit("move-form", async () => {
  const wanted = by("move-to").value.trim();
  const to = await personCalled(wanted);
  const faces = picked();
  rememberUndo(to === null
    ? await call("POST", `/v1/people/${id}/split`, { json: { face_ids: faces, person: wanted, called: name } })
    : await call("POST", "/v1/people/move", { json: { face_ids: faces, person_id: Number(id), called: name, to_id: to.id, to_called: to.person } }));
  location.reload();
});

onSubmit("delete-form", async () => {
  const begun = await call("DELETE", `/v1/people/${id}`, { parameters: { called: name } });
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
  by("receipt-summary").textContent = done ? `${receipt.summary}.` : "Looking for what could be left. The receipt is kept, so you need not wait.";
  const files = Object.values(receipt.searched).reduce((sum, count) => sum + count, 0);
  const rows = {
    Receipt: receipt.id,
    "Erased at": new Date(receipt.erased_at).toLocaleString(),
    Faces: receipt.counts.faces,
    Photos: receipt.counts.photos,
    "Files searched": done ? files : "…",
    Traces: done ? receipt.traces.join(", ") || "none" : "…",
  };
  by("receipt-list").replaceChildren(...Object.entries(rows).flatMap(([key, value]) => [element("dt", {}, key), element("dd", {}, String(value))]));
  by("receipt-file").hidden = !done;
  if (done) by("receipt-file").href = URL.createObjectURL(new Blob([JSON.stringify(receipt, null, 2)], { type: "application/json" }));
}

ready(import.meta.url);
