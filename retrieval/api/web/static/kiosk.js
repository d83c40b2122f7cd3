// A tablet at a door: the camera's picture goes to the service, which says who stands there.

import { t } from "./messages.js";
import { whenReleased } from "./pressing.js";

const EVERY_MS = 700;
const SHOWN_MS = 6000;
// While there is no network, a picture is kept where somebody came: one that differs from the last
// that was kept, and not more often than somebody can come.
const MOST_WAITING = 40;
const KEPT_EVERY_MS = 4000;
const CHANGED = 5; // of 255, mean difference of two pictures: a camera's noise stays below 3
const SIDE = 640;
const LONG = 24; // characters of a name that has less room each
const ANSWER_MS = 15000; // of a network that says nothing, not even that it is away
const AGAIN_MS = 3000; // before a camera is asked for again
const DECLINED_MS = 20000; // that whoever says "not me" is not greeted so again
const KEPT = "rollcall-kiosk-waiting";

const at = (id) => document.getElementById(id);
const video = at("camera");
const canvas = document.createElement("canvas");
let key = sessionStorage.getItem("rollcall-kiosk-key") ?? "";
let current = null;
let until = 0;
let declined = { sighting: null, until: 0 };
let judged = 0; // how often: an answer to a look before the last of it is out of date
let kept = null; // the last picture that was kept, small and grey, and when
let waiting = restored();

function restored() {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? "[]");
  } catch {
    return [];
  }
}

const headers = () => (key ? { Authorization: `Bearer ${key}` } : {});

function say(state, greeting, time = "", hint = "") {
  document.body.dataset.state = state;
  document.body.classList.toggle("long", state === "seen" && greeting.length > LONG);
  for (const [id, text] of Object.entries({ greeting, time, hint })) {
    if (at(id).textContent !== text) at(id).textContent = text; // what is said again is read out again
  }
  at("buttons").hidden = state !== "seen";
  at("again").hidden = state !== "refused" || current === null;
}

function tellNetwork(fails) {
  at("network").textContent = fails
    ? t("No connection. Pictures kept to be sent later: {count}", { count: waiting.length })
    : "";
}

// What the canvas shows, as 16 by 12 grey values.
function small() {
  const made = document.createElement("canvas");
  [made.width, made.height] = [16, 12];
  const context = made.getContext("2d");
  context.drawImage(canvas, 0, 0, made.width, made.height);
  const { data } = context.getImageData(0, 0, made.width, made.height);
  return Array.from({ length: data.length / 4 }, (_, n) => (data[4 * n] + data[4 * n + 1] + data[4 * n + 2]) / 3);
}

function isNews(shown) {
  if (kept === null) return true;
  const difference = shown.reduce((sum, value, n) => sum + Math.abs(value - kept.shown[n]), 0) / shown.length;
  return Date.now() - kept.at >= KEPT_EVERY_MS && difference >= CHANGED;
}

function keep(picture) {
  const shown = small();
  if (!isNews(shown)) return tellNetwork(true);
  kept = { shown, at: Date.now() };
  const moment = new Date().toISOString();
  const reader = new FileReader();
  reader.onload = () => {
    waiting = [...waiting, { picture: reader.result, moment }].slice(-MOST_WAITING);
    store();
    tellNetwork(true);
  };
  reader.readAsDataURL(picture);
}

// What waits outlives the page, as far as the browser has room for it.
function store() {
  while (waiting.length) {
    try {
      localStorage.setItem(KEPT, JSON.stringify(waiting));
      return;
    } catch {
      waiting = waiting.slice(1);
    }
  }
  localStorage.removeItem(KEPT);
}

// Whoever stands there sees no more of anybody until somebody gives a key that holds.
function askForKey() {
  at("problem").textContent = key ? t("This key is not a kiosk's, or holds no longer. Ask whoever manages Rollcall for a new one.") : "";
  key = "";
  sessionStorage.removeItem("rollcall-kiosk-key");
  [current, until] = [null, 0];
  say("waiting", t("Step before the camera"));
  at("login").hidden = false;
  at("key").focus();
}

// The answer; null where a key is asked for. Throws where the service is away, or busy.
async function post(path, form) {
  const answer = await fetch(path, { method: "POST", headers: headers(), body: form, signal: AbortSignal.timeout(ANSWER_MS) });
  if (answer.status === 401 || answer.status === 403) {
    askForKey();
    return null;
  }
  if (answer.status >= 500 || answer.status === 429) throw new TypeError("busy");
  return answer.ok ? answer.json() : { state: "unusable" };
}

function form(picture, moment = "") {
  const made = new FormData();
  made.append("photo", picture, "kiosk.jpg");
  if (moment) made.append("moment", moment);
  return made;
}

