// The stack of what is to check: one card at a time, answered by a click or a key.

import { element, mayEdit, portrait, speak } from "./api.js";
import { likeness, whyOf } from "./judging.js";
import { n, t } from "./messages.js";
import { isCommand } from "./roving.js";
import { facePicture } from "./who.js";

const MOST = 4; // candidates, chosen by 1 to 4

export class Cards {
  constructor(place, store, judging, { showPhoto, failed }) {
    Object.assign(this, { place, store, judging, showPhoto, failed });
    this.skipped = new Set(); // people whose card was put off
    this.answered = new Set(); // people whose card waits for the roll
    this.card = null;
    document.addEventListener("keydown", (event) => this.#key(event));
    store.addEventListener("undone", () => { this.answered.clear(); this.skipped.clear(); this.card = null; });
  }

  get lines() {
    return this.store.roll.people.filter((line) => line.standing === "to check" && !this.answered.has(line.person_id));
  }

  // The roll was read: what was answered is not to check any more.
  renew() {
    const standing = new Set(this.store.roll.people.filter((line) => line.standing === "to check").map((line) => line.person_id));
    for (const person of this.answered) if (!standing.has(person)) this.answered.delete(person);
  }

  async show({ focus = false } = {}) {
    const { lines } = this;
    const line = lines.find((each) => !this.skipped.has(each.person_id)) ?? lines[0];
    if (!line) {
      this.card = null;
      this.place.replaceChildren(element("div", { class: "empty slim", tabindex: "-1" }, element("h3", {}, t("Nothing is left to check")), element("p", {}, t("Whoever was seen stands under Present; unknown faces can still be named."))));
      if (focus) this.place.firstElementChild.focus();
      return;
    }
    if (this.card?.line.person_id === line.person_id && this.place.contains(this.card.element)) {
      this.#count();
      return;
    }
    const shown = this.store.faces.has(line.best) ? [this.store.faces.get(line.best)] : await this.store.facesOf([line.best]);
    const [face] = shown;
    if (!face) return;
    const own = { person_id: line.person_id, person: line.person, external_id: line.external_id, score: line.likeness ?? 0, face_id: line.portrait };
    const candidates = [face.candidates.find((each) => each.person_id === line.person_id) ?? own, ...face.candidates.filter((each) => each.person_id !== line.person_id)].slice(0, MOST);
    this.card = { line, face, candidates, element: this.#drawn(line, face, candidates) };
    this.place.replaceChildren(this.card.element);
    this.#count();
    if (focus) this.card.element.focus({ preventScroll: true });
    this.#prepare(line);
  }

  // The next card's face is read while this one is looked at.
  #prepare(line) {
    const next = this.lines.find((each) => each !== line && !this.skipped.has(each.person_id));
    if (next) this.store.facesOf([next.best]).catch(() => null);
  }

  #count() {
    const counter = this.card?.element.querySelector(".card-count");
    if (counter) counter.textContent = n("{count} to check", "{count} to check", this.lines.length);
  }

  #drawn(line, face, candidates) {
    const alone = line.faces.length === 1;
    const choice = (candidate, row) => element("button", { class: "choice", type: "button", onclick: () => this.choose(row), "aria-keyshortcuts": String(row + 1), disabled: !mayEdit },
      element("kbd", {}, String(row + 1)),
      portrait(candidate.person, candidate.face_id, "small-picture"),
      element("span", { class: "grow" }, element("strong", {}, candidate.person), likeness(candidate, face.needed)));
    return element("div", { class: "check-card", tabindex: "-1", role: "group", "aria-label": t("To check: is this {name}?", { name: line.person }) },
      element("div", { class: "row spread" }, element("span", { class: "badge ambiguous card-count" }), element("button", { class: "button small quiet", type: "button", onclick: () => this.showPhoto(face) }, t("Show the photo"))),
      element("div", { class: "check-faces" }, facePicture(this.store.event, face.id, t("The face that is to check")), portrait(candidates[0].person, candidates[0].face_id, "beside")),
      alone ? null : element("div", { class: "check-faces more" }, ...line.faces.slice(1, 7).map((id) => facePicture(this.store.event, id))),
      element("h3", {}, t("Who is this?")),
      element("p", { class: "small soft" }, alone ? t("Seen once only, and barely like enough.") : t("No face of it is like enough by itself.")),
      element("div", { class: "choices" }, ...candidates.map(choice)),
      element("div", { class: "row wrap" },
        element("button", { class: "button", type: "button", onclick: () => this.nobody(), "aria-keyshortcuts": "n", disabled: !mayEdit }, element("kbd", {}, "N"), t("Nobody of ours")),
        element("button", { class: "button", type: "button", onclick: () => this.other(), "aria-keyshortcuts": "w", disabled: !mayEdit }, element("kbd", {}, "W"), t("Somebody else")),
        element("button", { class: "button quiet", type: "button", onclick: () => this.skip(), "aria-keyshortcuts": "s" }, element("kbd", {}, "S"), t("Later"))),
      element("details", { class: "why small" }, element("summary", {}, t("Why?")), element("p", { class: "soft" }, whyOf(face))));
  }

  async #answer(say, told) {
    const { line } = this.card;
    this.answered.add(line.person_id);
    this.card = null;
    const began = performance.now();
    const saying = say(line);
    const next = this.show({ focus: true });
    speak(told);
    try {
      await Promise.all([saying, next]);
      performance.measure("verdict", { start: began });
    } catch (error) {
      this.answered.delete(line.person_id);
      this.failed(error);
      await this.show({ focus: true });
    }
  }

  choose(row) {
    const candidate = this.card?.candidates[row];
    if (candidate) this.#answer((line) => this.judging.is(line.faces, candidate), t("{name}, confirmed", { name: candidate.person }));
  }

  nobody() {
    if (this.card) this.#answer((line) => this.judging.nobody(line.faces), t("Nobody of ours"));
  }

  async other() {
    const { line } = this.card;
    const said = await this.judging.ask(line.faces).catch(this.failed);
    if (!said) return;
    this.answered.add(line.person_id);
    this.card = null;
    await this.show({ focus: true });
  }

  skip() {
    if (!this.card) return;
    this.skipped.add(this.card.line.person_id);
    if (this.lines.every((line) => this.skipped.has(line.person_id))) this.skipped.clear();
    this.card = null;
    this.show({ focus: true });
  }

  #key(event) {
    if (!this.card || this.place.offsetParent === null || !isCommand(event) || document.querySelector("dialog[open]")) return;
    const key = event.key.toLowerCase();
    if (key === "s") this.skip();
    else if (!mayEdit) return;
    else if (key >= "1" && key <= String(MOST)) this.choose(Number(key) - 1);
    else if (key === "n") this.nobody();
    else if (key === "w") this.other();
    else return;
    event.preventDefault();
  }
}
