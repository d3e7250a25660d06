// The model on the server: sound goes out over a WebSocket, frames come back.

import { address } from "../address.js";
import { Notice } from "../notice.js";
import { SAMPLE_RATE, WindowGrid } from "./grid.js";

const GONE = "The server is gone. Start it again, or switch to this device.";
const FULL = "All streams of the server are taken. Try again later, or switch to this device.";

export class ServerModel {
  constructor(manifest) {
    this.manifest = manifest;
    this.name = "server";
    this.threads = 0;
    this.grid = new WindowGrid(manifest.fps, manifest.stream.per_frame);
  }

  async load() {}

  /** Begin a stream; a changed persona continues it as a new one whose times are moved on. */
  open(choice, seed, listener) {
    this.stop();
    Object.assign(this, { choice, seed, listener, sent: 0, sentAt: [], moved: 0, waiting: [] });
    this.flushed = false;
    return new Promise((resolve, reject) => {
      Object.assign(this, { opened: resolve, refused: reject });
      this._connect();
    });
  }

  push(samples) {
    this.sent += samples.length;
    this.sentAt.push([this.sent, performance.now()]);
    this._send(samples);
  }

  dress(choice) {
    if (!this.socket || this.flushed) return;
    this.choice = choice;
    if (this.ready) this._moveOn();
    this._drop();
    this._connect();
  }

  flush() {
    const ended = new Promise((resolve) => (this.onend = resolve));
    this.flushed = true;
    this._send(JSON.stringify({ type: "flush" }));
    return ended;
  }

  stop() {
    this.listener = null;
    this._drop();
  }

  close() {
    this.stop();
  }

  /** Send something, after all that waits for the server to be ready. */
  _send(message) {
    if (this.ready) this.socket.send(message);
    else this.waiting.push(message);
  }

  _moveOn() {
    this.moved += Math.round((this.sent / SAMPLE_RATE) * this.manifest.fps);
    [this.sent, this.sentAt] = [0, []];
  }

  _drop() {
    const { socket } = this;
    [this.socket, this.ready] = [null, false];
    socket?.close(1000);
  }

  _connect() {
    const url = address("v1/stream");
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(JSON.stringify(this._header()));
    socket.onmessage = ({ data }) => {
      if (typeof data !== "string") return this._frames(data);
      const message = JSON.parse(data);
      if (message.type === "error") this._fail(new Notice(message.message));
      if (message.type === "end") this.onend?.();
      if (message.type !== "ready") return;
      this.ready = true;
      for (const waiting of this.waiting.splice(0)) socket.send(waiting);
      this.opened();
    };
    socket.onclose = async ({ code }) => {
      if (socket !== this.socket) return;
      if (code === 1000) return this.onend?.();
      const why = (await isFull()) ? FULL : GONE;
      if (socket === this.socket) this._fail(new Notice(why));
    };
  }

  _header() {
    const { persona = null, emotion = null, strength = 1 } = this.choice;
    return {
      sample_rate: SAMPLE_RATE, format: "float32", mode: "binary",
      model: this.manifest.name, persona, emotion, strength, seed: this.seed,
    };
  }

  _fail(notice) {
    [this.socket, this.ready] = [null, false];
    this.onend?.();
    this.refused(notice);
    this.listener?.onerror(notice);
    this.listener = null;
  }

  _frames(buffer) {
    const view = new DataView(buffer);
    const frames = view.getUint32(0, true);
    const channels = view.getUint32(4, true);
    if (!frames) return;
    const own = Math.round(view.getFloat64(8, true) * this.manifest.fps);
    const values = new Float32Array(buffer.slice(8 + 8 * frames, 8 + 8 * frames + 4 * frames * channels));
    const milliseconds = [this._answered(own + frames - 1)];
    this.listener?.onframes({ first: own + this.moved, frames, values, milliseconds });
  }

  /** Milliseconds since the sound that completed a frame was sent. */
  _answered(frame) {
    const { shift_frames: shift } = this.manifest.stream;
    const needed = this.grid.end(frame + shift);
    while (this.sentAt.length > 1 && this.sentAt[0][0] < needed) this.sentAt.shift();
    return this.sentAt.length ? performance.now() - this.sentAt[0][1] : 0;
  }
}

/** Whether all streams are taken: a browser does not tell why a handshake was refused. */
async function isFull() {
  try {
    const { streams } = await (await fetch(address("readyz"))).json();
    return streams.open >= streams.most;
  } catch {
    return false; // gone, or a balancer answers in its stead
  }
}
