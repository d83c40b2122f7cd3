// One photo, large: its faces with names, what can be said of each, and faces that were missed.

import { element, mayEdit, portrait, showProblem, speak } from "./api.js";
import { describe, fileOf, pictureOf } from "./album.js";
import { drawn, isFarRight, partTags, placed, placedAt } from "./boxes.js";
import { likeness, nameOf, stateOf, sureness, timesOf, whyOf } from "./judging.js";
import { clock, moment, n, t } from "./messages.js";
import { whenReleased } from "./pressing.js";
import { isCommand, roving } from "./roving.js";
import { facePicture } from "./who.js";

const MOST = 4;
const SCREEN_PX = 1280;
const ZOOM_PX = 2048;
const STEP = 0.02; // of the photo, by which an arrow key moves a box that is drawn
const LEAST_PX = 8;

// Of a video that breaks off, until when it was seen; nothing of others.
const remarkOf = (photo) => (photo.message ? element("p", { class: "notice" }, `${fileOf(photo)}: ${photo.message}`) : "");

export class Viewer {
  constructor(dialog, store, judging) {
    Object.assign(this, { dialog, store, judging });
    const by = (name) => dialog.querySelector(`[data-part="${name}"]`);
    this.parts = { stage: by("stage"), title: by("title"), side: by("side"), problem: by("problem"), draw: by("draw"), zoom: by("zoom") };
    this.photo = null;
    this.chosen = null; // id of a face
    this.drawing = null; // the box that is being drawn, as shares [left, top, width, height]
    by("close").addEventListener("click", () => dialog.close());
    by("before").addEventListener("click", () => this.step(-1));
    by("after").addEventListener("click", () => this.step(1));
    by("zoom").addEventListener("click", (event) => this.#zoom(event.currentTarget));
    this.parts.draw?.addEventListener("click", () => (this.drawing ? this.#endDrawing() : this.#beginDrawing()));
    dialog.addEventListener("keydown", (event) => this.#key(event));
    dialog.addEventListener("close", () => this.#closed());
    store.addEventListener("photos", () => this.#anew());
    window.addEventListener("popstate", () => this.#wentBack());
    store.addEventListener("faces", ({ detail }) => { whenReleased(() => { if (this.photo && detail.has(this.photo.id)) this.#faces(); }); });
    this.parts.stage.addEventListener("pointerdown", (event) => this.#press(event));
  }

  async open(photoId, faceId = null) {
    this.photo = this.store.photos.find((photo) => photo.id === photoId);
    if (!this.photo) return;
    this.chosen = faceId;
    this.#endDrawing();
    this.parts.problem.hidden = true;
    this.#note();
    if (!this.dialog.open) this.dialog.showModal();
    const { photo } = this;
    const place = this.store.photos.indexOf(photo);
    const isVideo = photo.seconds !== null;
    const name = isVideo ? `${fileOf(photo)} (${clock(photo.seconds)})` : fileOf(photo);
    this.parts.title.textContent = t("{name}, {number} of {total}", { name, number: place + 1, total: this.store.photos.length });
    const holder = element("div", { class: `stage-photo ${isVideo ? "tracks" : ""}` }, isVideo ? remarkOf(photo) : this.#picture(photo), element("div", { class: "stage-boxes" }));
    for (const part of ["draw", "zoom"]) if (this.parts[part]) this.parts[part].hidden = isVideo;
    this.parts.stage.replaceChildren(holder);
    this.holder = holder;
    this.boxes = holder.querySelector(".stage-boxes");
    if (!isVideo) new ResizeObserver(() => partTags(holder)).observe(holder);
    roving(this.boxes, ".box");
    try {
      await this.store.facesOn([photoId]);
    } catch (error) {
      return showProblem(this.parts.problem, error);
    }
    if (this.photo !== photo) return;
    this.#faces();
    (this.boxes.querySelector('[aria-pressed="true"]') ?? this.boxes.querySelector(".box") ?? this.parts.title).focus({ preventScroll: true });
  }

  #picture(photo) {
    const image = element("img", { src: pictureOf(this.store, photo, SCREEN_PX), alt: fileOf(photo), width: photo.width, height: photo.height, draggable: "false" });
    image.addEventListener("error", () => {
      image.parentElement.classList.add("unkept");
      image.replaceWith(element("p", { class: "empty slim soft" }, t("This photo was not kept: only its faces can be shown.")));
    });
    return image;
  }

  get faces() {
    return (this.store.byPhoto.get(this.photo.id) ?? []).map((id) => this.store.faces.get(id)).filter(Boolean);
  }

  // Everything was read anew while a photo is open.
  async #anew() {
    const { photo } = this;
    if (!this.dialog.open || this.store.byPhoto.has(photo.id)) return;
    await this.store.facesOn([photo.id]).catch((error) => showProblem(this.parts.problem, error));
    whenReleased(() => { if (this.dialog.open && this.photo === photo) this.#faces(); });
  }

  // Back closes it, as it leaves a page: one step, however many photos were looked at.
  #note() {
    const { id } = this.photo;
    history[history.state?.photo ? "replaceState" : "pushState"]({ ...history.state, photo: id }, "", `#photo-${id}`);
  }

  #wentBack() {
    if (this.isLeaving) { // the step of #closed; a photo may have been opened since
      this.isLeaving = false;
      if (this.dialog.open) this.#note();
      return;
    }
    const photo = Number(location.hash.match(/^#photo-(\d+)$/)?.[1]);
    if (photo) this.open(photo);
    else if (this.dialog.open) {
      this.isBack = true; // what closes is told of later, when somebody may have gone forward again
      this.dialog.close();
    }
  }

  step(by) {
    const next = this.store.photos[this.store.photos.indexOf(this.photo) + by];
    if (next) this.open(next.id);
  }

  #faces() {
    const { faces } = this;
    const focused = this.boxes.contains(document.activeElement) ? Number(document.activeElement.dataset.face) : null;
    if (!faces.some((face) => face.id === this.chosen)) this.chosen = faces.length === 1 ? faces[0].id : null;
    this.holder.classList.toggle("many", faces.length > MOST * 2);
    this.boxes.replaceChildren(...faces.map((face) => this.#box(face)), ...(this.drawing ? [this.box] : []));
    if (this.photo.seconds === null) partTags(this.holder);
    if (focused) this.boxes.querySelector(`[data-face="${focused}"]`)?.focus({ preventScroll: true });
    this.#side();
  }

  // A face where it is on a photo; of a video, which shows it for a while, one beside the other.
  #box(face) {
    const isVideo = this.photo.seconds !== null;
    const told = [describe(face), sureness(face.certainty), timesOf(face)].filter(Boolean).join(", ");
    const box = element("button", { class: `box ${stateOf(face)}${!isVideo && isFarRight(face, this.photo) ? " right" : ""}`, type: "button", "data-face": face.id, "aria-pressed": String(face.id === this.chosen), "aria-label": told, onclick: () => this.choose(face.id) },
      isVideo ? facePicture(this.store.event, face.id) : "",
      element("span", { class: "tag" }, `${face.face} ${nameOf(face)}`),
      isVideo ? element("span", { class: "small number" }, timesOf(face)) : "");
    return isVideo ? box : placed(box, face, this.photo);
  }

  choose(id) {
    this.chosen = this.chosen === id ? null : id;
    for (const box of this.boxes.children) box.setAttribute("aria-pressed", String(Number(box.dataset.face) === this.chosen));
    this.#side();
  }

  get face() {
    return this.store.faces.get(this.chosen) ?? null;
  }

  #side() {
    const { face, faces } = this;
    if (this.drawing) return;
    if (!face) {
      this.parts.side.replaceChildren(
        element("h3", {}, n("{count} face", "{count} faces", faces.length)),
        this.photo.taken_at ? element("p", { class: "small soft" }, moment(this.photo.taken_at)) : "",
        element("ul", { class: "viewer-faces" }, ...faces.map((each) => element("li", {}, element("button", { class: "line", type: "button", onclick: () => this.choose(each.id) },
          facePicture(this.store.event, each.id), element("span", { class: "grow" }, element("strong", { class: "clip" }, nameOf(each)), element("span", { class: "small soft" }, [sureness(each.certainty), timesOf(each)].filter(Boolean).join(" · "))))))));
      return;
    }
    const person = face.person_id ? { person_id: face.person_id, person: face.person } : null;
    const others = face.candidates.filter((each) => each.person_id !== face.person_id).slice(0, MOST);
    const button = (text, key, say, extra = "") => element("button", { class: `button ${extra}`, type: "button", "aria-keyshortcuts": key, onclick: () => this.#say(say) }, element("kbd", {}, key.toUpperCase()), text);
    const choices = others.map((candidate, row) => element("button", { class: "choice", type: "button", disabled: !mayEdit, "aria-keyshortcuts": String(row + 1), onclick: () => this.#say(() => this.judging.is([face.id], candidate)) },
      element("kbd", {}, String(row + 1)), portrait(candidate.person, candidate.face_id, "small-picture"), element("span", { class: "grow" }, element("strong", {}, candidate.person), likeness(candidate, face.needed))));
    this.parts.side.replaceChildren(
      element("div", { class: "row" }, facePicture(this.store.event, face.id), element("div", { class: "grow" },
        element("h3", {}, nameOf(face)), element("p", { class: "small soft" }, [face.external_id, t("Face {number}", { number: face.face }), sureness(face.certainty), timesOf(face)].filter(Boolean).join(" · ")))),
      mayEdit ? element("div", { class: "stack tight" },
        person ? button(t("Right"), "r", () => this.judging.is([face.id], person), "primary") : "",
        person ? button(t("Not {name}", { name: person.person }), "x", () => this.judging.not([face.id], person)) : "",
        button(t("Nobody of ours"), "n", () => this.judging.nobody([face.id])),
        button(person ? t("Somebody else …") : t("Name …"), "w", () => this.judging.ask([face.id], { teach: !person }), person ? "" : "primary")) : "",
      choices.length ? element("h4", { class: "small soft" }, person ? t("Or one of these") : t("Perhaps")) : "",
      element("div", { class: "choices" }, ...choices),
      element("details", { class: "why small" }, element("summary", {}, t("Why?")), element("p", { class: "soft" }, whyOf(face))));
  }

  async #say(say) {
    this.parts.problem.hidden = true;
    try {
      await say();
    } catch (error) {
      showProblem(this.parts.problem, error);
    }
  }

  #zoom(button) {
    const on = this.parts.stage.classList.toggle("zoomed");
    button.setAttribute("aria-pressed", String(on));
    const image = this.holder.querySelector("img");
    if (image) image.src = pictureOf(this.store, this.photo, on ? ZOOM_PX : SCREEN_PX);
  }

  #key(event) {
    if (!isCommand(event) || document.querySelector("dialog[open]:not(#viewer)")) return;
    const key = event.key.toLowerCase();
    if (this.drawing) return this.#moveDrawing(event);
    const onBox = event.target.closest(".box");
    const { face } = this;
    const keys = {
      pagedown: () => this.step(1),
      pageup: () => this.step(-1),
      b: () => this.parts.draw?.click(),
    };
    if (!onBox) Object.assign(keys, { j: () => this.step(1), k: () => this.step(-1), arrowright: () => this.step(1), arrowleft: () => this.step(-1) });
    if (face && mayEdit) {
      this.parts.side.querySelectorAll("[aria-keyshortcuts]").forEach((button) => { keys[button.getAttribute("aria-keyshortcuts").toLowerCase()] = () => button.click(); });
    }
    if (!keys[key]) return;
    event.preventDefault();
    keys[key]();
  }

  #closed() {
    const { isBack } = this;
    this.isBack = false;
    if (this.dialog.open) return; // opened again before this was told
    if (!isBack && history.state?.photo) {
      this.isLeaving = true;
      history.back();
    }
    this.#endDrawing();
    document.querySelector(`.tile-photo[data-photo="${this.photo?.id}"]`)?.focus();
  }

  // A face that was missed: drawn with the pointer, or moved and sized by keys.

  #beginDrawing() {
    this.drawing = [0.4, 0.35, 0.2, 0.2 * (this.photo.width / this.photo.height)];
    this.parts.draw.setAttribute("aria-pressed", "true");
    this.parts.stage.classList.add("drawing");
    this.box = element("div", { class: "drawn-box", tabindex: "0", role: "application", "aria-label": t("Box round the missed face: arrows move it, plus and minus size it, Enter adds the face, Escape gives up") });
    this.boxes.append(this.box);
    this.#showDrawing();
    this.parts.side.replaceChildren(
      element("h3", {}, t("Which face was missed?")),
      element("p", { class: "small soft" }, t("Draw a box from the forehead to the chin. By keys: arrows move it, plus and minus size it, Enter adds the face.")),
      element("div", { class: "row wrap" },
        element("button", { class: "button primary", type: "button", onclick: () => this.#addDrawn() }, t("Add this face")),
        element("button", { class: "button quiet", type: "button", onclick: () => { this.#endDrawing(); this.#faces(); } }, t("Cancel"))));
    this.box.focus();
    speak(this.box.getAttribute("aria-label"));
  }

  #showDrawing() {
    placedAt(this.box, this.drawing);
  }

  #endDrawing() {
    this.drawing = null;
    this.box?.remove();
    this.parts.draw?.setAttribute("aria-pressed", "false");
    this.parts.stage.classList.remove("drawing");
  }

  #moveDrawing(event) {
    const [left, top, width, height] = this.drawing;
    const across = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key] ?? 0;
    const down = { ArrowUp: -STEP, ArrowDown: STEP }[event.key] ?? 0;
    const by = { "+": 1.1, "=": 1.1, "-": 1 / 1.1 }[event.key] ?? 1;
    if (event.key === "Escape") { this.#endDrawing(); this.#faces(); }
    else if (event.key === "Enter" && event.target === this.box) this.#addDrawn();
    else if (across || down || by !== 1) {
      this.drawing = [left + across - (width * (by - 1)) / 2, top + down - (height * (by - 1)) / 2, width * by, height * by];
      this.#showDrawing();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #press(event) {
    if (!this.drawing || event.button !== 0) return;
    drawn(event, this.boxes, this.parts.stage, (shape) => {
      this.drawing = shape;
      this.#showDrawing();
    });
  }

  async #addDrawn() {
    const [left, top, width, height] = this.drawing;
    const { photo } = this;
    const box = [left * photo.width, top * photo.height, width * photo.width, height * photo.height].map((side) => Math.round(side * 10) / 10);
    if (box[2] < LEAST_PX || box[3] < LEAST_PX) return;
    await this.#say(async () => {
      const face = await this.store.addFace(photo.id, box);
      this.#endDrawing();
      this.chosen = face.id;
      this.#faces();
      speak(t("The face was added"));
    });
  }
}
