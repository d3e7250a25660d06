import { readFileSync } from "node:fs";

import { defaultClientConditions, defineConfig } from "vite";

const RUNTIME = ["ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"];

/** The WebAssembly runtime lies beside the page as it came: the worker loads it by address. */
const runtime = {
  name: "runtime",
  generateBundle() {
    for (const name of RUNTIME) {
      const source = readFileSync(new URL(`node_modules/onnxruntime-web/dist/${name}`, import.meta.url));
      this.emitFile({ type: "asset", fileName: `ort/${name}`, source });
    }
  },
};

export default defineConfig({
  base: "./",
  build: { target: "es2023", assetsInlineLimit: 0, modulePreload: false, chunkSizeWarningLimit: 2000 },
  resolve: { conditions: ["onnxruntime-web-use-extern-wasm", ...defaultClientConditions] },
  worker: { format: "es" },
  plugins: [runtime],
});
