// The page: puts head, model, sound and controls together.

import { address } from "./address.js";
import { Curves } from "./face/curves.js";
import { Head } from "./face/head.js";
import { ServerModel } from "./model/server.js";
import { TabModel } from "./model/tab.js";
import { Notice, sentence } from "./notice.js";
import { byId, fill, keep, wire } from "./controls.js";
import { Figures } from "./figures.js";
import { expose } from "./readout.js";
import { Session } from "./session.js";
import { decode } from "./sound/sound.js";

const WAITING = {
  idle: "Speak, open a file or play a sample.",
  waiting: "Getting ready…",
  live: "Listening",
  playing: "Playing",
};

class Page {
  constructor() {
    this.models = {};
    this.place = "tab";
  }

  async start() {
    wire(this);
    const ground = () => getComputedStyle(byId("head").parentElement).backgroundColor;
    await this.ask();
    try {
      const head = new Head(byId("head"));
      await head.load("rig.glb");
      addEventListener("resize", () => head.resize());
      this.head = head;
    } catch (error) {
      this.tell(error);
    }
    this.ground = ground;
    await this.run(() => this.model());
    this.listSamples();
    this.state("idle");
    requestAnimationFrame(() => this.frame());
  }

  /** Learn from the server what the chosen model is. */
  async ask(query = {}) {
    const answer = await fetch(address("v1/model", query)).catch(() => null);
    if (!answer?.ok) {
      throw new Notice("The server does not answer. Start it with python -m distill.live and reload.");
    }
    const manifest = await answer.json();
    if (!manifest.stream) {
      throw new Notice(`Model ${manifest.name} cannot stream; start the server with one that can.`);
    }
    this.manifest = manifest;
    this.stop();
    for (const model of Object.values(this.models)) model.close();
    this.models = {};
    this.session = new Session(this.manifest, {
      onstate: (state) => this.state(state),
      onnotice: (notice) => this.tell(notice),
    });
    this.curves = new Curves(byId("curves"), this.manifest.channels);
    this.figures = new Figures(this.manifest);
    fill(this.manifest);
  }

  /** The model at the place that is chosen, loaded once. */
  async model() {
    if (!this.models[this.place]) {
      const Kind = this.place === "tab" ? TabModel : ServerModel;
      const model = new Kind(this.manifest);
      await model.load();
      this.models[this.place] = model;
    }
    this.figures.where(this.models[this.place]);
    return this.models[this.place];
  }

  choice() {
    const value = (id) => byId(id).value || null;
    return { persona: value("persona"), emotion: value("emotion"), strength: Number(byId("strength").value) };
  }

  async listen() {
    if (this.session.state === "live") return this.stop();
    this.hush();
    await this.session.listen(await this.model(), this.choice());
  }

  /** Play a recording given as bytes of a file. */
  async play(bytes) {
    this.hush();
    const samples = await decode(bytes);
    await this.session.play(await this.model(), this.choice(), samples);
  }

  stop() {
    this.session?.stop();
  }

  dress() {
    this.session.model?.dress(this.choice());
  }

  async move(place) {
    this.stop();
    this.hush();
    this.place = place;
    await this.model();
  }

  async listSamples() {
    const answer = await fetch(address("v1/samples")).catch(() => null);
    if (!answer?.ok) return;
    for (const { name, url } of await answer.json()) byId("samples").add(new Option(name, url));
    byId("samples").disabled = false;
  }

  frame() {
    const now = this.session.now();
    const curves = this.session.take.at(now);
    const { channels } = this.manifest;
    if (this.head) {
      this.gap = this.head.shape((name) => curves[channels.indexOf(name)] ?? 0);
      this.head.draw(this.ground());
    }
    this.shown = { now, curves };
    this.figures.draw(this.session);
    this.curves.draw(this.session.take, now);
    requestAnimationFrame(() => this.frame());
  }

  state(state) {
    byId("status").textContent = WAITING[state];
    const live = state === "live";
    byId("microphone").setAttribute("aria-pressed", String(live));
    byId("microphone").lastElementChild.textContent = live ? "Stop" : "Microphone";
    for (const id of ["microphone", "open"]) byId(id).disabled = state === "waiting";
    const made = this.session.take.frames > 0;
    for (const id of ["csv", "glb"]) byId(id).disabled = !made || (id === "glb" && !this.head);
    byId("video").disabled = !this.head || !keep.possible || !(live || state === "playing");
    if (state === "idle") keep.finish();
  }

  /** Do something; a failure becomes a sentence on the page. */
  async run(work) {
    try {
      await work();
    } catch (error) {
      this.tell(error);
    }
  }

  tell(error) {
    byId("sentence").textContent = sentence(error);
    byId("notice").hidden = false;
  }

  hush() {
    byId("notice").hidden = true;
  }
}

const page = new Page();
expose(page);
page.start().catch((error) => {
  byId("status").textContent = "";
  page.tell(error);
});
