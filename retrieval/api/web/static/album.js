// The photos of an event in a grid that can be zoomed, with numbered boxes of their faces.

import { address, element } from "./api.js";
import { placed } from "./boxes.js";
import { nameOf, stateOf, timesOf } from "./judging.js";
import { clock, n, t } from "./messages.js";
import { inOrder } from "./redrawing.js";
import { roving } from "./roving.js";
import { facePicture } from "./who.js";

const SMALL_PX = 320; // pictures of the grid; larger ones where it is zoomed
const ZOOMED_PX = 220; // height of a row from which the larger picture is worth it
const AT_ONCE = 24; // photos whose faces are asked for together
const CALM_MS = 40;
const STAND_IN = 12; // faces that stand for a photo or a video that cannot be shown

export const pictureOf = (store, photo, side) => address(`${store.path}/photos/${photo.id}/picture`, { side, optional: 1 });
export const fileOf = (photo) => photo.photo.split("/").at(-1);

export class Album {
  constructor(list, store, { open, failed }) {
    Object.assign(this, { list, store, open, failed });
    this.tiles = new Map(); // by photo
    this.due = new Set(); // photos in sight whose faces are not asked for yet
    this.side = SMALL_PX;
    this.marked = new Set();
    this.watch = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: "400px" });
    roving(list, ".tile-photo");
    store.addEventListener("photos", () => this.draw());
    store.addEventListener("faces", ({ detail }) => detail.forEach((photo) => this.#boxes(photo)));
    list.addEventListener("click", (event) => {
      const tile = event.target.closest(".tile-photo");
      if (tile) this.open(Number(tile.dataset.photo));
    });
  }

  draw() {
    const wanted = new Set(this.store.photos.map((photo) => photo.id));
    for (const id of this.tiles.keys()) if (!wanted.has(id)) this.tiles.delete(id);
    for (const photo of this.store.photos) {
      if (!this.tiles.has(photo.id)) {
        const tile = this.#tile(photo);
        this.tiles.set(photo.id, tile);
        this.watch.observe(tile);
      } else if (!this.store.byPhoto.has(photo.id)) {
        const tile = this.tiles.get(photo.id);
        this.watch.unobserve(tile);
        this.watch.observe(tile);
      }
    }
    inOrder(this.list, this.store.photos.map((photo) => this.tiles.get(photo.id)));
  }

  #tile(photo) {
    const isVideo = photo.seconds !== null;
    const shown = isVideo
      ? element("span", { class: "unkept-faces" })
      : element("img", { alt: "", loading: "lazy", decoding: "async", width: photo.width, height: photo.height, src: pictureOf(this.store, photo, this.side) });
    const button = element("button", { class: `tile-photo ${isVideo ? "unkept video" : ""}`, type: "button", "data-photo": photo.id, "aria-label": fileOf(photo), title: fileOf(photo) }, shown, element("span", { class: "boxes", "aria-hidden": "true" }));
    if (!isVideo) shown.addEventListener("error", () => this.#unkept(photo, button), { once: true });
    const tile = element("li", {}, button);
    tile.style.setProperty("--ratio", String(photo.width / photo.height));
    return tile;
  }

  // A photo that was not kept: its faces stand for it, as they do for a video.
  async #unkept(photo, button) {
    button.classList.add("unkept");
    const [faces] = await this.store.facesOn([photo.id]).catch(() => [[]]);
    button.querySelector("img").replaceWith(element("span", { class: "unkept-faces" }));
    this.#standIn(photo, button, faces);
  }

  #standIn(photo, button, faces) {
    const told = photo.seconds === null ? fileOf(photo) : `${fileOf(photo)} · ${clock(photo.seconds)}`;
    button.querySelector(".unkept-faces").replaceChildren(...faces.slice(0, STAND_IN).map((face) => facePicture(this.store.event, face.id)), element("span", { class: "small soft clip" }, told));
  }

  #seen(entries) {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      this.watch.unobserve(entry.target);
      this.due.add(Number(entry.target.firstElementChild.dataset.photo));
    }
    if (this.due.size && !this.timer) this.timer = setTimeout(() => this.#ask(), CALM_MS);
  }

  async #ask() {
    while (this.due.size) {
      const some = [...this.due].slice(0, AT_ONCE);
      some.forEach((photo) => this.due.delete(photo));
      try {
        await this.store.facesOn(some);
      } catch (error) {
        this.failed(error);
        break;
      }
      some.forEach((photo) => this.#boxes(photo));
    }
    this.timer = 0;
  }

  #boxes(id) {
    const tile = this.tiles.get(id)?.firstElementChild;
    const faces = (this.store.byPhoto.get(id) ?? []).map((face) => this.store.faces.get(face));
    const photo = this.store.photos.find((each) => each.id === id);
    if (!tile || !photo) return;
    tile.querySelector(".boxes").replaceChildren(...faces.map((face) =>
      placed(element("span", { class: `mini-box ${stateOf(face)}${this.marked.has(face.id) ? " marked" : ""}` }, element("b", {}, String(face.face))), face, photo)));
    if (photo.seconds !== null) this.#standIn(photo, tile, faces);
    const named = faces.filter((face) => face.person).map((face) => [face.person, timesOf(face)].filter(Boolean).join(" "));
    const others = faces.length - named.length;
    const told = [...named, others ? n("{count} without a name", "{count} without a name", others) : null].filter(Boolean);
    const nobody = t("no face");
    tile.setAttribute("aria-label", t("{photo}: {faces}", { photo: fileOf(photo), faces: told.join(", ") || nobody }));
  }

  // Rows of that height.
  zoom(height) {
    this.list.style.setProperty("--row", `${height}px`);
    const side = height >= ZOOMED_PX ? SMALL_PX * 2 : SMALL_PX;
    if (side === this.side) return;
    this.side = side;
    for (const photo of this.store.photos) {
      const image = this.tiles.get(photo.id)?.querySelector(":scope > button > img");
      if (image) image.src = pictureOf(this.store, photo, side);
    }
  }
}

export const describe = (face) => t("Face {number}: {name}", { number: face.face, name: nameOf(face) });
