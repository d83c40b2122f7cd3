// Drop, paste or choose photos that are not kept; see who is in them; name an unknown right there.

import { call, element, mayEdit, pageOf, portrait, ready, showProblem, speak, suggestNames } from "./api.js";
import { isFarRight, partTags, placed } from "./boxes.js";
import { showCode } from "./code.js";
import { acceptChoices, acceptDrops, sorted, whyNot } from "./drop.js";
import { decimal, list, n, number as counted, t } from "./messages.js";
import { released } from "./pressing.js";
import { roving } from "./roving.js";
import { pictured } from "./whichface.js";

const by = (id) => document.getElementById(id);
const MANY = 8; // faces; more of them have no room for whole names
const LEAST_SPAN = 0.05; // of a meter, on each side of the threshold
let shown = []; // {file, url, photo}: the photos of the last question
let current = 0;
let identification = null;

roving(by("faces"), ".face-row");
by("drop").addEventListener("click", (event) => {
  if (event.target === event.currentTarget) by("files").click();
});
acceptDrops(take);
acceptChoices(by("files"), take);
by("files").addEventListener("focus", () => by("drop").classList.add("over"));
by("files").addEventListener("blur", () => by("drop").classList.remove("over"));
by("as-code").addEventListener("click", () => showCode({ method: "POST", path: "/v1/identify", parameters: {}, files: shown.map(({ file }) => file.name) }));

function take(files) {
  const found = sorted(files);
  const told = whyNot({ ...found, archives: [], videos: found.videos }, { queue: true, video: false });
  by("passed").hidden = !told;
  by("passed").textContent = told ?? "";
  if (found.photos.length) ask(found.photos);
}

