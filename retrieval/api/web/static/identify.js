// Drop, paste or choose photos; see who is in them; name an unknown right there.

import { address, call, droppable, element, imageFiles, mayEdit, pageOf, portrait, ready, showProblem, speak, suggestNames } from "./api.js";

const by = (id) => document.getElementById(id);
const WORDS = { match: "match", ambiguous: "ambiguous", unknown: "unknown", unusable: "not usable" };
const PLACES = ["high", "low", "inside"]; // where a name can be, seen from its box
const MANY = 8; // faces; more of them have no room for whole names
const TINY_PX = 56; // a box as narrow as this holds no name that can be read
let shown = []; // {file, url, photo}: the photos of the last question
let current = 0;
let identification = null;

by("files").addEventListener("change", (event) => {
  const files = [...event.target.files];
  event.target.value = "";
  if (files.length) ask(files);
});
by("drop").addEventListener("click", (event) => {
  if (event.target === event.currentTarget) by("files").click();
});
droppable(document.body, ask);
document.addEventListener("paste", (event) => {
  const files = imageFiles(event.clipboardData);
  if (files.length) ask(files);
});
by("files").addEventListener("focus", () => by("drop").classList.add("over"));
by("files").addEventListener("blur", () => by("drop").classList.remove("over"));

async function ask(files) {
  by("problem").hidden = true;
  by("working").hidden = false;
  by("drop").hidden = true;
  speak("Looking for faces");
  const form = new FormData();
  files.forEach((file) => form.append("photos", file));
  try {
    identification = await call("POST", "/v1/identify", { form });
    shown.forEach(({ url }) => URL.revokeObjectURL(url));
    shown = files.map((file, row) => ({ file, url: URL.createObjectURL(file), photo: identification.photos[row] }));
    by("outcome").hidden = false;
    show(0);
    by("summary").focus({ preventScroll: true });
  } catch (error) {
    showProblem(by("problem"), error);
    by("drop").hidden = by("outcome").hidden === false;
  } finally {
    by("working").hidden = true;
    by("again").hidden = by("outcome").hidden;
  }
}

function show(row) {
  current = row;
  const { url, photo } = shown[row];
  by("strip").hidden = shown.length < 2;
  by("strip").replaceChildren(...shown.map((each, number) =>
    element("button", { "aria-label": each.photo.photo, "aria-current": number === row, onclick: () => show(number) },
      element("img", { src: each.url, alt: "" }))));
  const faces = photo.faces ?? [];
  showStage(url, photo, faces);
  by("summary").textContent = summary(photo, faces);
  by("faces").replaceChildren(...faces.map((face, number) => faceRow(face, number, url)));
  by("state").textContent = photo.error ? "" :
    `Asked against ${identification.people} people in ${identification.collection}; ${identification.model}, threshold: ${identification.threshold_source}.`;
  speak(by("summary").textContent);
  if (faces.length === 1) choose(0);
}


function summary(photo, faces) {
  if (photo.error) return photo.error;
  if (!faces.length) return "No face was found";
  const lies = photo.turned ? `. The photo lies ${photo.turned === 180 ? "upside down" : "on its side"}` : "";
  const small = photo.too_small ? `. ${photo.too_small} too small to name` : "";
  const named = faces.filter((face) => face.person).map((face) => face.person);
  const count = `${faces.length} face${faces.length === 1 ? "" : "s"}`;
  return named.length ? `${count}: ${new Intl.ListFormat("en").format(named)}${small}${lies}` : `${count}, nobody who is enrolled${small}${lies}`;
}

function label(face) {
  if (face.person) return face.person;
  if (face.decision === "ambiguous" && face.candidates.length) return `${face.candidates[0].person}?`;
  return face.decision === "unknown" ? "Unknown" : "Not usable";
}

