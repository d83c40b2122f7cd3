// Calls of the API with the session's token and the page's collection.

import { t } from "./messages.js";
import { released } from "./pressing.js";
import { csrf, loggedInAgain, renew } from "./session.js";
import { inWords } from "./told.js";

const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";

export const collection = meta("collection");
export const mayEdit = document.body.dataset.mayEdit === "true";
export const mayDelete = document.body.dataset.mayDelete === "true";

// Which field is meant, and what the library that looked at it says, are for programs.
function inPlainWords({ code, detail, title }) {
  if (code === "invalid") return t("Something here is empty, too long, or not what is asked for. Put it right and try again.");
  return detail || title || t("The service did not answer.");
}

export class Problem extends Error {
  constructor(document, answer = null) {
    super(inPlainWords(document));
    this.document = document;
    this.status = answer?.status ?? 0;
    this.retryAfter = Number(answer?.headers.get("retry-after") ?? 0);
  }
}

export function address(path, parameters = {}) {
  const url = new URL(path, location.origin);
  url.searchParams.set("collection", collection);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  }
  return url;
}

// The address of a page: it says of which collection.
export const pageOf = (path, parameters = {}) => address(path, parameters).pathname + address(path, parameters).search;

const unreachable = () => new Problem({ code: "unreachable", detail: t("The service cannot be reached. Check the network and try again.") });

// As `fetch` does it, which does not say how much is sent: `progress(sent, total)` in bytes.
function sentTelling(url, { method, headers, body, signal }, progress) {
  return new Promise((done, failed) => {
    signal?.throwIfAborted(); // as while a busy service was waited for
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.responseType = "blob";
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", ({ loaded, total }) => progress(loaded, total));
    request.addEventListener("error", () => failed(new TypeError("the connection broke")));
    request.addEventListener("abort", () => failed(new DOMException("stopped", "AbortError")));
    request.addEventListener("load", () => done(new Response(request.response, {
      status: request.status,
      headers: request.getAllResponseHeaders().trim().split("\r\n").map((line) => line.split(/: (.*)/s).slice(0, 2)),
    })));
    const stop = () => request.abort();
    signal?.addEventListener("abort", stop);
    request.addEventListener("loadend", () => signal?.removeEventListener("abort", stop));
    request.send(body);
  });
}

async function send(method, path, { form, json, parameters, signal, accept, headers: more, progress }) {
  const headers = { "X-CSRF-Token": csrf(), ...more };
  if (json !== undefined) headers["Content-Type"] = "application/json";
  if (accept) headers.Accept = accept;
  const body = form ?? (json === undefined ? undefined : JSON.stringify(json));
  try {
    const options = { method, headers, body, signal };
    const url = address(path, parameters);
    return await (progress ? sentTelling(url, options, progress) : fetch(url, options));
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw unreachable();
  }
}

// A page as the service draws it now.
export async function pageNow(address) {
  const answer = await fetch(address, { headers: { Accept: "text/html" } }).catch(() => { throw unreachable(); });
  return answer.ok && !answer.redirected ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
}

// A session that ended is opened again, and the request sent once more: nothing in hand is lost.
async function answered(method, path, options) {
  const answer = await send(method, path, options);
  if (answer.status === 401) {
    if (await loggedInAgain()) return answered(method, path, options);
    throw new Problem(await inWords(await answer.json()));
  }
  if (answer.status === 403) {
    const problem = await answer.clone().json().catch(() => ({}));
    if (problem.code === "forged" && !options.again && await renew()) return answered(method, path, { ...options, again: true });
  }
  return answer;
}

// What was pressed twice is done once: a change that is on its way is not sent a second time.
const flying = new Map();

export function call(method, path, options = {}) {
  if (method === "GET" || options.form) return asked(method, path, options);
  const same = JSON.stringify([method, path, options.json, options.parameters]);
  if (!flying.has(same)) flying.set(same, asked(method, path, options).finally(() => flying.delete(same)));
  return flying.get(same);
}

