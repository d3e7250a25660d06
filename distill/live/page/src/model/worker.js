// The model in a thread of its own: audio in, frames out, one block after the other.

import * as ort from "onnxruntime-web/wasm";

import { Feed } from "./feed.js";
import { MotionNoise } from "./noise.js";
import { choose } from "./persona.js";
import { readTensor } from "./safetensors.js";

let manifest;
let networks; // {stream, fusion, style}
let noise; // a MotionNoise
let style = null; // what the stream takes of a persona
let current = null; // {id, feed}
let queue = Promise.resolve();

const tensor = (values, shape) => new ort.Tensor("float32", values, shape);

async function fetched(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return answer.arrayBuffer();
}

async function open(url) {
  return ort.InferenceSession.create(new Uint8Array(await fetched(url)), {
    executionProviders: ["wasm"],
    extra: { session: { disable_quant_qdq: "1" } }, // int8 weights are widened once, at load
  });
}

async function load(message) {
  manifest = message.manifest;
  ort.env.wasm.wasmPaths = message.runtime;
  ort.env.wasm.numThreads = message.threads;
  networks = {};
  for (const role of ["stream", "fusion", "style"]) {
    if (manifest.files[role]) networks[role] = await open(manifest.files[role]);
  }
  const taps = readTensor(await fetched(manifest.files.noise), "tensor.noise");
  noise = new MotionNoise(taps, manifest.channels.length);
  postMessage({ type: "ready", threads: message.threads });
}

async function dress(choice) {
  const pair = choose(manifest, choice);
  if (!pair || !networks.fusion) return;
  const feeds = {
    identity: tensor(pair.identity, [1, pair.identity.length]),
    emotion: tensor(pair.emotion, [1, pair.emotion.length]),
  };
  const { persona } = await networks.fusion.run(feeds);
  style = (await networks.style.run({ persona })).style;
}

async function begin({ id, seed, choice }) {
  await dress(choice);
  const { stream: shape, level, fps } = manifest;
  noise.draw(seed, 0, 1); // the first frame takes 40 ms, which would come on top of its delay
  current = { id, feed: new Feed(shape, { noise, seed, level, fps }) };
}

/** Compute every block that is ready; `most` frames are kept. */
async function run(most = Infinity) {
  const { id, feed } = current;
  const first = Math.max(feed.frame, 0);
  const made = [];
  const milliseconds = [];
  let count = 0;
  for (let work = feed.take(); work; work = feed.take()) {
    const before = performance.now();
    const motion = feed.give(...(await advance(work)));
    milliseconds.push(performance.now() - before);
    if (!motion.length) continue;
    made.push(motion);
    count += motion.length / feed.channels;
  }
  const frames = Math.min(count, most);
  if (frames) postMessage({ type: "frames", id, first, ...joined(made, frames), milliseconds });
}

async function advance({ windows, noise, state }) {
  const { block_frames: size, per_frame: perFrame, memory } = manifest.stream;
  const feeds = {
    windows: tensor(windows, [1, size * perFrame, windows.length / (size * perFrame)]),
    noise: tensor(noise, [1, size, manifest.channels.length]),
  };
  if (style) feeds.style = style;
  for (const name in memory) feeds[name] = tensor(state[name], [1, ...memory[name].shape]);
  const out = await networks.stream.run(feeds);
  const after = Object.keys(memory).map((name) => [name, out[`${name}_next`].data]);
  return [out.motion.data, Object.fromEntries(after)];
}

/** One array of `frames` rows, blendshape weights clamped to [0, 1]. */
function joined(parts, frames) {
  const channels = manifest.channels.length;
  const values = new Float32Array(frames * channels);
  let at = 0;
  for (const part of parts) {
    const kept = part.subarray(0, values.length - at);
    values.set(kept, at);
    at += kept.length;
  }
  const free = new Set(manifest.rotations ?? values.keys());
  for (let i = 0; i < values.length; i++) {
    if (!free.has(i % channels)) values[i] = Math.min(Math.max(values[i], 0), 1);
  }
  return { values, frames };
}

const tasks = {
  load,
  open: begin,
  dress: ({ choice }) => dress(choice),
  async push({ id, samples }) {
    if (current?.id !== id) return;
    current.feed.hear(samples);
    await run();
  },
  async flush({ id }) {
    if (current?.id !== id) return;
    await run(current.feed.finish());
    current = null;
    postMessage({ type: "end", id });
  },
};

onmessage = ({ data }) => {
  queue = queue
    .then(() => tasks[data.type](data))
    .catch((error) => postMessage({ type: "error", at: data.type, message: String(error.message) }));
};
