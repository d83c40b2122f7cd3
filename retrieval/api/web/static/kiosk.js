// A tablet at a door: the camera's picture goes to the service, which says who stands there.

import { t } from "./messages.js";
import { whenReleased } from "./redrawing.js";

const EVERY_MS = 700;
const SHOWN_MS = 6000;
// While there is no network, a picture is kept where somebody came: one that differs from the last
// that was kept, and not more often than somebody can come.
const MOST_WAITING = 40;
const KEPT_EVERY_MS = 4000;
const CHANGED = 5; // of 255, mean difference of two pictures: a camera's noise stays below 3
const SIDE = 640;
const KEPT = "rollcall-kiosk-waiting";

const at = (id) => document.getElementById(id);
const video = at("camera");
const canvas = document.createElement("canvas");
let key = sessionStorage.getItem("rollcall-kiosk-key") ?? "";
let current = null;
let until = 0;
let judged = 0; // how often: an answer to a look before the last of it is out of date
let kept = null; // the last picture that was kept, small and grey, and when
let waiting = JSON.parse(localStorage.getItem(KEPT) ?? "[]");

const headers = () => (key ? { Authorization: `Bearer ${key}` } : {});

function say(state, greeting, time = "", hint = "") {
  document.body.dataset.state = state;
  if (at("greeting").textContent !== greeting) at("greeting").textContent = greeting;
  at("time").textContent = time;
  at("hint").textContent = hint;
  at("buttons").hidden = state !== "seen";
  at("again").hidden = state !== "refused" || current === null;
}

function tellNetwork(fails) {
  at("network").textContent = fails
    ? t("No network. Pictures kept to be sent later: {count}", { count: waiting.length })
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

async function post(path, form) {
  const answer = await fetch(path, { method: "POST", headers: headers(), body: form });
  if (answer.status === 401 || answer.status === 403) {
    at("login").hidden = false;
    at("key").focus();
    return null;
  }
  if (answer.status >= 500) throw new TypeError("busy");
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
  if (answer.state === "seen") {
    current = answer.sighting;
    until = Date.now() + SHOWN_MS;
    say("seen", answer.person, answer.time ?? "", answer.again ? t("You were noted today already.") : t("You are noted."));
  } else if (answer.state === "picture") {
    say("picture", t("This looks like a picture"), "", t("Step before the camera yourself."));
  } else if (Date.now() > until) {
    current = null;
    const hints = {
      several: t("One at a time, please."),
      unknown: t("You are not known here."),
      unusable: t("Come closer and look into the camera."),
    };
    say("waiting", t("Step before the camera"), "", hints[answer.state] ?? "");
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
    if (what === "refuse") say("refused", t("Taken back"), "", t("You are not noted. Ask somebody to note you."));
    else say("seen", answer.person, answer.time ?? "", t("Thank you."));
  } catch {
    say("waiting", t("Try once more"));
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

try {
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" }, audio: false });
} catch {
  video.hidden = true;
  say("waiting", t("The camera cannot be used"), "", t("Allow the camera for this page, then load it again."));
}
tellNetwork(false);
begin();
