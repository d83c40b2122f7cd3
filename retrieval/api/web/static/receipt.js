// A receipt: print it; while files are still searched, look again until that is done.

import { call, ready, speak } from "./api.js";
import { renewed } from "./redrawing.js";

const { id, state } = document.getElementById("receipt").dataset;
const EVERY_MS = 2000;

document.getElementById("print").addEventListener("click", () => print());

if (state !== "done") {
  const timer = setInterval(async () => {
    const receipt = await call("GET", `/v1/receipts/${id}`).catch(() => null);
    if (receipt?.state !== "done") return;
    clearInterval(timer);
    await renewed("how-far", "what", "left");
    speak(`${document.getElementById("left-title").textContent}: ${document.getElementById("told").textContent}`);
  }, EVERY_MS);
}

ready(import.meta.url);
