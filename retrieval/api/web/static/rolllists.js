// The lists of the roll: who was present, unknown, not clear enough, absent.

import { element, mayEdit, pageOf, portrait } from "./api.js";
import { likeness, nameOf, sureness, timesOf, whyOf } from "./judging.js";
import { moment, n, plain, t } from "./messages.js";
import { whenReleased } from "./pressing.js";
import { inOrder } from "./redrawing.js";
import { facePicture } from "./who.js";

const VIDEOS = 2; // of one line
const FACES = 24; // of one line at first
const MANY = 12; // names that are not seen at a glance
const PIECE = 200; // lines or groups at a time: the rest comes when one scrolls there

// From when to when somebody was in the first videos; the rest stands with the faces.
const inVideos = (line) => line.videos.slice(0, VIDEOS).map((stay) => `${stay.video.split("/").at(-1)} ${timesOf(stay)}`);

export class Lists {
  constructor(place, store, judging, { find, showPhoto, failed }) {
    Object.assign(this, { place, store, judging, find, showPhoto, failed });
    this.opened = new Set(); // keys of the lines whose faces are shown
    this.tab = null; // what the list shows
    this.places = new Map(); // its lines by key: {made, told}
    find.addEventListener("input", () => this.show(this.asked));
    this.end = element("li", { class: "piece-end", "aria-hidden": "true" });
    new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      this.most += PIECE;
      this.show(this.tab);
    }, { rootMargin: "600px" }).observe(this.end);
  }

  #button(text, say, { extra = "", label } = {}) {
    return element("button", { class: `button small ${extra}`, type: "button", "aria-label": label, onclick: () => say().catch?.(this.failed) }, text);
  }

  // A line that folds out: its row and its detail stay what they are while what they tell changes.
  #line(made, { key, picture, enrolled, title, told, badge, faces, person }) {
    const line = made.line ??= this.#folding(made, key);
    Object.assign(line, { faces, person });
    line.row.replaceChildren(picture, ...(enrolled ? [enrolled] : []),
      element("span", { class: "grow" }, element("strong", { class: "clip" }, title), element("span", { class: "small soft clip" }, told)),
      ...(badge ? [badge] : []));
    return made;
  }

  #folding(made, key) {
    const detail = element("div", { class: "line-detail", id: `detail-${key}`, hidden: true });
    const row = element("button", { class: "line", type: "button", "data-rove": true, "data-key": key, "aria-expanded": "false", "aria-controls": detail.id });
    row.addEventListener("click", () => {
      if (!this.opened.delete(key)) this.opened.add(key);
      this.#unfold(made.line);
    });
    made.append(row, detail);
    return { key, row, detail, shown: null };
  }

  #unfold(line) {
    const on = this.opened.has(line.key);
    line.row.setAttribute("aria-expanded", String(on));
    line.detail.hidden = !on;
    if (on) this.#fill(line);
  }

  // All at once, and anew only where it has changed: nothing moves away from under the pointer.
  async #fill(line) {
    const { faces: ids, person } = line;
    const faces = await this.store.facesOf(ids.slice(0, FACES)).catch(this.failed) ?? [];
    whenReleased(() => {
      const shown = JSON.stringify([ids, person, faces]);
      if (line.shown === shown || line.faces !== ids) return;
      line.shown = shown;
      const focused = line.detail.contains(document.activeElement);
      line.detail.replaceChildren(...this.#detail(ids, faces, person));
      if (focused) line.row.focus({ preventScroll: true });
    });
  }

  #detail(ids, faces, person) {
    const [first] = faces;
    return [
      !person && first?.candidates.length && mayEdit ? this.#candidates(ids, first) : "",
      mayEdit ? this.#all(ids, person) : "",
      element("ul", { class: "line-faces" }, ...faces.map((face) => this.#face(face, person))),
      ids.length > FACES ? element("p", { class: "small soft" }, n("and {count} more", "and {count} more", ids.length - FACES)) : "",
    ];
  }

  // What can be said of all faces of a line at once.
  #all(ids, person) {
    if (!person) {
      return element("div", { class: "row wrap" },
        this.#button(t("Name …"), () => this.judging.ask(ids, { teach: true }), { extra: "primary" }),
        this.#button(t("Nobody of ours"), () => this.judging.nobody(ids)));
    }
    return element("div", { class: "row wrap" },
      this.#button(t("Right"), () => this.judging.is(ids, person), { extra: "primary", label: t("Right: this is {name}", { name: person.person }) }),
      this.#button(t("Not {name}", { name: person.person }), () => this.judging.not(ids, person)),
      this.#button(t("Somebody else …"), () => this.judging.ask(ids)),
      element("a", { class: "button small quiet", href: pageOf(`/people/${person.person_id}`) }, t("To the person")));
  }

  #candidates(ids, face) {
    return element("div", { class: "choices", role: "group", "aria-label": t("Perhaps") }, ...face.candidates.slice(0, 3).map((candidate) =>
      element("button", { class: "choice", type: "button", onclick: () => this.judging.is(ids, candidate).catch(this.failed) },
        portrait(candidate.person, candidate.face_id, "small-picture"),
        element("span", { class: "grow" }, element("strong", {}, t("{name}?", { name: candidate.person })), likeness(candidate, face.needed)))));
  }

  // One face: its photo, and what can be said of it alone.
  #face(face, person) {
    const where = face.photo.split("/").at(-1);
    return element("li", {},
      element("button", { class: "face-button", type: "button", "aria-label": t("Show {photo}", { photo: where }), title: where, onclick: () => this.showPhoto(face) }, facePicture(this.store.event, face.id)),
      element("span", { class: "small clip" }, sureness(face.certainty) || nameOf(face)),
      face.from === null ? null : element("span", { class: "small soft number" }, timesOf(face)),
      mayEdit ? element("details", { class: "menu" },
        element("summary", { class: "button small quiet", "aria-label": t("Correct this face in {photo}", { photo: where }) }, "⋯"),
        element("div", { class: "menu-list" },
          person ? this.#button(t("Right"), () => this.judging.is([face.id], person), { extra: "quiet" }) : null,
          person ? this.#button(t("Not {name}", { name: person.person }), () => this.judging.not([face.id], person), { extra: "quiet" }) : null,
          this.#button(t("Somebody else …"), () => this.judging.ask([face.id]), { extra: "quiet" }),
          this.#button(t("Nobody of ours"), () => this.judging.nobody([face.id]), { extra: "quiet" }),
          element("p", { class: "small soft" }, whyOf(face)))) : null);
  }

  #person(made, line) {
    const told = [line.external_id, n("in {count} photo", "in {count} photos", line.photos), line.expected === false ? t("not expected") : null, ...inVideos(line)];
    const word = line.confirmed_by ? sureness("confirmed") : sureness(line.certainty);
    return this.#line(made, {
      key: `p${line.person_id}`,
      picture: facePicture(this.store.event, line.best),
      enrolled: portrait(line.person, line.portrait, "small-picture"),
      title: line.person,
      told: told.filter(Boolean).join(" · "),
      badge: element("span", { class: `badge ${line.confirmed_by ? "match firm" : line.certainty === "sure" ? "match" : "soft-match"}`, title: line.confirmed_by ? t("{name} said so.", { name: line.confirmed_by }) : undefined }, word),
      faces: line.faces,
      person: { person_id: line.person_id, person: line.person },
    });
  }

  #group(made, group) {
    return this.#line(made, {
      key: `g${group.group}`,
      picture: facePicture(this.store.event, group.best),
      title: group.nobody_of_ours ? t("Nobody of ours") : n("Seen in {count} photo", "Seen in {count} photos", group.photos),
      told: group.first ? moment(group.first) : n("{count} face", "{count} faces", group.faces.length),
      badge: element("span", { class: `badge ${group.nobody_of_ours ? "unusable" : "unknown"}` }, group.nobody_of_ours ? t("said so") : t("unknown")),
      faces: group.faces,
      person: null,
    });
  }

  #unusable(made, id) {
    return this.#line(made, { key: `u${id}`, picture: facePicture(this.store.event, id), title: t("Not clear enough"), told: t("Too small, too blurred or turned away"), faces: [id], person: null });
  }

  #absent(made, line) {
    Object.assign(made, { className: "absent-line" }).dataset.rove = "";
    made.replaceChildren(portrait(line.person, line.portrait, "small-picture"),
      element("span", { class: "grow" }, element("strong", {}, line.person), element("span", { class: "small soft" }, line.external_id ?? "")),
      element("a", { class: "button small quiet", href: pageOf(`/people/${line.person_id}`), tabindex: "-1", "aria-label": t("To {name}", { name: line.person }) }, "→"));
    return made;
  }

  // What a tab lists: of each row its key, and how it is drawn into its place.
  #listed(tab) {
    const { people, unknown, unusable, event } = this.store.roll;
    return {
      present: [people.filter((line) => line.standing === "present"), (line) => line.person_id, (made, line) => this.#person(made, line), t("Nobody was recognised yet.")],
      unknown: [unknown, (group) => group.group, (made, group) => this.#group(made, group), t("No unknown faces.")],
      unusable: [unusable, (id) => id, (made, id) => this.#unusable(made, id), t("Every face was clear enough.")],
      absent: [people.filter((line) => line.standing === "absent"), (line) => line.person_id, (made, line) => this.#absent(made, line), event.expects === "nobody" ? t("Nobody in particular was expected, so nobody is absent. Say who was under “Expected”.") : t("Nobody who was expected is absent.")],
    }[tab];
  }

  // Of many lines with a name, those whose name or number has what is searched.
  #found(tab, lines) {
    const many = ["present", "absent"].includes(tab) && lines.length > MANY;
    this.find.parentElement.hidden = !many;
    const part = many ? plain(this.find.value.trim()) : "";
    return part ? lines.filter((line) => plain(`${line.person} ${line.external_id ?? ""}`).includes(part)) : lines;
  }

  // Show the list of a tab as it is by now; what stays the same is not touched.
  show(tab) {
    this.asked = tab;
    if (tab !== this.tab) {
      [this.tab, this.most, this.places] = [tab, PIECE, new Map()];
      this.list = element("ul", { class: "lines" });
    }
    const [every, keyOf, drawn, none] = this.#listed(tab);
    const rows = this.#found(tab, every);
    if (!rows.length) {
      this.tab = null;
      return this.place.replaceChildren(element("p", { class: "empty slim soft" }, every.length ? t("Nobody here is called so.") : none));
    }
    const before = this.places;
    this.places = new Map(rows.slice(0, this.most).map((row) => {
      const key = keyOf(row);
      const told = JSON.stringify(row);
      const place = before.get(key) ?? { made: element("li"), told: null };
      if (place.told !== told) drawn(place.made, row);
      place.told = told;
      return [key, place];
    }));
    const made = [...this.places.values()].map((place) => place.made);
    this.end.remove();
    inOrder(this.list, made);
    if (rows.length > this.most) this.list.append(this.end);
    if (this.list.parentElement !== this.place) this.place.replaceChildren(this.list);
    for (const each of made) if (each.line) this.#unfold(each.line);
  }
}
