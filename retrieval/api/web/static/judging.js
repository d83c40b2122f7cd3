// What can be said of faces, in one place: words, and what each button sends.

import { element } from "./api.js";
import { decimal, n, t } from "./messages.js";
import { askWho, facePicture } from "./who.js";

// How sure a name is, in a word.
export const sureness = (certainty) => ({
  confirmed: t("confirmed"),
  sure: t("sure"),
  likely: t("likely"),
  unsure: t("not sure"),
})[certainty] ?? "";

export function nameOf(face) {
  if (face.person) return face.person;
  if (face.nobody_of_ours) return t("Nobody of ours");
  if (face.decision === "unusable") return t("Not clear enough");
  if (face.decision === "erased" || face.decision === "forgotten") return t("Forgotten");
  if (face.decision === "ambiguous" && face.candidates.length) return t("{name}?", { name: face.candidates[0].person });
  return t("Unknown");
}

// From when to when a face was seen in a video; nothing of a photo's.
export const timesOf = (face) => (face.from === null ? "" : face.from === face.to ? face.from : t("{from} to {to}", face));

// The class that colours a face: what it is by now, under what people said.
export function stateOf(face) {
  if (face.person) return face.certainty === "unsure" ? "ambiguous" : "match";
  if (face.nobody_of_ours) return "nobody";
  return ["unusable", "erased", "forgotten"].includes(face.decision) ? "unusable" : face.decision === "ambiguous" ? "ambiguous" : "unknown";
}

// Why a face is what it is: plain words first, the numbers behind them.
export function whyOf(face) {
  const words = [];
  if (face.judged_by) words.push(t("{name} said so.", { name: face.judged_by }));
  if (face.decision === "unusable") words.push(t("The face is {size} pixels across: too small, too blurred or turned too far away to compare.", { size: Math.round(face.size_px) }));
  else if (face.by_event) words.push(t("It is like other faces of that person at this event."));
  else if (face.decision === "ambiguous") words.push(t("Two people are about equally like it."));
  if (face.likeness !== null) words.push(t("Likeness {likeness}; {needed} is needed.", { likeness: decimal(face.likeness), needed: decimal(face.needed) }));
  return words.join(" ");
}

export class Judging {
  constructor(store) {
    this.store = store;
  }

  is(faces, person, more = {}) {
    const { person_id, person: name } = person;
    const said = person_id ? { person_id } : { person: name, external_id: person.external_id ?? undefined };
    return this.store.say({ verdict: "is", faces, ...said, ...more }, n("{count} face is {name}", "{count} faces are {name}", faces.length, { name }));
  }

  not(faces, person) {
    return this.store.say({ verdict: "not", faces, person_id: person.person_id }, t("Not {name}", { name: person.person }));
  }

  nobody(faces) {
    return this.store.say({ verdict: "nobody", faces }, n("{count} face is nobody of ours", "{count} faces are nobody of ours", faces.length));
  }

  // Ask who it is; null where nothing was said.
  async ask(faces, { teach = false } = {}) {
    const who = await askWho({ picture: facePicture(this.store.event, faces[0]), teach });
    if (who === null) return null;
    return this.is(faces, who, { teach: who.teach });
  }
}

// Under a candidate's name: the own number, which tells people of one name apart, and how like the face is.
export function likeness(candidate, needed) {
  const word = needed !== null && candidate.score >= needed ? t("likely") : t("not sure");
  return element("span", { class: "soft small" }, candidate.external_id ? `${candidate.external_id} · ` : "", word, " ", element("span", { class: "number" }, decimal(candidate.score, 2)));
}
