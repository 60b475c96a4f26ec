import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";

// What the gateway sends is gzip as it was made here.
function gzipped(): Plugin {
  let folder = "";
  return {
    name: "gzipped",
    apply: "build",
    configResolved(config) {
      folder = config.build.outDir;
    },
    closeBundle() {
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const path = join(entry.parentPath, entry.name);
        writeFileSync(path + ".gz", gzipSync(readFileSync(path), { level: 9 }));
        rmSync(path);
      }
    },
  };
}

// For working on the pages: npm run dev, with the admin listener of a ring behind it (POSTERN_ADMIN). It takes
// changes only from its own pages, so they are sent as if they came from those.
const admin = process.env.POSTERN_ADMIN ?? "http://127.0.0.1:8081";

export default defineConfig({
  plugins: [svelte(), gzipped()],
  base: "./", // works below any path of a proxy's
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // the policy takes no data: URL
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: { "/api": { target: admin, headers: { Origin: admin } } },
  },
});
