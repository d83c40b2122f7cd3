// The lists of the roll: who was present, unknown, too small to tell, absent.

import { element, mayEdit, pageOf, portrait } from "./api.js";
import { likeness, nameOf, sureness, timesOf, whyOf } from "./judging.js";
import { moment, n, t } from "./messages.js";
import { facePicture } from "./who.js";

const VIDEOS = 2; // of one line
const FACES = 24; // of one line at first
const PIECE = 200; // lines or groups at a time: the rest comes when one scrolls there

// Add what a list holds in pieces, so that a long one is there at once.
function inPieces(list, rows, drawn) {
  let from = 0;
  const end = element("li", { class: "piece-end", "aria-hidden": "true" });
  const more = () => {
    end.remove();
    list.append(...rows.slice(from, from + PIECE).map(drawn));
    from += PIECE;
    if (from < rows.length) { list.append(end); watch.observe(end); }
  };
  const watch = new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) { watch.unobserve(end); more(); } }, { rootMargin: "600px" });
  more();
}

// From when to when somebody was in the first videos; the rest stands with the faces.
const inVideos = (line) => line.videos.slice(0, VIDEOS).map((stay) => `${stay.video.split("/").at(-1)} ${timesOf(stay)}`);

export class Lists {
  constructor(store, judging, { showPhoto, failed }) {
    Object.assign(this, { store, judging, showPhoto, failed });
    this.opened = null; // key of the line whose faces are shown
  }

  #button(text, say, { extra = "", label } = {}) {
    return element("button", { class: `button small ${extra}`, type: "button", "aria-label": label, onclick: () => say().catch?.(this.failed) }, text);
  }

  #line(key, { picture, enrolled, title, told, badge, faces, person }) {
    const detail = element("div", { class: "line-detail", id: `detail-${key}`, hidden: true });
    const row = element("button", { class: "line", type: "button", "data-rove": true, "data-key": key, "aria-expanded": "false", "aria-controls": detail.id },
      picture, enrolled,
      element("span", { class: "grow" }, element("strong", { class: "clip" }, title), element("span", { class: "small soft clip" }, told)),
      badge);
    const open = (on) => {
      row.setAttribute("aria-expanded", String(on));
      detail.hidden = !on;
      if (on && !detail.childElementCount) this.#fill(detail, faces, person);
    };
    row.addEventListener("click", () => {
      const on = row.getAttribute("aria-expanded") !== "true";
      this.opened = on ? key : null;
      open(on);
    });
    const made = element("li", {}, row, detail);
    if (this.opened === key) open(true);
    return made;
  }

  async #fill(detail, ids, person) {
    if (mayEdit) detail.append(this.#all(ids, person));
    const list = element("ul", { class: "line-faces" });
    detail.append(list);
    const shown = await this.store.facesOf(ids.slice(0, FACES)).catch(this.failed);
    list.append(...(shown ?? []).map((face) => this.#face(face, person)));
    if (ids.length > FACES) detail.append(element("p", { class: "small soft" }, n("and {count} more", "and {count} more", ids.length - FACES)));
    const [first] = shown ?? [];
    if (!person && first?.candidates.length && mayEdit) detail.prepend(this.#candidates(ids, first));
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

  #person(line) {
    const told = [line.external_id, n("in {count} photo", "in {count} photos", line.photos), line.expected === false ? t("not expected") : null, ...inVideos(line)];
    const word = line.confirmed_by ? sureness("confirmed") : sureness(line.certainty);
    return this.#line(`p${line.person_id}`, {
      picture: facePicture(this.store.event, line.best),
      enrolled: portrait(line.person, line.portrait, "small-picture"),
      title: line.person,
      told: told.filter(Boolean).join(" · "),
      badge: element("span", { class: `badge ${line.confirmed_by ? "match firm" : line.certainty === "sure" ? "match" : "soft-match"}`, title: line.confirmed_by ? t("{name} said so.", { name: line.confirmed_by }) : undefined }, word),
      faces: line.faces,
      person: { person_id: line.person_id, person: line.person },
    });
  }

  #group(group) {
    return this.#line(`g${group.group}`, {
      picture: facePicture(this.store.event, group.best),
      enrolled: null,
      title: group.nobody_of_ours ? t("Nobody of ours") : n("Seen in {count} photo", "Seen in {count} photos", group.photos),
      told: group.first ? moment(group.first) : n("{count} face", "{count} faces", group.faces.length),
      badge: element("span", { class: `badge ${group.nobody_of_ours ? "unusable" : "unknown"}` }, group.nobody_of_ours ? t("said so") : t("unknown")),
      faces: group.faces,
      person: null,
    });
  }

  #small(id) {
    return this.#line(`u${id}`, { picture: facePicture(this.store.event, id), enrolled: null, title: t("Too small to tell"), told: t("Or too blurred, or turned away"), badge: null, faces: [id], person: null });
  }

  #absent(line) {
    return element("li", { class: "absent-line", tabindex: "0", "data-rove": true }, portrait(line.person, line.portrait, "small-picture"),
      element("span", { class: "grow" }, element("strong", {}, line.person), element("span", { class: "small soft" }, line.external_id ?? "")),
      element("a", { class: "button small quiet", href: pageOf(`/people/${line.person_id}`), tabindex: "-1", "aria-label": t("To {name}", { name: line.person }) }, "→"));
  }

  // The list of a tab.
  drawn(tab) {
    const { people, unknown, unusable, event } = this.store.roll;
    const list = element("ul", { class: "lines" });
    const [rows, draw, none] = {
      present: [people.filter((line) => line.standing === "present"), (line) => this.#person(line), t("Nobody was recognised yet.")],
      unknown: [unknown, (group) => this.#group(group), t("No unknown faces.")],
      small: [unusable, (id) => this.#small(id), t("No face was too small to tell.")],
      absent: [people.filter((line) => line.standing === "absent"), (line) => this.#absent(line), event.expects === "nobody" ? t("Nobody in particular was expected, so nobody is absent. Say who was under “Expected”.") : t("Nobody who was expected is absent.")],
    }[tab];
    if (!rows.length) return element("p", { class: "empty slim soft" }, none);
    inPieces(list, rows, draw);
    return list;
  }
}
