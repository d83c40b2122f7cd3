// Boxes over a picture, by shares of it: placed there, or drawn with the pointer.

// `shape` is left, top, width and height, as shares of the picture.
export function placedAt(box, [left, top, width, height]) {
  Object.assign(box.style, { left: `${left * 100}%`, top: `${top * 100}%`, width: `${width * 100}%`, height: `${height * 100}%` });
  return box;
}

// The box of a face, which is in pixels of the photo.
export function placed(box, face, photo) {
  const [left, top, width, height] = face.box;
  return placedAt(box, [left / photo.width, top / photo.height, width / photo.width, height / photo.height]);
}

// From a pointer that was pressed over `area` to its release: `move` gets the shape that it spans there,
// `end` the last one, null where it did not move. `held` captures the pointer.
export function drawn(event, area, held, move, end = () => {}) {
  event.preventDefault();
  const sides = area.getBoundingClientRect();
  const at = (pointer) => [(pointer.clientX - sides.left) / sides.width, (pointer.clientY - sides.top) / sides.height].map((share) => Math.min(Math.max(share, 0), 1));
  const [x, y] = at(event);
  let shape = null;
  const follow = (pointer) => {
    const [right, bottom] = at(pointer);
    shape = [Math.min(x, right), Math.min(y, bottom), Math.abs(right - x), Math.abs(bottom - y)];
    move(shape);
  };
  held.setPointerCapture(event.pointerId);
  held.addEventListener("pointermove", follow);
  held.addEventListener("pointerup", () => {
    held.removeEventListener("pointermove", follow);
    end(shape);
  }, { once: true });
}
