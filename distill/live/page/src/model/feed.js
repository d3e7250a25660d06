// What one stream has heard and not yet answered: `Feed` of distill/feed.py and `MotionStream` of distill/stream.py.

import { FFT_SAMPLES, HALF_WINDOW, WindowGrid, framesFor } from "./grid.js";

const EDGE = FFT_SAMPLES / 2 - HALF_WINDOW;

export class Feed {
  /**
   * @param shape {block_frames, shift_frames, early_frames, per_frame, memory: {name: {shape, fill}}}
   * @param options {noise, seed, level, fps}: `noise` is a MotionNoise
   */
  constructor(shape, { noise, seed, level, fps }) {
    Object.assign(this, { shape, noise, seed, level, fps, channels: noise.channels });
    this.grid = new WindowGrid(fps, shape.per_frame);
    this.state = begin(shape.memory);
    this.heard = 0;
    this.hearing = shape.shift_frames - shape.early_frames;
    this.kept = new Float32Array(0);
    this.start = 0;
  }

  /** The next motion frame; negative while hearing gets ahead. */
  get frame() {
    return this.hearing - this.shape.shift_frames;
  }

  /** Add audio at 16 kHz. */
  hear(audio) {
    const joined = new Float32Array(this.kept.length + audio.length);
    joined.set(this.kept);
    joined.set(audio, this.kept.length);
    this.kept = joined;
    this.heard += audio.length;
  }

  /** The next block as {windows, noise, state}, or null until more is heard. */
  take() {
    const { block_frames: size, per_frame: perFrame } = this.shape;
    if (this.grid.end(this.hearing + size - 1) > this.heard && this.hearing + size > 0) return null;
    const windows = new Float32Array(size * perFrame * FFT_SAMPLES);
    for (let row = 0; row < size * perFrame; row++) {
      this._window(this.hearing * perFrame + row, windows, row * FFT_SAMPLES);
    }
    this._forget(this.grid.centre((this.hearing + size) * perFrame) - FFT_SAMPLES / 2);
    const noise = this.noise.draw(this.seed, Math.max(this.frame, 0), size);
    if (this.level !== 1) for (let i = 0; i < noise.length; i++) noise[i] *= this.level;
    return { windows, noise, state: this.state };
  }

  /** Take the answer to that block; returns its frames, none before the first. */
  give(motion, state) {
    const early = this.frame < 0;
    this.hearing += this.shape.block_frames;
    // Motion of frames before the first is never shown, nor remembered.
    this.state = early ? beginMotion(state, this.shape.memory) : state;
    return early ? motion.subarray(0, 0) : motion;
  }

  /** What the end of the sound still owes: pads with silence; returns frames to keep from here. */
  finish() {
    const { block_frames: size, shift_frames: shift } = this.shape;
    if (!this.heard) return 0;
    const whole = framesFor(this.heard, this.fps);
    const first = Math.max(this.frame, 0);
    const missing = this.grid.end(whole + shift + size) - this.heard;
    if (missing > 0) this.hear(new Float32Array(missing));
    return Math.max(whole - first, 0);
  }

  _window(index, out, at) {
    const first = this.grid.centre(index) - HALF_WINDOW;
    const low = Math.max(first, 0);
    const high = Math.min(first + 2 * HALF_WINDOW, this.heard);
    if (index >= 0 && high > low) {
      out.set(this.kept.subarray(low - this.start, high - this.start), at + EDGE + low - first);
    }
  }

  _forget(sample) {
    const drop = Math.min(Math.max(sample - this.start, 0), this.kept.length);
    this.kept = this.kept.slice(drop);
    this.start += drop;
  }
}

/** The memory of a stream whose motion begins now. */
function beginMotion(state, memory) {
  const steps = Object.entries(begin(memory)).filter(([name]) => name.startsWith("steps_"));
  return { ...state, ...Object.fromEntries(steps) };
}

/** The memory of a stream that has heard nothing. */
export function begin(memory) {
  const size = (shape) => shape.reduce((product, n) => product * n, 1);
  const empty = ({ shape, fill }) => new Float32Array(size(shape)).fill(fill);
  return Object.fromEntries(Object.entries(memory).map(([name, of]) => [name, empty(of)]));
}