async function asked(method, path, options) {
  const answer = await answered(method, path, options);
  const type = answer.headers.get("content-type") ?? "";
  const document = type.includes("json") ? await inWords(await answer.json()) : {};
  if (!answer.ok) throw new Problem(document, answer);
  return document;
}

// The same for an answer that is no JSON: a picture, say.
export async function callForBlob(method, path, options = {}) {
  const answer = await answered(method, path, options);
  if (!answer.ok) throw new Problem(await answer.json().then(inWords).catch(() => ({})), answer);
  return answer.blob();
}

// A script says that it has run to its end; the notice for scripts that fail is then never shown.
export function ready(url) {
  const { dataset } = document.documentElement;
  const name = new URL(url).pathname.split("/").at(-1);
  dataset.awaits = dataset.awaits.split(" ").filter((each) => each && each !== name).join(" ");
}

// Small things that every page needs.

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function speak(text) {
  document.getElementById("spoken").textContent = text;
}

export function initials(name) {
  const words = name.replaceAll("-", " ").split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  return (words.slice(0, 1).concat(words.slice(1).slice(-1)).map((word) => word[0]).join("") || "?").toUpperCase();
}

export function portrait(name, faceId, extra = "") {
  const made = element("span", { class: `portrait ${extra}`, "aria-hidden": "true" }, initials(name));
  if (faceId) {
    const image = element("img", { src: address(`/v1/faces/${faceId}/picture`, { optional: 1, small: extra.includes("small") ? 1 : "" }), alt: "", loading: "lazy" });
    image.addEventListener("error", () => image.remove());
    made.append(image);
  }
  return made;
}

export async function suggestNames(input, list) {
  const found = await call("GET", "/v1/people", { parameters: { search: input.value.trim(), limit: 20 } }).catch(() => null);
  list.replaceChildren(...(found?.people ?? []).map((person) => element("option", { value: person.person })));
  return found?.people ?? [];
}

export function showProblem(place, error) {
  const rejected = error.document?.rejected ?? [];
  place.replaceChildren(
    rejected.length
      ? element("ul", {}, ...rejected.map((one) => element("li", {}, one.message)))
      : error.message,
  );
  place.hidden = false;
}

// Do something that a click or a form began; a problem of it is shown in its place.
export async function acting(act, place = document.getElementById("problem")) {
  place.hidden = true;
  try {
    await act();
  } catch (error) {
    await released();
    showProblem(place, error);
    place.scrollIntoView({ block: "nearest" });
  }
}

function imageFiles(transfer) {
  return [...(transfer?.files ?? [])].filter((file) => file.type.startsWith("image/") || /\.(heic|heif|avif)$/i.test(file.name));
}

// Let files be dropped on a place; the whole page, say.
export function droppable(place, take) {
  let depth = 0;
  const over = (on) => place.classList.toggle(place === document.body ? "dropping" : "over", on);
  place.addEventListener("dragenter", (event) => { event.preventDefault(); depth += 1; over(true); });
  place.addEventListener("dragover", (event) => event.preventDefault());
  place.addEventListener("dragleave", () => { depth -= 1; if (depth <= 0) { depth = 0; over(false); } });
  place.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    depth = 0;
    over(false);
    const files = imageFiles(event.dataTransfer);
    if (files.length) take(files);
  });
}

// Copy a text; whether it was. A page without https has no clipboard, but what is selected can be copied there too.
export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const at = document.activeElement;
    const area = element("textarea", { class: "out-of-sight", "aria-hidden": "true", tabindex: "-1" }, text);
    (at.closest("dialog") ?? document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    at.focus();
    if (!done) return false;
  }
  speak(t("Copied"));
  return true;
}

// In place of what a page could not read: the reason stands in its notice.
export const tryAgain = () => element("button", { class: "button", type: "button", onclick: () => location.reload() }, t("Try once more"));

// What one act edited is offered for undoing on the next pages too, for some minutes, and undone as a whole.
export function rememberUndo(...edits) {
  const [ids, told] = [edits.map((edit) => edit.id ?? edit.entry), edits.map((edit) => edit.summary)];
  if (ids.length) sessionStorage.setItem("undo", JSON.stringify({ ids, summary: told.join(", "), collection, at: Date.now() }));
}
