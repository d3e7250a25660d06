// Buttons, pickers and what is dropped on the page.

import { Notice } from "./notice.js";
import { csv } from "./record/csv.js";
import { glb } from "./record/glb.js";
import { save } from "./record/save.js";
import { Video, form } from "./record/video.js";

export const byId = (id) => document.getElementById(id);

/** The video that is being recorded, if any. */
export const keep = {
  possible: Boolean(form()),
  video: null,
  begin(page) {
    this.video = new Video(page.head.canvas, page.session.track());
    this._show(true);
  },
  async finish() {
    const video = this.video;
    if (!video) return;
    this.video = null;
    this._show(false);
    const { blob, suffix } = await video.stop();
    save(`face.${suffix}`, blob);
  },
  _show(recording) {
    byId("video").setAttribute("aria-pressed", String(recording));
    byId("video").textContent = recording ? "Stop and save" : "Record video";
  },
};

/** Put the model's names into the pickers. */
export function fill(manifest) {
  options("persona", Object.keys(manifest.personas ?? {}), "Average voice");
  options("emotion", Object.keys(manifest.emotions ?? {}).filter((name) => name !== "neutral"), "Neutral");
  options("model", manifest.models?.length ? manifest.models : [manifest.name]);
  options("steps", manifest.steps ?? []);
  byId("model").value = manifest.name;
  if (manifest.step) byId("steps").value = manifest.step;
  byId("strength").disabled = byId("persona").disabled && byId("emotion").disabled;
  const form_ = form();
  byId("video-form").textContent = form_
    ? `Video is ${form_[1]}; CSV and GLB keep the last take.`
    : "This browser records no video; CSV and GLB keep the last take.";
}

function options(id, names, none) {
  const made = names.map((name) => new Option(readable(String(name)), name));
  if (none) made.unshift(new Option(none, ""));
  byId(id).replaceChildren(...made);
  byId(id).disabled = made.length < 2;
}

const readable = (name) => name[0].toUpperCase() + name.slice(1).replaceAll("_", " ");

/** Connect every control with what it does on the page. */
export function wire(page) {
  const on = (id, event, work) => byId(id).addEventListener(event, (e) => page.run(() => work(e)));
  on("microphone", "click", () => page.listen());
  on("open", "click", () => byId("file").click());
  on("file", "change", async ({ target }) => {
    const [file] = target.files;
    target.value = "";
    if (file) await page.play(file.arrayBuffer());
  });
  on("samples", "change", async ({ target }) => {
    const url = target.value;
    target.selectedIndex = 0;
    await page.play(fetched(url));
  });
  for (const id of ["persona", "emotion"]) on(id, "change", () => page.dress());
  on("strength", "input", () => {
    byId("strength-shown").value = Number(byId("strength").value).toFixed(1);
  });
  on("strength", "change", () => page.dress());
  for (const radio of document.querySelectorAll("input[name=place]")) {
    radio.addEventListener("change", () => page.run(() => page.move(radio.value)));
  }
  const reload = async () => {
    await page.ask({ model: byId("model").value, steps: byId("steps").value });
    await page.model();
  };
  on("model", "change", reload);
  on("steps", "change", reload);
  on("dismiss", "click", () => page.hush());
  on("csv", "click", () => save("face.csv", csv(page.session.take), "text/csv"));
  on("glb", "click", async () => {
    save("face.glb", await glb(page.head, page.session.take), "model/gltf-binary");
  });
  on("video", "click", () => (keep.video ? keep.finish() : keep.begin(page)));
  dropping(page);
}

function dropping(page) {
  const show = (shown) => (byId("drop").hidden = !shown);
  addEventListener("dragover", (event) => {
    event.preventDefault();
    show(true);
  });
  addEventListener("dragleave", (event) => event.relatedTarget || show(false));
  addEventListener("drop", (event) => {
    event.preventDefault();
    show(false);
    const [file] = event.dataTransfer.files;
    if (file) page.run(() => page.play(file.arrayBuffer()));
  });
}

async function fetched(url) {
  const answer = await fetch(url).catch(() => null);
  if (!answer?.ok) throw new Notice("The server is gone. Start it again, or open a file.");
  return answer.arrayBuffer();
}
