// Compare the classes that TensorFlow.js and ONNX Runtime Web give with those of Python.
import { readFile } from "node:fs/promises";
import * as tf from "@tensorflow/tfjs";
import * as ort from "onnxruntime-web";
import { best, load, probabilities } from "./digits.js";

const read = (name) => readFile(new URL(name, import.meta.url));
const { pixels, classes } = JSON.parse(await read("test.json"));

/** What `tf.loadGraphModel` loads by itself in a browser. */
const fromFolder = {
  async load() {
    const { weightsManifest, ...model } = JSON.parse(await read("model/model.json"));
    const paths = weightsManifest.flatMap((group) => group.paths);
    const files = await Promise.all(paths.map((path) => read(`model/${path}`)));
    const weightSpecs = weightsManifest.flatMap((group) => group.weights);
    return { ...model, weightSpecs, weightData: new Uint8Array(Buffer.concat(files)).buffer };
  },
};

async function byOnnx() {
  const session = await ort.InferenceSession.create(new Uint8Array(await read("digits.onnx")));
  const { classes } = JSON.parse(await read("digits.onnx.json")).outputs[0];
  const data = Float64Array.from(pixels.flat());
  const features = new ort.Tensor("float64", data, [pixels.length, data.length / pixels.length]);
  const { probabilities } = await session.run({ features });
  const width = classes.length;
  return pixels.map((_, i) => best({ classes }, [...probabilities.data.slice(i * width, (i + 1) * width)]));
}

const digits = await load(tf, fromFolder);
const found = {
  "TensorFlow.js": probabilities(digits, pixels).map((row) => best(digits, row)),
  "ONNX Runtime Web": await byOnnx(),
};
for (const [name, labels] of Object.entries(found)) {
  const same = labels.filter((label, i) => label === classes[i]).length;
  console.log(`${name}: ${same} of ${classes.length} digits have the class that Python gives.`);
  if (same < classes.length) process.exitCode = 1;
}