async function ask(files, row = 0) {
  by("problem").hidden = true;
  by("working").hidden = false;
  by("drop").hidden = true;
  speak(t("Looking for faces"));
  const form = new FormData();
  files.forEach((file) => form.append("photos", file));
  try {
    identification = await call("POST", "/v1/identify", { form });
    const urls = await Promise.all(files.map((file, row) => (identification.photos[row].error ? null : pictured(file))));
    await released();
    const typed = row === current ? beingTyped() : null;
    shown.forEach(({ url }) => url && URL.revokeObjectURL(url));
    shown = files.map((file, row) => ({ file, url: urls[row], photo: identification.photos[row] }));
    by("outcome").hidden = false;
    show(row);
    if (typed === null || !typeOn(typed)) by("summary").focus({ preventScroll: true });
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
  by("faces").replaceChildren(...faces.map((face, number) => faceRow(face, number)));
  by("state").textContent = photo.error ? "" : t("Compared with {people} people of {collection}; {model}, threshold: {source}.", { people: counted(identification.people), collection: identification.collection, model: identification.model, source: identification.threshold_source });
  speak(by("summary").textContent);
  if (faces.length === 1) choose(0);
}

function summary(photo, faces) {
  if (photo.error) return photo.error;
  if (!faces.length) return t("No face was found");
  const of = (decision) => faces.filter((face) => face.decision === decision);
  const named = of("match").map((face) => face.person);
  const told = [n("{count} face", "{count} faces", faces.length)];
  if (named.length) told.push(list(named));
  if (of("ambiguous").length) told.push(n("{count} not sure", "{count} not sure", of("ambiguous").length));
  if (of("unknown").length) told.push(n("{count} unknown", "{count} unknown", of("unknown").length));
  if (of("unusable").length) told.push(n("{count} not clear enough", "{count} not clear enough", of("unusable").length));
  if (photo.turned) told.push(photo.turned === 180 ? t("the photo lies upside down") : t("the photo lies on its side"));
  return told.join(" · ");
}

// How sure an answer is, in a word.
function sureness(face) {
  if (face.decision === "ambiguous") return t("not sure");
  if (face.decision === "unknown") return t("no");
  if (face.decision === "unusable") return t("not clear enough");
  return face.score >= face.threshold + spanOf(face.threshold) / 3 ? t("sure") : t("likely");
}

const spanOf = (threshold) => Math.max(1 - threshold, LEAST_SPAN);

function label(face) {
  if (face.person) return face.person;
  if (face.decision === "ambiguous" && face.candidates.length) return t("{name}?", { name: face.candidates[0].person });
  return face.decision === "unknown" ? t("Unknown") : t("Not clear enough");
}

function showStage(url, photo, faces) {
  if (photo.error) {
    by("stage").replaceChildren(element("p", { class: "empty" }, t("This photo cannot be shown.")));
    return;
  }
  const holder = element("div", { class: `stage-photo${faces.length > MANY ? " many" : ""}` }, element("img", { src: url, alt: photo.photo }));
  faces.forEach((face, number) => {
    const box = element("button", {
      class: `box ${face.decision}${isFarRight(face, photo) ? " right" : ""}`,
      "aria-pressed": "false",
      "aria-label": t("Face {number} of {total}: {name}, {sureness}", { number: number + 1, total: faces.length, name: label(face), sureness: sureness(face) }),
      tabindex: "-1",
      onclick: () => choose(number, true),
    }, element("span", { class: "tag" }, label(face)));
    holder.append(placed(box, face, photo));
  });
  by("stage").replaceChildren(holder);
  roving(holder, ".box");
  const image = holder.querySelector("img");
  image.addEventListener("load", () => partTags(holder));
  new ResizeObserver(() => partTags(holder)).observe(holder);
}

function faceRow(face, number) {
  const picture = element("span", { class: "portrait small-picture", "aria-hidden": "true" }, crop(face.box, 1.5, 112));
  const detail = element("div", { class: "face-detail", id: `detail-${number}`, hidden: true });
  const row = element("button", { class: "face-row", "aria-expanded": "false", "aria-controls": detail.id, onclick: () => choose(number) },
    picture,
    element("span", {}, element("strong", { class: "clip" }, label(face)),
      face.external_id ? element("span", { class: "small soft" }, face.external_id, " ") : null,
      element("span", { class: `badge ${face.decision}` }, sureness(face))));
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
  detail.replaceChildren(...details(shown[current].photo.faces[number], number));
  if (scroll) rows[number].scrollIntoView({ block: "nearest", behavior: "smooth" });
}

function details(face, number) {
  const parts = [];
  if (face.candidates.length) {
    const open = mayEdit && face.decision !== "match";
    parts.push(element("ul", { class: "candidates", "aria-label": t("Candidates") },
      ...face.candidates.slice(0, 4).map((candidate) => element("li", {}, candidateRow(candidate, face.threshold, open ? number : null)))));
  }
  if (mayEdit && (face.decision === "unknown" || face.decision === "ambiguous")) parts.push(nameForm(face, number));
  const why = [];
  if (face.reason) why.push(element("p", { class: "soft" }, `${face.reason[0].toUpperCase()}${face.reason.slice(1)}.`));
  if (face.score !== null) why.push(element("p", { class: "soft" }, t("Likeness {likeness}; {needed} is needed.", { likeness: decimal(face.score), needed: decimal(face.threshold) })));
  if (typeof face.false_matches_in_1000 === "number") {
    why.push(element("p", { class: "soft" }, t("Of 1,000 strangers, {count} would look as much like somebody here.", { count: counted(Number(face.false_matches_in_1000.toPrecision(2))) })));
  }
  if (why.length) parts.push(element("details", { class: "why small" }, element("summary", {}, t("Why?")), ...why));
  return parts;
}

// A meter of likeness with the threshold in its middle: what is above it is a match.
// It leads to the person; of a face without a name it puts the candidate's into the form.
function candidateRow(candidate, threshold, open) {
  const span = spanOf(threshold);
  const share = (score) => Math.min(Math.max((score - threshold + span) / (2 * span), 0), 1) * 100;
  const fill = element("i", { class: candidate.score >= threshold ? "over" : "" });
  fill.style.width = `${share(candidate.score)}%`;
  const mark = element("b");
  mark.style.left = "50%";
  const told = {
    class: "candidate",
    title: t("Decided by {photo}", { photo: candidate.photo }),
    "aria-label": t("{name}, likeness {likeness}, {needed} is needed", { name: candidate.person, likeness: decimal(candidate.score), needed: decimal(threshold) }),
  };
  const choose = () => {
    const input = by(`name-${open}`);
    input.value = candidate.person;
    input.dataset.meant = candidate.person_id; // of people of one name, this one
    input.closest("form").querySelector("button").focus();
  };
  const way = open === null ? { href: pageOf(`/people/${candidate.person_id}`) } : { type: "button", onclick: choose };
  return element(open === null ? "a" : "button", { ...told, ...way },
    portrait(candidate.person, candidate.face_id, "small-picture"),
    element("span", { class: "clip" }, element("strong", {}, candidate.person), candidate.external_id ? element("span", { class: "small soft" }, ` ${candidate.external_id}`) : null),
    element("span", { class: "number" }, decimal(candidate.score)),
    element("span", { class: "meter", "aria-hidden": "true" }, fill, mark));
}

function nameForm(face, number) {
  const input = element("input", { type: "text", id: `name-${number}`, list: "names", required: true, maxlength: "200", autocomplete: "off", placeholder: t("Name") });
  const problem = element("p", { class: "notice bad", role: "alert", hidden: true });
  const button = element("button", { class: "button primary" }, t("Enrol"));
  input.addEventListener("input", () => {
    delete input.dataset.meant;
    suggestNames(input, by("names"));
  });
  const form = element("form", { class: "field" },
    element("label", { for: input.id }, t("Who is this?")),
    element("span", { class: "row" }, input, button),
    problem);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    problem.hidden = true;
    try {
      await enrolFace(face, input.value.trim(), input.dataset.meant);
      await askAgain();
    } catch (error) {
      showProblem(problem, error);
      button.disabled = false;
    }
  });
  return form;
}

