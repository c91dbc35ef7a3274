// The page. `?image=URL` shows an image at once, `?check` compares with what Python predicted.
import { best, load, pixels, probabilities } from "./digits.js";

const element = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);

const digits = await load(tf, "model/model.json");
element("status").textContent = `Ready (TensorFlow.js ${tf.version.tfjs}, ${tf.getBackend()}).`;

async function show(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const seen = pixels(image);
  paint(seen);
  const [row] = probabilities(digits, [seen]);
  element("digit").textContent = best(digits, row);
  element("shares").replaceChildren(...row.map((share, i) => line(digits.classes[i], share)));
  element("found").hidden = false;
}

/** Show the pixels that the model gets, which are at most 16. */
function paint(seen) {
  const side = Math.sqrt(seen.length);
  const canvas = Object.assign(element("seen"), { width: side, height: side });
  const gray = seen.flatMap((value) => [...new Array(3).fill(255 - 255 * value / 16), 255]);
  const shown = new ImageData(Uint8ClampedArray.from(gray), side, side);
  canvas.getContext("2d").putImageData(shown, 0, 0);
}

function line(name, share) {
  const row = document.createElement("tr");
  const bar = document.createElement("div");
  bar.style.width = `${100 * share}%`;
  row.insertCell().textContent = name;
  Object.assign(row.insertCell(), { className: "bar" }).append(bar);
  row.insertCell().textContent = share.toFixed(3);
  return row;
}

async function check() {
  const { pixels: rows, classes } = await (await fetch("test.json")).json();
  const found = probabilities(digits, rows).map((row) => best(digits, row));
  const same = found.filter((label, i) => label === classes[i]).length;
  element("status").textContent = `${same} of ${rows.length} digits have the class that Python gives.`;
}

const refuse = () => (element("status").textContent = "This is no image that the browser can read.");
const take = (file) => file && show(URL.createObjectURL(file)).catch(refuse);
element("file").onchange = (event) => take(event.target.files[0]);
const drop = element("drop");
drop.ondragover = (event) => { event.preventDefault(); drop.classList.add("over"); };
drop.ondragleave = () => drop.classList.remove("over");
drop.ondrop = (event) => { event.preventDefault(); drop.ondragleave(); take(event.dataTransfer.files[0]); };

if (asked.has("image")) await show(asked.get("image"));
if (asked.has("check")) await check();
