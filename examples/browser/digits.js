// Classes of images of digits, by a model of TensorFlow.js.

const SIZE = 8, BLOCK = 4; // pixels a side, and how many of a bitmap are one of them

/** Load the exported model and the names of its classes. */
export async function load(tf, url) {
  const model = await tf.loadGraphModel(url);
  const [output] = model.metadata.skkeras_search.outputs;
  return { tf, model, classes: output.classes };
}

/** The probabilities of rows of 64 pixels, as arrays by row. */
export function probabilities({ tf, model }, rows) {
  return tf.tidy(() => model.predict(tf.tensor2d(rows, [rows.length, SIZE * SIZE])).arraySync());
}

/** The label of the greatest probability. */
export function best({ classes }, row) {
  return classes[row.indexOf(Math.max(...row))];
}

/**
 * An image as a row of pixels, made as the training data were: the digit as a bitmap of 32 by 32
 * pixels, of which each block of 4 by 4 is counted.
 * https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits
 */
export function pixels(image) {
  const { inked, width, height } = bitmap(image, 256);
  const found = box(inked, width, height);
  const side = found.height / (SIZE * BLOCK); // of a pixel of the small bitmap
  const left = found.left + found.width / 2 - (side * SIZE * BLOCK) / 2;
  const row = new Array(SIZE * SIZE).fill(0);
  for (let y = 0; y < SIZE * BLOCK; y++) {
    for (let x = 0; x < SIZE * BLOCK; x++) {
      const [from, line] = [Math.floor(left + (x + 0.5) * side), Math.floor(found.top + (y + 0.5) * side)];
      const isInked = from >= 0 && from < width && inked[line * width + from];
      row[Math.floor(y / BLOCK) * SIZE + Math.floor(x / BLOCK)] += isInked ? 1 : 0;
    }
  }
  return row;
}

/** Which pixels of an image have ink, from dark on light or light on dark. */
function bitmap(image, longest) {
  const scale = longest / Math.max(image.width, image.height);
  const [width, height] = [image.width, image.height].map((size) => Math.max(1, Math.round(size * scale)));
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  context.fillStyle = "white"; // behind what is transparent
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const light = Array.from({ length: width * height }, (_, i) => {
    const [red, green, blue] = data.slice(4 * i, 4 * i + 3);
    return (0.299 * red + 0.587 * green + 0.114 * blue) / 255;
  });
  const corners = [0, width - 1, width * (height - 1), width * height - 1];
  const paper = corners.reduce((sum, i) => sum + light[i], 0) / corners.length;
  return { inked: light.map((value) => value > 0.5 !== paper > 0.5), width, height };
}

/** The smallest box with all the ink in it; the whole image if there is none. */
function box(inked, width, height) {
  const found = inked.flatMap((value, i) => (value ? [[i % width, Math.floor(i / width)]] : []));
  if (!found.length) return { left: 0, top: 0, width, height };
  const [left, right, top, bottom] = [0, 0, 1, 1].map((axis, i) =>
    found.reduce((most, spot) => Math[i % 2 ? "max" : "min"](most, spot[axis]), found[0][axis]));
  return { left, top, width: right - left + 1, height: bottom - top + 1 };
}