function showStage(url, photo, faces) {
  if (photo.error) {
    by("stage").replaceChildren(element("p", { class: "empty" }, "This photo cannot be shown."));
    return;
  }
  const holder = element("div", { class: `stage-photo${faces.length > MANY ? " many" : ""}` }, element("img", { src: url, alt: photo.photo }));
  faces.forEach((face, number) => {
    const [left, top, width, height] = face.box;
    const toTheLeft = left / photo.width > 0.72;
    const box = element("button", {
      class: `box ${face.decision}${toTheLeft ? " right" : ""}`,
      "aria-pressed": "false",
      "aria-label": `Face ${number + 1} of ${faces.length}: ${label(face)}, ${WORDS[face.decision]}`,
      onclick: () => choose(number, true),
    }, element("span", { class: "tag" }, label(face)));
    box.style.left = `${(left / photo.width) * 100}%`;
    box.style.top = `${(top / photo.height) * 100}%`;
    box.style.width = `${(width / photo.width) * 100}%`;
    box.style.height = `${(height / photo.height) * 100}%`;
    holder.append(box);
  });
  by("stage").replaceChildren(holder);
  const image = holder.querySelector("img");
  image.addEventListener("load", () => partTags(holder));
  new ResizeObserver(() => partTags(holder)).observe(holder);
}

// A name goes above its box, else below, else inside: the first of these where it lies on the photo
// and not on another name. Among many faces it is as wide as the box, and left out where that is tiny.
function partTags(holder) {
  const taken = [];
  const photo = holder.getBoundingClientRect();
  const overlaps = (a) => taken.some((b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom);
  for (const box of holder.querySelectorAll(".box")) {
    box.classList.toggle("tiny", box.offsetWidth < TINY_PX);
    const tag = box.querySelector(".tag");
    const at = (place) => {
      box.classList.remove(...PLACES);
      box.classList.add(place);
      return tag.getBoundingClientRect();
    };
    const onPhoto = (place) => at(place).top >= photo.top && at(place).bottom <= photo.bottom;
    const possible = PLACES.filter(onPhoto);
    const place = possible.find((each) => !overlaps(at(each))) ?? possible[0] ?? "inside";
    taken.push(at(place));
  }
}

function faceRow(face, number, url) {
  const picture = element("span", { class: "portrait small-picture", "aria-hidden": "true" }, crop(url, face.box, 1.5, 112));
  const detail = element("div", { class: "face-detail", id: `detail-${number}`, hidden: true });
  const row = element("button", { class: "face-row", "aria-expanded": "false", "aria-controls": detail.id, onclick: () => choose(number) },
    picture,
    element("span", {}, element("strong", { class: "clip" }, label(face)),
      element("span", { class: `badge ${face.decision}` }, WORDS[face.decision])),
    element("span", { class: "number soft" }, face.score === null ? "" : face.score.toFixed(2)));
  return element("li", {}, row, detail);
}

function choose(number, scroll = false) {
  const boxes = [...document.querySelectorAll(".box")];
  const rows = [...document.querySelectorAll(".face-row")];
  const opens = rows[number].getAttribute("aria-expanded") !== "true";
  rows.forEach((row, each) => {
    const open = opens && each === number;
    row.setAttribute("aria-expanded", String(open));
    boxes[each]?.setAttribute("aria-pressed", String(open));
    row.nextElementSibling.hidden = !open;
  });
  if (!opens) return;
  const detail = rows[number].nextElementSibling;
  const { photo, url } = shown[current];
  detail.replaceChildren(...details(photo.faces[number], number, url));
  if (scroll) rows[number].scrollIntoView({ block: "nearest", behavior: "smooth" });
}

function details(face, number, url) {
  const parts = [];
  if (face.reason) parts.push(element("p", { class: "small soft" }, sentence(face.reason)));
  if (typeof face.false_matches_in_1000 === "number") {
    const count = face.false_matches_in_1000;
    const shown = count < 0.1 ? "fewer than 0.1" : `about ${count.toPrecision(2)}`;
    parts.push(element("p", { class: "small soft" }, `Of 1,000 strangers, ${shown} would reach this score.`));
  }
  if (face.candidates.length) {
    parts.push(element("div", { class: "candidates", role: "list", "aria-label": "Candidates" },
      ...face.candidates.slice(0, 4).map((candidate) => candidateRow(candidate, face.threshold))));
  }
  if (mayEdit && (face.decision === "unknown" || face.decision === "ambiguous")) parts.push(nameForm(face, number, url));
  return parts;
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;

// A cosine below this says nothing more about likeness: the meter begins here.
const METER_FROM = 0.5;

function candidateRow(candidate, threshold) {
  const share = (score) => Math.min(Math.max((score - METER_FROM) / (1 - METER_FROM), 0), 1) * 100;
  const fill = element("i", { class: candidate.score >= threshold ? "over" : "" });
  fill.style.width = `${share(candidate.score)}%`;
  const mark = element("b");
  mark.style.left = `${share(threshold)}%`;
  return element("a", {
    class: "candidate", role: "listitem", href: pageOf(`/people/${candidate.person_id}`),
    title: `Decided by ${candidate.photo}`,
    "aria-label": `${candidate.person}, score ${candidate.score.toFixed(3)}, threshold ${threshold.toFixed(3)}`,
  },
    portrait(candidate.person, candidate.face_id, "small-picture"),
    element("strong", { class: "clip" }, candidate.person),
    element("span", { class: "number" }, candidate.score.toFixed(3)),
    element("span", { class: "meter", "aria-hidden": "true" }, fill, mark));
}

function nameForm(face, number, url) {
  const input = element("input", { type: "text", id: `name-${number}`, list: "names", required: true, maxlength: "200", autocomplete: "off", placeholder: "Name" });
  const problem = element("p", { class: "notice bad", role: "alert", hidden: true });
  const button = element("button", { class: "button primary" }, "Enrol");
  input.addEventListener("input", () => suggestNames(input, by("names")));
  const form = element("form", { class: "field" },
    element("label", { for: input.id }, "Who is this?"),
    element("span", { class: "row" }, input, button),
    problem);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    problem.hidden = true;
    try {
      await enrolFace(face, url, input.value.trim());
      await askAgain();
    } catch (error) {
      showProblem(problem, error);
      button.disabled = false;
    }
  });
  return form;
}

