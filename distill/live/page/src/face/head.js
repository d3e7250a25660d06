// The head: a GLB with morph targets under studio light, turned and shaped by the curves.

import * as three from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";

import { Notice } from "../notice.js";

const FIELD_OF_VIEW = 24;
const PORTRAIT = 1.12;
const AIR = 1.36; // height of the picture over that of the portrait
const LOWERED = 0.1; // share of the picture below the head for the buttons
const SHARPEST = 2; // device pixels per pixel

export class Head {
  constructor(canvas) {
    this.canvas = canvas;
    try {
      this.renderer = new three.WebGLRenderer({ canvas, antialias: true, preserveDrawingBuffer: true });
    } catch (error) {
      throw new Notice("This browser shows no 3D (WebGL is off); curves and files work.", error.message);
    }
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, SHARPEST));
    this.renderer.toneMapping = three.NeutralToneMapping;
    this.scene = new three.Scene();
    this.camera = new three.PerspectiveCamera(FIELD_OF_VIEW, 1, 0.01, 20);
    this.turned = new three.Group();
    this.scene.add(this.turned, ...lights());
  }

  /** Load the head; its mesh tells pivot, lips, caps and view in `userData`. */
  async load(url) {
    const file = await new GLTFLoader().loadAsync(url).catch((error) => {
      throw new Notice("The head cannot be loaded from the server; reload the page.", error.message);
    });
    file.scene.updateMatrixWorld(true);
    file.scene.traverse((part) => {
      if (part.morphTargetInfluences?.length) this.mesh = part;
    });
    const told = this.mesh.userData;
    const place = this.mesh.matrixWorld;
    const box = new three.Box3().setFromObject(file.scene);
    const middle = box.getCenter(new three.Vector3());
    const pivot = told.pivot ? new three.Vector3(...told.pivot).applyMatrix4(place) : middle;
    this.turned.position.copy(pivot);
    file.scene.position.sub(pivot);
    this.turned.add(file.scene);
    this.mesh.frustumCulled = false;
    this.mesh.material = skin(this.mesh.geometry);
    soften(this.mesh.geometry);
    this.lips = opening(this.mesh, told.lip_pairs ?? []);
    this.caps = told.capped ?? [];
    this._frame(box, told.view, place);
  }

  _frame(box, view, place) {
    const scale = new three.Vector3().setFromMatrixScale(place).y;
    const size = box.getSize(new three.Vector3());
    this.span = view?.[1] ? view[1] * scale : PORTRAIT * size.y;
    const height = view?.[1] ? view[0] * scale : box.getCenter(new three.Vector3()).y;
    this.span *= AIR;
    this.target = new three.Vector3(0, height - LOWERED * this.span, 0.3 * box.max.z);
    this.controls = new OrbitControls(this.camera, this.canvas);
    Object.assign(this.controls, {
      enablePan: false, enableZoom: false, enableDamping: true, rotateSpeed: 0.4,
      minPolarAngle: 1.1, maxPolarAngle: 1.9, minAzimuthAngle: -1, maxAzimuthAngle: 1,
    });
    this.controls.target.copy(this.target);
    this.canvas.style.touchAction = "pan-y"; // a finger on the head still scrolls the page
    this.resize();
  }

  /** Fit the picture to its place on the page. */
  resize() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height || !this.target) return;
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    const narrow = Math.max(1, 0.86 / this.camera.aspect);
    const distance = (narrow * this.span) / (2 * Math.tan((FIELD_OF_VIEW * Math.PI) / 360));
    this.camera.position.copy(this.target).add(new three.Vector3(0, 0.02, distance));
    this.camera.updateProjectionMatrix();
    this.changed = true;
  }

  /** Show curves given by name; returns the opening between the lips in the rig's unit. */
  shape(curve) {
    const weights = this.mesh.morphTargetInfluences;
    const before = [...weights, ...this.turned.quaternion];
    const numbers = this.mesh.morphTargetDictionary;
    for (const name in numbers) weights[numbers[name]] = curve(name);
    for (const [held, by, share] of this.caps) {
      weights[numbers[held]] = Math.min(curve(held), share * curve(by));
    }
    this.turned.quaternion.copy(turn(curve("headYaw"), curve("headPitch"), curve("headRoll")));
    this.changed ||= [...weights, ...this.turned.quaternion].some((value, i) => value !== before[i]);
    return this.gap();
  }

  /** Mean vertical opening between facing lip vertices, in the rig's unit. */
  gap() {
    const [rest, perTarget] = this.lips;
    const weights = this.mesh.morphTargetInfluences;
    return perTarget.reduce((sum, change, i) => sum + weights[i] * change, rest);
  }

  /** Draw a picture on a ground given as a CSS colour, unless nothing has changed. */
  draw(ground) {
    const looked = this.controls.update();
    if (ground === this.ground && !this.changed && !looked) return;
    this.scene.background = new three.Color(ground);
    this.renderer.render(this.scene, this.camera);
    [this.ground, this.changed] = [ground, false];
  }
}

/** Rotation of the head from Live Link Face angles: rolls first, yaws last. */
export function turn(yaw, pitch, roll) {
  return new three.Quaternion().setFromEuler(new three.Euler(pitch, -yaw, roll, "YXZ"));
}

function skin(geometry) {
  const colored = Boolean(geometry.attributes.color);
  return new three.MeshStandardMaterial({
    color: colored ? 0xffffff : 0xd9ab94, vertexColors: colored, roughness: 0.66,
    side: three.DoubleSide,
  });
}

function lights() {
  const make = (color, strength, x, y, z) => {
    const light = new three.DirectionalLight(color, strength);
    light.position.set(x, y, z);
    return light;
  };
  return [
    new three.HemisphereLight(0xffffff, 0xd8d0cc, 1.75),
    make(0xfff8f0, 1.75, -0.9, 1.0, 1.9), // key
    make(0xeaf0ff, 0.7, 1.6, 0.2, 1.3), // fill
    make(0xdbe5ff, 0.9, 1.5, 0.9, -1.5), // rim
  ];
}

/** Give every morph target normals of its own, so that light follows the lips. */
function soften(geometry) {
  geometry.computeVertexNormals();
  const rest = geometry.attributes.position;
  const still = geometry.attributes.normal.array;
  const shaped = new three.BufferGeometry();
  shaped.setIndex(geometry.index);
  geometry.morphAttributes.normal = geometry.morphAttributes.position.map((target) => {
    shaped.setAttribute(
      "position",
      new three.BufferAttribute(rest.array.map((value, i) => value + target.array[i]), 3),
    );
    shaped.computeVertexNormals();
    const normals = shaped.attributes.normal.array;
    return new three.BufferAttribute(normals.map((value, i) => value - still[i]), 3);
  });
}

/** Opening of the lips at rest and its change per unit of every target. */
function opening(mesh, pairs) {
  const { position } = mesh.geometry.attributes;
  const mean = (values) =>
    pairs.reduce((sum, [up, low]) => sum + values.getY(up) - values.getY(low), 0) / (pairs.length || 1);
  return [mean(position), mesh.geometry.morphAttributes.position.map(mean)];
}
