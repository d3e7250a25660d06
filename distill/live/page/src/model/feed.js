// What one stream has heard and not yet answered: `Feed` of distill/feed.py and `MotionStream` of distill/stream.py.

import { FFT_SAMPLES, HALF_WINDOW, WindowGrid, framesFor } from "./grid.js";
import { seededNoise } from "./noise.js";

const EDGE = FFT_SAMPLES / 2 - HALF_WINDOW;

export class Feed {
  /**
   * @param shape {block_frames, shift_frames, per_frame, history_keep, memory: {name: {shape, fill}}}
   * @param options {seed, level, fps, channels}
   */
  constructor(shape, { seed, level, fps, channels }) {
    Object.assign(this, { shape, seed, level, fps, channels });
    this.grid = new WindowGrid(fps, shape.per_frame);
    this.state = begin(shape.memory);
    this.heard = 0;
    this.hearing = Math.min(shape.shift_frames, 0);
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
    const noise = seededNoise(this.seed, Math.max(this.frame, 0), size, this.channels);
    if (this.level !== 1) for (let i = 0; i < noise.length; i++) noise[i] *= this.level;
    return { windows, noise, state: this.state };
  }

  /** Take the answer to that block; returns its frames, those before the first left out. */
  give(motion, state) {
    const { block_frames: size } = this.shape;
    const early = Math.min(Math.max(-this.frame, 0), size);
    this.hearing += size;
    const [frames] = this.shape.memory.history.shape;
    const fresh = Math.max(frames - size, 0) * this.channels;
    const keep = Math.fround(this.shape.history_keep);
    for (let i = fresh; i < state.history.length; i++) state.history[i] *= keep;
    if (early) {
      // Motion of frames before the first was never shown: nothing to look back at.
      state.history.fill(0, 0, Math.max(frames - size + early, 0) * this.channels);
    }
    this.state = state;
    return motion.subarray(early * this.channels);
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

/** The memory of a stream that has heard nothing. */
export function begin(memory) {
  const size = (shape) => shape.reduce((product, n) => product * n, 1);
  const empty = ({ shape, fill }) => new Float32Array(size(shape)).fill(fill);
  return Object.fromEntries(Object.entries(memory).map(([name, of]) => [name, empty(of)]));
}
