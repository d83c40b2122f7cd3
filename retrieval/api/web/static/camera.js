// Photos by the camera of this machine, in a dialog; phones have their own way, behind a file chooser.

import { element, showProblem, speak } from "./api.js";
import { n, t } from "./messages.js";

const WANTED = { video: { facingMode: "user", width: { ideal: 1280 }, height: { ideal: 960 } }, audio: false };

export const hasCamera = () => Boolean(navigator.mediaDevices?.getUserMedia) && matchMedia("(hover: hover)").matches;

async function shot(video, number) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  const picture = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
  return new File([picture], `camera-${number}.jpg`, { type: "image/jpeg" });
}

// The photos that somebody took before the dialog was closed, however it was.
export async function takePhotos() {
  const taken = [];
  const video = element("video", { autoplay: true, playsinline: true, muted: true, "aria-label": t("What the camera sees") });
  const problem = element("p", { class: "notice bad", role: "alert", hidden: true });
  const count = element("span", { class: "soft small number", role: "status" });
  const take = element("button", { class: "button primary", type: "button", disabled: true }, t("Take photo"));
  const done = element("button", { class: "button", type: "button" }, t("Done"));
  const dialog = element("dialog", { class: "camera", "aria-labelledby": "camera-title" }, element("div", { class: "body" },
    element("h2", { id: "camera-title" }, t("Take photos")), video, problem,
    element("p", { class: "small soft" }, t("Two or three do well: look into the camera, then a little to either side.")),
    element("div", { class: "actions" }, count, take, done)));
  document.body.append(dialog);
  const closed = new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  done.addEventListener("click", () => dialog.close());
  take.addEventListener("click", async () => {
    taken.push(await shot(video, taken.length + 1));
    count.textContent = n("{count} photo", "{count} photos", taken.length);
  });
  video.addEventListener("playing", () => { take.disabled = false; take.focus(); });
  dialog.showModal();
  speak(t("Take photos"));
  let stream = null;
  try {
    stream = await navigator.mediaDevices.getUserMedia(WANTED);
    video.srcObject = stream;
  } catch {
    video.hidden = true;
    showProblem(problem, new Error(t("The camera cannot be used. Allow it for this page, or choose photos instead.")));
  }
  await closed;
  stream?.getTracks().forEach((track) => track.stop());
  dialog.remove();
  return taken;
}
