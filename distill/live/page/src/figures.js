// What the page measures: delay by design, time to compute, pictures per second.

import { byId } from "./controls.js";

const EVERY_MS = 500;

export class Figures {
  constructor(manifest) {
    const { delay_ms: delay, latency_frames: frames } = manifest;
    byId("delay").textContent = `${Math.round(delay)} ms (${frames} frames)`;
    this.since = performance.now();
    this.pictures = 0;
  }

  /** Say where the model runs, and whether sound leaves this device. */
  where(model) {
    const here = model.name === "tab";
    byId("compute-name").textContent = here ? "Computes a frame" : "Server answers";
    byId("privacy").textContent = here
      ? "Runs in this tab. Your voice stays here."
      : "Runs on the server. Your voice is sent there.";
    const threads = model.threads === 1 ? "one thread" : `${model.threads} threads`;
    byId("runs").textContent = here ? `WebAssembly, ${threads}.` : "WebSocket.";
  }

  draw({ milliseconds }) {
    this.pictures += 1;
    const now = performance.now();
    if (now - this.since < EVERY_MS) return;
    this.rate = (1000 * this.pictures) / (now - this.since);
    byId("rate").textContent = `${Math.round(this.rate)} per s`;
    [this.since, this.pictures] = [now, 0];
    if (!milliseconds.length) return;
    const sorted = [...milliseconds].sort((a, b) => a - b);
    const at = (share) => sorted[Math.floor(share * (sorted.length - 1))];
    [this.p50, this.p95] = [at(0.5), at(0.95)];
    byId("compute").textContent = `${this.p50.toFixed(1)} ms (p95 ${this.p95.toFixed(1)})`;
  }
}
