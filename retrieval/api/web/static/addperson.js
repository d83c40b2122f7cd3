// Add a person, with photos by drag, choice or camera, and what can be said of each before it is sent.

import { call, droppable, element, pageOf, showProblem } from "./api.js";
import { hasCamera, takePhotos } from "./camera.js";
import { dayOf, list, n, t } from "./messages.js";
import { enrolAsking, pictured } from "./whichface.js";

const by = (id) => document.getElementById(id);
const FINE_PX = 100; // of a face: above it more pixels help little

let photos = []; // {file, item}

// A photo as it will be sent: its picture, what may be wrong with it, and a button that takes it out.
function shown(file) {
  const hint = element("span", { class: "hint small", role: "status" });
  const image = element("img", { alt: file.name });
  const item = element("li", {}, image, element("button", { type: "button", class: "take-out", "aria-label": t("Take {photo} out", { photo: file.name }), onclick: () => takeOut(item) }, "×"), hint);
  pictured(file).then((url) => {
    image.addEventListener("load", () => URL.revokeObjectURL(url));
    image.src = url;
  }, () => image.remove());
  if (by("add-dialog").dataset.looks === "true") tellQuality(file, hint);
  return item;
}

function takeOut(item) {
  photos = photos.filter((each) => each.item !== item);
  item.remove();
}

async function tellQuality(file, hint) {
  const form = new FormData();
  form.append("photos", file, file.name);
  hint.textContent = t("looking …");
  const answer = await call("POST", "/v1/faces/detect", { form }).catch(() => null);
  const [photo] = answer?.photos ?? [];
  const faces = photo?.faces ?? null;
  const [word, fine] = faces === null ? [photo?.error ?? "", true] : judged(faces);
  hint.textContent = word;
  hint.classList.toggle("bad", !fine);
}

// What can be said of a photo of one person, and whether it will do.
function judged(faces) {
  if (!faces.length) return [t("no face found: you will be asked"), false];
  const large = faces.toSorted((a, b) => b.size_px - a.size_px);
  if (faces.length > 1) return [n("{count} face: you will be asked", "{count} faces: you may be asked", faces.length), false];
  if (large[0].unusable) return [REASONS.find(([begins]) => large[0].unusable.startsWith(begins))?.[1] ?? large[0].unusable, false];
  if (large[0].size_px < FINE_PX) return [t("small face: a closer photo does better"), true];
  return [t("good"), true];
}

const REASONS = [
  ["too small", t("face too small to be compared")],
  ["cut off", t("face cut off by the edge")],
  ["turned away", t("face turned away too far")],
  ["blurred", t("too blurred")],
];

// A name that somebody has, or had before they were deleted, is said before photos go to that person.
let asked = 0;
async function tellKnown() {
  const mine = (asked += 1);
  const name = by("add-name").value.trim();
  const number = by("add-id").value.trim();
  const answer = name || number ? await call("GET", "/v1/people/known", { parameters: { person: name, external_id: number } }).catch(() => null) : null;
  if (mine !== asked) return;
  const same = answer?.people ?? [];
  const another = same.find((person) => number && person.external_id === number);
  const numbers = same.map((person) => person.external_id).filter(Boolean);
  const other = !another && number && same.every((person) => person.external_id);
  by("add-known").hidden = same.length === 0;
  by("add-known").textContent = another
    ? t("The number {number} is {name}’s: these photos go to that person.", { number, name: another.person })
    : other
      ? t("{name} is enrolled already, with the number {numbers}. This becomes a second person of that name.", { name, numbers: list(numbers) })
      : t("{name} is enrolled already: these photos go to the same person. Is it somebody else? Then give an employee number.", { name });
  const [deleted] = answer?.deleted ?? [];
  by("add-deleted").hidden = !deleted;
  by("add-deleted").textContent = deleted ? t("Somebody of this name or number was deleted on {day}. Add them only if they may be enrolled again.", { day: dayOf(deleted.erased_at) }) : "";
}

async function submitted(event) {
  event.preventDefault();
  if (!photos.length) {
    showProblem(by("add-problem"), new Error(t("Add at least one photo that shows this person.")));
    return;
  }
  const submit = event.target.querySelector("[type=submit]");
  submit.disabled = true;
  const fields = { person: by("add-name").value.trim(), external_id: by("add-id").value.trim() };
  try {
    const made = await enrolAsking(fields, photos.map((each) => each.file));
    sessionStorage.setItem("told", JSON.stringify(made));
    location.assign(pageOf(`/people/${made.id}`));
  } catch (error) {
    showProblem(by("add-problem"), error);
    submit.disabled = false;
  }
}

export function addPerson() {
  const dialog = by("add-dialog");
  const take = (files) => {
    const added = files.map((file) => ({ file, item: shown(file) }));
    photos.push(...added);
    by("add-thumbs").append(...added.map((each) => each.item));
    by("add-problem").hidden = true;
  };
  const open = (files = []) => {
    photos = [];
    by("add-thumbs").replaceChildren();
    take(files);
    if (!dialog.open) dialog.showModal();
    by("add-name").focus();
  };
  by("add").addEventListener("click", () => open());
  by("add-first")?.addEventListener("click", () => open());
  droppable(document.body, (files) => (dialog.open ? take(files) : open(files)));
  droppable(dialog.querySelector("[data-drop]"), take);
  by("add-camera").addEventListener("click", async (event) => {
    if (!hasCamera()) return; // the file chooser opens, which on a phone is the camera
    event.preventDefault();
    take(await takePhotos());
  });
  for (const chooser of [by("add-files"), by("add-camera")]) {
    chooser.addEventListener("change", () => {
      take([...chooser.files]);
      chooser.value = "";
    });
  }
  by("add-name").addEventListener("input", tellKnown);
  by("add-id").addEventListener("input", tellKnown);
  by("add-form").addEventListener("submit", submitted);
}
