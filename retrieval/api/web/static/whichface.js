// Which face is meant? A photo with numbered faces to click, or a box to draw round one that was missed.

import { call, callForBlob, element } from "./api.js";
import { drawn, placed, placedAt } from "./boxes.js";
import { n, t } from "./messages.js";
import { roving } from "./roving.js";

const SCREEN_PX = 2048; // of pictures that the service makes where the browser cannot
const LEAST = 0.02; // of the photo, that a box must have

// A picture of a file: the browser's own, or the service's where that cannot show the format.
export async function pictured(file) {
  const url = URL.createObjectURL(file);
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
    return url;
  } catch {
    URL.revokeObjectURL(url);
    const form = new FormData();
    form.append("photo", file, file.name);
    return URL.createObjectURL(await callForBlob("POST", "/v1/previews", { form, parameters: { side: SCREEN_PX } }));
  }
}

async function facesIn(file) {
  const form = new FormData();
  form.append("photos", file, file.name);
  const [photo] = (await call("POST", "/v1/identify", { form })).photos;
  if (photo.error) throw new Error(photo.error);
  return photo;
}

// Draw a box with the pointer; `taken` gets it as shares of the photo.
function drawable(boxes, taken) {
  boxes.addEventListener("pointerdown", (event) => {
    if (event.target.closest(".box") || event.button !== 0) return;
    boxes.querySelector(".drawn-box")?.remove();
    const box = element("span", { class: "drawn-box" });
    boxes.append(box);
    drawn(event, boxes, boxes, (shape) => placedAt(box, shape), (shape) => {
      if (shape && shape[2] > LEAST && shape[3] > LEAST) taken(shape);
      else box.remove();
    });
  });
}

// Resolves with {face} (a number), {box} ("left,top,width,height"), or null where the photo is left out.
async function whichFace(file, name) {
  const [photo, url] = await Promise.all([facesIn(file), pictured(file)]);
  const boxes = element("div", { class: "stage-boxes" });
  const go = element("button", { class: "button primary", type: "button", disabled: true }, t("That face"));
  const leave = element("button", { class: "button quiet", type: "button" }, t("Leave this photo out"));
  let answer = null;
  photo.faces.forEach((face) => {
    const box = element("button", { class: "box unknown", type: "button", "aria-pressed": "false", "aria-label": t("Face {number}", { number: face.face }), onclick: () => choose({ face: face.face }, box) }, element("span", { class: "tag" }, String(face.face)));
    boxes.append(placed(box, face, photo));
  });
  const choose = (chosen, pressed) => {
    answer = chosen;
    if (pressed) boxes.querySelector(".drawn-box")?.remove();
    for (const box of boxes.querySelectorAll(".box")) box.setAttribute("aria-pressed", String(box === pressed));
    go.disabled = false;
  };
  drawable(boxes, (shape) => choose({ box: shape.map((share, side) => Math.round(share * (side % 2 ? photo.height : photo.width))).join(",") }, null));
  const dialog = element("dialog", { class: "wide", id: "which-dialog", "aria-labelledby": "which-title" }, element("div", { class: "body" },
    element("h2", { id: "which-title" }, t("Which face is {name}?", { name })),
    element("p", { class: "soft" }, n("{count} face was found in {photo}. Click it, or draw a box round one that was missed.", "{count} faces were found in {photo}. Click the one, or draw a box round one that was missed.", photo.faces.length, { photo: file.name })),
    element("div", { class: "which-stage" }, element("div", { class: "stage-photo" }, element("img", { src: url, alt: file.name, draggable: "false" }), boxes)),
    element("div", { class: "actions" }, leave, go)));
  document.body.append(dialog);
  roving(boxes, ".box");
  dialog.showModal();
  return new Promise((done) => {
    const finish = (given) => { dialog.close(); dialog.remove(); URL.revokeObjectURL(url); done(given); };
    go.addEventListener("click", () => finish(answer));
    leave.addEventListener("click", () => finish(null));
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); finish(null); });
  });
}

// Enrol one photo with the face that somebody chooses; null where they leave it out.
export async function chosenFace(fields, file) {
  const chosen = await whichFace(file, fields.person);
  return chosen === null ? null : sent(fields, [file], chosen);
}

function sent(fields, files, more = {}, path = "/v1/people") {
  const form = new FormData();
  for (const [name, value] of Object.entries({ ...fields, ...more })) if (value) form.append(name, value);
  files.forEach((file) => form.append("photos", file, file.name));
  return call("POST", path, { form });
}

// Resolves with whether photos that look otherwise show the person of that name who is enrolled.
function isSamePerson(problem, name) {
  const people = problem.document.people.map((each) => (each.external_id ? `${each.person} (${each.external_id})` : each.person)).join(", ");
  const same = element("button", { class: "button primary", type: "button" }, t("The same person"));
  const other = element("button", { class: "button", type: "button" }, t("Somebody else"));
  const dialog = element("dialog", { id: "same-dialog", "aria-labelledby": "same-title" }, element("div", { class: "body" },
    element("h2", { id: "same-title" }, t("Is this the {name} who is enrolled?", { name })),
    element("p", { class: "soft" }, t("{people} is enrolled, and these photos look like somebody else.", { people })),
    element("div", { class: "actions" }, other, same)));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((done) => {
    const finish = (answer) => { dialog.close(); dialog.remove(); done(answer); };
    same.addEventListener("click", () => finish(true));
    other.addEventListener("click", () => finish(false));
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); finish(false); });
  });
}

const ASKED = new Set(["several-faces", "no-face", "other-person"]); // reasons that a person can settle by a click

// Enrol photos of one person; where it is not clear which face is meant, somebody is asked.
// `path` says to whom they go, by default to whom the fields name.
export async function enrolAsking(fields, files, { path, whose = fields.person } = {}) {
  let made = null;
  let problem = null;
  let rejected = [];
  try {
    made = await sent(fields, files, {}, path);
    ({ rejected } = made);
  } catch (error) {
    if (error.document?.code === "same-name") {
      if (await isSamePerson(error, fields.person)) return enrolAsking({ ...fields, same_person: "true" }, files, { path, whose });
      throw new Error(t("Nothing was enrolled. Give this person an employee number, and {name} who is enrolled one too.", { name: fields.person }));
    }
    rejected = error.document?.rejected ?? [];
    if (!rejected.length) throw error;
    problem = error;
  }
  const left = [];
  for (const one of rejected) {
    const file = files.find((each) => each.name === one.photo);
    const chosen = file && ASKED.has(one.reason) ? await whichFace(file, whose) : null;
    if (!chosen) { left.push(one); continue; }
    try {
      const more = await sent(fields, [file], chosen, path);
      made = { ...more, enrolled: (made?.enrolled ?? 0) + more.enrolled };
    } catch (error) {
      left.push({ ...one, message: error.message });
      problem = error;
    }
  }
  if (!made) throw problem;
  return { ...made, rejected: left };
}