// Only this face is enrolled: a piece of the photo around it, so that others in it stay unnamed.
async function enrolFace(face, url, name) {
  const canvas = crop(url, face.box, 2.2, null);
  await canvas.ready;
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  const form = new FormData();
  form.append("person", name);
  form.append("photos", blob, `${shown[current].photo.photo.replace(/\.[^.]*$/, "")}, ${name}.png`);
  await call("POST", "/v1/people", { form });
}

async function askAgain() {
  const row = current;
  await ask(shown.map(({ file }) => file));
  show(row);
}

// A canvas with the square around a box, `around` times as large; `side` pixels, or the photo's own.
function crop(url, [left, top, width, height], around, side) {
  const canvas = element("canvas");
  const image = new Image();
  canvas.ready = new Promise((done) => {
    image.addEventListener("load", () => {
      const wanted = Math.max(width, height) * around;
      const x = Math.max(left + width / 2 - wanted / 2, 0);
      const y = Math.max(top + height / 2 - wanted / 2, 0);
      const across = Math.min(wanted, image.naturalWidth - x);
      const down = Math.min(wanted, image.naturalHeight - y);
      const scale = side === null ? 1 : side / wanted;
      canvas.width = Math.round(across * scale);
      canvas.height = Math.round(down * scale);
      canvas.getContext("2d").drawImage(image, x, y, across, down, 0, 0, canvas.width, canvas.height);
      done();
    });
  });
  image.src = url;
  return canvas;
}

ready(import.meta.url);