// Only this face is enrolled: a piece of the photo around it, so that others in it stay unnamed.
async function enrolFace(face, name, meant) {
  const canvas = crop(face.box, 2.2, null);
  await canvas.ready;
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  const form = new FormData();
  if (!meant) form.append("person", name);
  form.append("photos", blob, `${shown[current].photo.photo.replace(/\.[^.]*$/, "")}, ${name}.png`);
  await call("POST", meant ? `/v1/people/${meant}/photos` : "/v1/people", { form });
}

const askAgain = () => ask(shown.map(({ file }) => file), current);

// The name that somebody is writing for another face while the answer comes: it goes on in the new one.
function beingTyped() {
  const input = document.activeElement;
  return input?.matches(".face-detail input") ? { id: input.id, value: input.value, meant: input.dataset.meant } : null;
}

function typeOn({ id, value, meant }) {
  const number = Number(id.split("-").at(-1));
  if (by(`detail-${number}`)?.hidden) choose(number);
  const input = by(id);
  if (!input) return false;
  input.value = value;
  if (meant) input.dataset.meant = meant;
  input.focus({ preventScroll: true });
  return true;
}

// A canvas with the square around a box, `around` times as large; `side` pixels, or the photo's own.
function crop([left, top, width, height], around, side) {
  const { url, photo } = shown[current];
  const canvas = element("canvas");
  const image = new Image();
  image.src = url;
  canvas.ready = image.decode().then(() => {
    const scale = image.naturalWidth / photo.width; // of a picture that the service made smaller
    const wanted = Math.max(width, height) * around * scale;
    const x = Math.max((left + width / 2) * scale - wanted / 2, 0);
    const y = Math.max((top + height / 2) * scale - wanted / 2, 0);
    const across = Math.min(wanted, image.naturalWidth - x);
    const down = Math.min(wanted, image.naturalHeight - y);
    const zoom = side === null ? 1 : side / wanted;
    canvas.width = Math.round(across * zoom);
    canvas.height = Math.round(down * zoom);
    canvas.getContext("2d").drawImage(image, x, y, across, down, 0, 0, canvas.width, canvas.height);
  }, () => { throw new Error(t("The face could not be cut out of the photo. Add the person on the page of people instead.")); });
  canvas.ready.catch(() => canvas.remove());
  return canvas;
}

ready(import.meta.url);
