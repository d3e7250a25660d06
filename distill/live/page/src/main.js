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
import { decode, prepare } from "./sound/sound.js";

const WAITING = {
  idle: "Speak, open a file or play a sample.",
  waiting: "Getting ready…",
  live: "Listening",
  playing: "Playing",
};

const KINDS = { tab: TabModel, server: ServerModel };

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
    prepare().catch(() => {}); // pressing Microphone says why
    this.state("idle");
    requestAnimationFrame(() => this.frame());
  }

  /** Learn from the server what the chosen model is. */
  async ask(query = {}) {
    this.query = query;
    const answer = await fetch(address("v1/model", query)).catch(() => null);
    if (!answer?.ok) {
      throw new Notice("The server does not answer. Start it with python -m distill.live and reload.");
    }
    const manifest = await answer.json();
    if (query !== this.query) return; // another was chosen meanwhile
    if (!manifest.stream) {
      throw new Notice(`Model ${manifest.name} cannot stream; start the server with one that can.`);
    }
    this.manifest = manifest;
    this.stop();
    for (const loading of Object.values(this.models)) loading.then((model) => model.close(), () => {});
    this.models = {};
    this.session = new Session(this.manifest, {
      onstate: (state) => this.state(state),
      onnotice: (notice) => this.tell(notice),
    });
    this.curves = new Curves(byId("curves"), this.manifest.channels);
    this.figures = new Figures(this.manifest);
    fill(this.manifest);
    this.offer();
  }

  /** The model at the place that is chosen, loaded once. */
  async model() {
    const { models, place } = this;
    models[place] ??= load(KINDS[place], this.manifest).catch((error) => {
      delete models[place];
      throw error;
    });
    const model = await models[place];
    if (models !== this.models || place !== this.place) return this.model(); // chosen meanwhile
    this.figures.where(model);
    return model;
  }

  choice() {
    const value = (id) => byId(id).value || null;
    return { persona: value("persona"), emotion: value("emotion"), strength: Number(byId("strength").value) };
  }

  async listen() {
    if (this.session.state === "live") return this.stop();
    await this.begin(null, (model) => this.session.listen(model, this.choice()));
  }

  /** Play a recording; `bytes` promises a file's. */
  async play(bytes) {
    const play = (model, samples) => this.session.play(model, this.choice(), samples);
    await this.begin(bytes.then(decode), play);
  }

  /** Begin a take once model and sound are ready, unless something else was asked for meanwhile. */
  async begin(sound, take) {
    this.hush();
    const asked = (this.asked = {});
    const [model, samples] = await Promise.all([this.model(), sound]);
    if (asked === this.asked) await take(model, samples);
  }

  stop() {
    this.asked = null;
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
    this.offer();
    byId("video").disabled = !this.head || !keep.possible || !(live || state === "playing");
    if (state === "idle") keep.finish();
  }

  /** Offer files of the take once there is one. */
  offer() {
    const made = this.session.take.frames > 0;
    byId("csv").disabled = !made;
    byId("glb").disabled = !made || !this.head;
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

async function load(Kind, manifest) {
  const model = new Kind(manifest);
  try {
    await model.load();
  } catch (error) {
    model.close();
    throw error;
  }
  return model;
}

const page = new Page();
expose(page);
page.start().catch((error) => {
  byId("status").textContent = "";
  page.tell(error);
});
