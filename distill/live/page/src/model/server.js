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
  async open(choice, seed, listener) {
    this.stop();
    Object.assign(this, { choice, seed, listener, sent: 0, moved: 0 });
    await this._connect();
  }

  push(samples) {
    this.sent += samples.length;
    this.sentAt.push([this.sent, performance.now()]);
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(samples);
    else this.waiting.push(samples);
  }

  async dress(choice) {
    if (!this.socket) return;
    const { fps } = this.manifest;
    this.choice = choice;
    this._drop();
    this.moved += Math.round((this.sent / SAMPLE_RATE) * fps);
    this.sent = 0;
    await this._connect().catch((error) => this.listener?.onerror(error));
  }

  flush() {
    const ended = new Promise((resolve) => (this.onend = resolve));
    this.socket?.send(JSON.stringify({ type: "flush" }));
    return ended;
  }

  stop() {
    this.listener = null;
    this._drop();
  }

  close() {
    this.stop();
  }

  _drop() {
    const socket = this.socket;
    this.socket = null;
    socket?.close(1000);
  }

  _connect() {
    this.sentAt = [];
    this.waiting = [];
    const url = address("v1/stream");
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(JSON.stringify(this._header()));
    return new Promise((resolve, reject) => {
      socket.onmessage = ({ data }) => {
        if (typeof data !== "string") return this._frames(data);
        const message = JSON.parse(data);
        if (message.type === "error") this._fail(new Notice(message.message), reject);
        if (message.type === "end") this.onend?.();
        if (message.type !== "ready") return;
        for (const samples of this.waiting.splice(0)) socket.send(samples);
        resolve();
      };
      socket.onclose = async ({ code }) => {
        if (socket !== this.socket) return;
        if (code === 1000) return this.onend?.();
        const why = (await isFull()) ? FULL : GONE;
        if (socket === this.socket) this._fail(new Notice(why), reject);
      };
    });
  }

  _header() {
    const { persona = null, emotion = null, strength = 1 } = this.choice;
    return {
      sample_rate: SAMPLE_RATE, format: "float32", mode: "binary",
      model: this.manifest.name, persona, emotion, strength, seed: this.seed,
    };
  }

  _fail(notice, reject) {
    this.socket = null;
    this.onend?.();
    reject(notice);
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
  const answer = await fetch(address("readyz")).catch(() => null);
  if (!answer) return false;
  const { streams } = await answer.json();
  return streams.open >= streams.most;
}
