// What redraws by itself, while somebody looks at it and points at it.

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

// Bring the children of a list into an order, with no move where nothing has changed.
export function inOrder(list, wanted) {
  const kept = new Set(wanted);
  for (const child of [...list.children]) if (!kept.has(child)) child.remove();
  wanted.forEach((child, place) => {
    if (list.children[place] !== child) list.insertBefore(child, list.children[place] ?? null);
  });
}
