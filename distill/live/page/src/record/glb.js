// A take as a GLB: the head with its morph targets, moving as long as the sound.

import * as three from "three";
import { GLTFExporter } from "three/addons/exporters/GLTFExporter.js";

import { turn } from "../face/head.js";

/** The bytes of the file. */
export async function glb(head, take) {
  const mesh = head.mesh.clone();
  mesh.geometry = head.mesh.geometry.clone();
  delete mesh.geometry.morphAttributes.normal; // programs compute them
  mesh.name = "face";
  mesh.morphTargetInfluences = head.mesh.morphTargetInfluences.map(() => 0);
  const neck = new three.Group();
  neck.name = "head";
  neck.position.copy(head.turned.position);
  const body = head.mesh.matrixWorld.clone().premultiply(head.turned.matrixWorld.clone().invert());
  body.decompose(mesh.position, mesh.quaternion, mesh.scale);
  neck.add(mesh);
  const options = { binary: true, animations: [animation(head, take)] };
  return new GLTFExporter().parseAsync(neck, options);
}

function animation(head, take) {
  const names = Object.entries(head.mesh.morphTargetDictionary).sort((a, b) => a[1] - b[1]);
  const columns = names.map(([name]) => take.channels.indexOf(name));
  const [times, weights, turns] = [[], [], []];
  const values = take.all();
  for (let frame = 0; frame < take.frames; frame++) {
    const row = values.subarray(frame * take.width, (frame + 1) * take.width);
    const curve = (name) => row[take.channels.indexOf(name)] ?? 0;
    const shown = columns.map((column) => row[column] ?? 0);
    for (const [held, by, share] of head.caps) {
      shown[head.mesh.morphTargetDictionary[held]] = Math.min(curve(held), share * curve(by));
    }
    times.push(frame / take.fps);
    weights.push(...shown);
    turns.push(...turn(curve("headYaw"), curve("headPitch"), curve("headRoll")).toArray());
  }
  times.push(take.frames / take.fps); // the last is held to the end of the sound
  weights.push(...weights.slice(-columns.length));
  turns.push(...turns.slice(-4));
  return new three.AnimationClip("speech", -1, [
    new three.NumberKeyframeTrack("face.morphTargetInfluences", times, weights),
    new three.QuaternionKeyframeTrack("head.quaternion", times, turns),
  ]);
}
