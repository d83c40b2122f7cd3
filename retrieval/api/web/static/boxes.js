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

const FAR_RIGHT = 0.72; // of the picture's width, from where on a name reaches to the left
const TINY_PX = 56; // a box as narrow as this holds no name that can be read
const PLACES = ["high", "low", "inside"]; // where a name can be, seen from its box

export const isFarRight = (face, photo) => face.box[0] / photo.width > FAR_RIGHT;

// A name goes above its box, else below, else inside: the first of these where it lies on the photo
// and not on another name. Among many faces it is as wide as the box, and left out where that is tiny.
export function partTags(holder) {
  const taken = [];
  const photo = holder.getBoundingClientRect();
  const overlaps = (a) => taken.some((b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom);
  for (const box of holder.querySelectorAll(".box")) {
    box.classList.toggle("tiny", box.offsetWidth < TINY_PX);
    const tag = box.querySelector(".tag");
    const at = (place) => {
      box.classList.remove(...PLACES);
      box.classList.add(place);
      return tag.getBoundingClientRect();
    };
    const onPhoto = (place) => at(place).top >= photo.top && at(place).bottom <= photo.bottom;
    const possible = PLACES.filter(onPhoto);
    const place = possible.find((each) => !overlaps(at(each))) ?? possible[0] ?? "inside";
    taken.push(at(place));
  }
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