async function sendWaiting() {
  while (waiting.length) {
    const [{ picture, moment }] = waiting;
    const bytes = Uint8Array.from(atob(picture.split(",")[1]), (c) => c.charCodeAt(0));
    if ((await post("/v1/kiosk/frames", form(new Blob([bytes], { type: "image/jpeg" }), moment))) === null) return;
    waiting = waiting.slice(1);
    store();
  }
  kept = null;
}

function show(answer) {
  const isDeclined = answer.sighting === declined.sighting && Date.now() < declined.until;
  if (answer.state === "seen" && !isDeclined) {
    current = answer.sighting;
    until = Date.now() + SHOWN_MS;
    say("seen", answer.person, answer.time ?? "", answer.again ? t("You were noted today already.") : t("You are noted."));
  } else if (answer.state === "picture") {
    say("picture", t("This looks like a picture"), "", t("Step before the camera yourself, or ask somebody to note you."));
  } else if (Date.now() > until) {
    current = null;
    const said = {
      several: [t("One at a time, please")],
      unknown: [t("You are not known here"), t("Ask somebody to note you.")],
      unusable: [t("Come closer"), t("Look into the camera.")],
    }[answer.state];
    say("waiting", said?.[0] ?? t("Step before the camera"), "", said?.[1]);
  }
}

async function look() {
  if (!at("login").hidden || !video.videoWidth || document.body.dataset.state === "judging") return;
  const scale = Math.min(1, SIDE / Math.max(video.videoWidth, video.videoHeight));
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  const picture = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.9));
  const before = judged;
  try {
    if (waiting.length) await sendWaiting();
    const answer = await post("/v1/kiosk/frames", form(picture));
    tellNetwork(false);
    whenReleased(() => { if (answer !== null && judged === before) show(answer); });
  } catch {
    keep(picture);
    if (Date.now() <= until) return;
    current = null; // nobody sees who came before
    say("waiting", t("Step before the camera"), "", t("There is no connection: you are noted later."));
  }
}

async function judge(what) {
  const sighting = current;
  if (sighting === null) return;
  judged += 1;
  document.body.dataset.state = "judging";
  try {
    const answer = await post(`/v1/kiosk/sightings/${sighting}/${what}`);
    if (answer === null) return;
    until = Date.now() + SHOWN_MS;
    if (answer.state === "refused") {
      current = answer.sighting; // null where there is nothing to take back
      declined = { sighting, until: Date.now() + DECLINED_MS };
      say("refused", current === null ? t("Thank you") : t("Taken back"), "", t("You are not noted. Ask somebody to note you."));
    } else if (answer.state === "seen") {
      declined = { sighting: null, until: 0 };
      say("seen", answer.person, answer.time ?? "", t("Thank you."));
    } else throw new TypeError("it cannot be said any more");
  } catch {
    [current, until] = [null, Date.now() + SHOWN_MS];
    say("refused", t("That did not work"), "", t("Nothing was changed. Step before the camera once more."));
  }
}

async function begin() {
  for (;;) {
    const began = Date.now();
    if (!(document.body.dataset.state === "refused" && Date.now() < until)) await look();
    await new Promise((done) => setTimeout(done, Math.max(EVERY_MS - (Date.now() - began), 50)));
  }
}

at("confirm").addEventListener("click", () => judge("confirm"));
at("refuse").addEventListener("click", () => judge("refuse"));
at("undo").addEventListener("click", () => judge("undo"));
at("login").addEventListener("submit", (event) => {
  event.preventDefault();
  key = at("key").value.trim();
  sessionStorage.setItem("rollcall-kiosk-key", key);
  at("key").value = "";
  at("login").hidden = true;
});

function withoutCamera(greeting, hint) {
  video.srcObject = null;
  video.hidden = true;
  [current, until] = [null, 0];
  say("waiting", greeting, "", hint);
}

// Takes the camera, and takes it again when it was unplugged.
async function openCamera() {
  if (!navigator.mediaDevices) {
    return withoutCamera(t("The camera cannot be used"), t("Browsers give it to addresses that begin with https:// alone."));
  }
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" }, audio: false });
    stream.getVideoTracks()[0].addEventListener("ended", () => openCamera(), { once: true });
    video.srcObject = stream;
    video.hidden = false;
    say("waiting", t("Step before the camera"));
  } catch (error) {
    if (error.name === "NotAllowedError") {
      return withoutCamera(t("The camera cannot be used"), t("Allow the camera for this page, then load it again."));
    }
    withoutCamera(t("There is no camera"), t("Plug it in, or close what else uses it. It is tried again by itself."));
    setTimeout(openCamera, AGAIN_MS);
  }
}

function stayAwake() {
  if (document.visibilityState === "visible") navigator.wakeLock?.request("screen").catch(() => {});
}

document.addEventListener("visibilitychange", stayAwake);
stayAwake();
await openCamera();
tellNetwork(false);
begin();
