// The model in this tab: one worker, one stream at a time.

import { Notice } from "../notice.js";

const RUNTIME = new URL("ort/", document.baseURI).href;
const MOST_THREADS = 4;

export class TabModel {
  constructor(manifest) {
    this.manifest = manifest;
    this.name = "tab";
    this.id = 0;
  }

  /** Start the worker and load the networks. */
  async load() {
    const cores = navigator.hardwareConcurrency ?? 1;
    const threads = crossOriginIsolated ? Math.max(1, Math.min(MOST_THREADS, cores >> 1)) : 1;
    this.worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    await new Promise((resolve, reject) => {
      this.worker.onerror = () => reject(unloaded("the worker stopped"));
      this.worker.onmessage = ({ data }) =>
        data.type === "ready" ? resolve() : reject(unloaded(data.message));
      this.worker.postMessage({ type: "load", manifest: this.manifest, runtime: RUNTIME, threads });
    });
    this.threads = threads;
    this.worker.onmessage = ({ data }) => this._answer(data);
    this.worker.onerror = () => this.listener?.onerror(broken("the worker stopped"));
  }

  /** Begin a stream; `listener` has onframes({first, frames, values, milliseconds}) and onerror. */
  async open(choice, seed, listener) {
    this.listener = listener;
    this.id += 1;
    this.worker.postMessage({ type: "open", id: this.id, seed, choice });
  }

  push(samples) {
    this.worker.postMessage({ type: "push", id: this.id, samples }, [samples.buffer]);
  }

  /** Say what follows with another persona. */
  dress(choice) {
    this.worker.postMessage({ type: "dress", choice });
  }

  /** End the sound; resolves when the last frames are there. */
  flush() {
    const ended = new Promise((resolve) => (this.onend = resolve));
    this.worker.postMessage({ type: "flush", id: this.id });
    return ended;
  }

  /** Forget the stream. */
  stop() {
    this.listener = null;
    this.id += 1;
  }

  close() {
    this.worker?.terminate();
  }

  _answer(data) {
    if (data.type === "error") {
      this.onend?.();
      this.listener?.onerror(broken(data.message));
    }
    if (data.id !== this.id) return;
    if (data.type === "frames") this.listener?.onframes(data);
    if (data.type === "end") this.onend?.();
  }
}

function unloaded(why) {
  return new Notice(
    "The model cannot run in this tab because a file of it or of the WebAssembly runtime is " +
      "missing. Build the page again, or switch to the server.",
    why,
  );
}

function broken(why) {
  return new Notice("The model stopped in this tab. Start again, or switch to the server.", why);
}
