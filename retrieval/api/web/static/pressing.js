// What may be drawn while somebody presses a button of the pointer.

let pressed = false;
const waiting = [];

addEventListener("pointerdown", (event) => { pressed ||= event.button === 0; }, { capture: true });
for (const name of ["pointerup", "pointercancel"]) addEventListener(name, () => { pressed = false; setTimeout(drawAll); }, { capture: true });

function drawAll() {
  while (!pressed && waiting.length) waiting.shift()();
}

// Draw at once, but never between press and release: the click is meant for what was pressed.
export function whenReleased(draw) {
  waiting.push(draw);
  drawAll();
}

// The same, to be waited for.
export const released = () => new Promise(whenReleased);
