// What the page knows of an event: its roll, photos and faces; verdicts, and taking them back.

import { call } from "./api.js";

const AT_ONCE = 100; // faces or photos that one request asks about
const PAGE = 400; // faces of one answer: with their candidates they stay well below a megabyte
const CALM_MS = 250; // after the last verdict, before the roll is read anew

const isGone = (error) => [404, 409].includes(error.status);

export class Store extends EventTarget {
  constructor(event) {
    super();
    this.event = event;
    this.path = `/v1/events/${event}`;
    this.roll = null;
    this.photos = [];
    this.faces = new Map(); // by id
    this.byPhoto = new Map(); // faces' ids by photo
    this.acts = []; // what can be undone, newest last: {text, and what the service made of it}
    this.saying = new Set(); // verdicts that are on their way
    this.timer = 0;
    this.reading = null;
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  async readRoll() {
    this.reading = call("GET", `${this.path}/roll`, { parameters: { format: "json" } });
    this.roll = await this.reading;
    this.#tell("roll");
    return this.roll;
  }

  // Photos that are not known yet: their ids grow as they come.
  async readPhotos() {
    const photos = [...this.photos];
    for (let after = Math.max(0, ...photos.map((photo) => photo.id)); after !== null;) {
      const page = await call("GET", `${this.path}/photos`, { parameters: { after } });
      photos.push(...page.photos);
      after = page.next;
    }
    // As they were taken; those that do not say come last, in the order in which they came.
    this.photos = photos.sort((a, b) => (a.taken_at ?? "9999").localeCompare(b.taken_at ?? "9999") || a.id - b.id);
    this.#tell("photos");
  }

  #keep(faces) {
    for (const face of faces) this.faces.set(face.id, face);
  }

  async #ask(name, ids) {
    const found = [];
    for (let start = 0; start < ids.length; start += AT_ONCE) {
      const some = new URLSearchParams(ids.slice(start, start + AT_ONCE).map((id) => [name, id]));
      for (let after = 0; after !== null;) {
        const page = await call("GET", `${this.path}/appearances?limit=${PAGE}&after=${after}&${some}`);
        found.push(...page.faces);
        this.#keep(page.faces);
        after = page.next;
      }
    }
    return found;
  }

  // Faces by their ids, asked for where they are not known yet.
  async facesOf(ids) {
    const unknown = ids.filter((id) => !this.faces.has(id));
    if (unknown.length) await this.#ask("face", unknown);
    return ids.map((id) => this.faces.get(id)).filter(Boolean);
  }

  async facesOn(photos) {
    const unknown = photos.filter((id) => !this.byPhoto.has(id));
    if (unknown.length) {
      const found = await this.#ask("photo", unknown);
      for (const photo of unknown) this.byPhoto.set(photo, []);
      for (const face of found) this.byPhoto.get(face.photo_id)?.push(face.id);
    }
    return photos.map((photo) => this.byPhoto.get(photo).map((id) => this.faces.get(id)));
  }

  // Say what faces are; `text` tells it to who may want it undone.
  say(verdict, text) {
    const saying = this.#said(verdict, text);
    this.saying.add(saying);
    return saying.finally(() => this.saying.delete(saying));
  }

  async #said(verdict, text) {
    const judged = await call("POST", `${this.path}/verdicts`, { json: verdict }).catch((error) => this.#outOfDate(error));
    if (judged.act !== null && !this.acts.some((each) => each.act === judged.act)) this.#keepAct({ text, ...judged });
    await this.#changed(judged.faces);
    this.#tell("said", { text, judged });
    return judged;
  }

  #keepAct(act) {
    this.acts = [...this.acts, act].sort((a, b) => a.act - b.act); // answers overtake each other
  }

  // Somebody deleted or changed meanwhile what was meant: the page shows what there is now, and why nothing was done.
  async #outOfDate(error) {
    if (isGone(error)) await this.readAll().catch(() => null);
    throw error;
  }

  get canUndo() {
    return this.acts.length > 0 || this.saying.size > 0;
  }

  // Take back what was said last here, that is on its way even; null for nothing. Each call takes back another act.
  async undo() {
    await Promise.allSettled(this.saying);
    const last = this.acts.pop();
    if (!last) return null;
    try {
      const undone = await call("POST", `${this.path}/verdicts/undo`, { json: { act: last.act } });
      await this.#changed(undone.faces);
      this.#tell("undone", undone);
    } catch (error) {
      // What somebody else took back stays so; what the service did not answer can be tried again.
      if (!isGone(error)) this.#keepAct(last);
      await this.#outOfDate(error);
    }
    return last;
  }

  // Faces were judged: those that are shown are read anew at once, the roll when it is calm.
  async #changed(ids) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.readRoll().catch((error) => this.#tell("failed", error)), CALM_MS);
    const known = ids.filter((id) => this.faces.has(id));
    if (!known.length) return;
    this.#ask("face", known).then(
      () => this.#tell("faces", new Set(known.map((id) => this.faces.get(id).photo_id))),
      (error) => this.#tell("failed", error),
    );
  }

  // Photos came, or everything was decided anew.
  async readAll() {
    this.faces.clear();
    this.byPhoto.clear();
    await Promise.all([this.readRoll(), this.readPhotos()]);
  }

  async addFace(photo, box) {
    const { face } = await call("POST", `${this.path}/photos/${photo}/faces`, { json: { box } });
    this.byPhoto.delete(photo);
    await this.facesOn([photo]);
    this.#tell("faces", new Set([photo]));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.readRoll().catch((error) => this.#tell("failed", error)), CALM_MS);
    return face;
  }
}
