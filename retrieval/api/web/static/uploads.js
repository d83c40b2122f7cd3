// Photos on their way into an event: in chunks, with progress, to be stopped and gone on with.

import { call, Problem } from "./api.js";

const PER_CHUNK = 8; // photos: a chunk takes a second or two, so that progress is seen
const SHARE = 0.5; // of what a request may have
const AT_ONCE = 2; // the service decodes the next while it embeds the last
const TRIES = 5;

const bytesOf = (files) => files.reduce((sum, file) => sum + file.size, 0);
const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

export class Upload {
  // limits: {photos, bytes} of a request; told: called whenever something has changed.
  constructor(event, limits, told) {
    this.event = event;
    this.most = limits.bytes;
    this.limits = { photos: Math.min(PER_CHUNK, limits.photos), bytes: limits.bytes * SHARE };
    this.told = told;
    this.waiting = [];
    this.total = 0;
    this.bytes = 0; // of all photos
    this.taken = 0; // bytes of those that were answered
    this.flying = new Map(); // bytes that are sent of each request that is not
    this.added = 0;
    this.known = 0;
    this.rejected = []; // {photo, reason, message}
    this.problem = null;
    this.working = 0;
    this.controller = null;
  }

  get done() { return this.added + this.known + this.rejected.length; }
  get sent() { return [...this.flying.values()].reduce((sum, bytes) => sum + bytes, this.taken); }
  get running() { return this.working > 0; }
  get finished() { return !this.running && !this.waiting.length && this.problem === null; }

  add(files) {
    for (const file of files) {
      this.bytes += file.size;
      // One that no request may carry would hold up all behind it.
      if (file.size < this.most) this.waiting.push(file);
      else {
        this.rejected.push({ photo: file.name });
        this.taken += file.size;
      }
    }
    this.total += files.length;
    return this.goOn();
  }

  stop() {
    this.controller?.abort();
  }

  // Send what waits, to its end or until it is stopped; what the service has is passed over there.
  async goOn() {
    if (this.running) return;
    this.problem = null;
    this.controller = new AbortController();
    const { signal } = this.controller;
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.#lane(signal)));
    this.told(this);
  }

  async #lane(signal) {
    this.working += 1;
    this.told(this);
    try {
      while (this.waiting.length && !signal.aborted && this.problem === null) {
        const chunk = this.#next();
        try {
          this.#count(await this.#send(chunk, signal));
          this.taken += bytesOf(chunk);
        } catch (error) {
          this.waiting.unshift(...chunk);
          if (error.name !== "AbortError") this.problem ??= error;
        }
        this.told(this);
      }
    } finally {
      this.working -= 1;
    }
  }

  #next() {
    const chunk = [this.waiting.shift()];
    let bytes = chunk[0].size;
    while (this.waiting.length && chunk.length < this.limits.photos && bytes + this.waiting[0].size <= this.limits.bytes) {
      bytes += this.waiting[0].size;
      chunk.push(this.waiting.shift());
    }
    return chunk;
  }

  async #send(chunk, signal) {
    const form = new FormData();
    for (const file of chunk) form.append("photos", file, file.name);
    const bytes = bytesOf(chunk);
    const progress = (sent, total) => {
      this.flying.set(form, (bytes * sent) / total);
      this.told(this);
    };
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await call("POST", `/v1/events/${this.event}/photos`, { form, signal, progress, parameters: { more: true } });
      } catch (error) {
        const busy = error instanceof Problem && [429, 503].includes(error.status);
        if (!busy || attempt === TRIES) throw error;
        await pause(error.retryAfter || attempt);
      } finally {
        this.flying.delete(form);
      }
    }
  }

  #count(answer) {
    this.added += answer.added;
    this.known += answer.known;
    this.rejected.push(...answer.photos.filter((photo) => photo.outcome === "rejected"));
  }
}
